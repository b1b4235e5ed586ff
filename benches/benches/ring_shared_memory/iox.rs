//! iceoryx2: slices of rows, nothing overwritten, the publisher waits for the subscriber.

use std::time::Duration;

use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;
use zc_benches::broadcast::{Check, Row, row};

use super::CAPACITY;
use super::processes::{Consumer, now, ready};

type Rows = PortFactory<ipc::Service, [Row], ()>;

fn open(node: &Node<ipc::Service>, service: &str, slices: usize) -> Result<Rows, String> {
    let name: ServiceName = service.try_into().map_err(|e| format!("{e:?}"))?;
    node.service_builder(&name)
        .publish_subscribe::<[Row]>()
        .enable_safe_overflow(false)
        .subscriber_max_buffer_size(slices)
        .max_publishers(1)
        .max_subscribers(1)
        .open_or_create()
        .map_err(|e| format!("{e:?}"))
}

fn node() -> Result<Node<ipc::Service>, String> {
    // It says that it found no configuration, each time.
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new().create::<ipc::Service>();
    node.map_err(|e| format!("{e:?}"))
}

pub(crate) fn two_processes(batch: u64, rows: u64) -> Result<Duration, String> {
    let batch = usize::try_from(batch).map_err(|e| e.to_string())?;
    let slices = CAPACITY / batch;
    let service = format!("zc-bench-{}", std::process::id());
    let node = node()?;
    let port = open(&node, &service, slices)?;
    let publisher = port
        .publisher_builder()
        .initial_max_slice_len(batch)
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create()
        .map_err(|e| format!("{e:?}"))?;
    let consumer = Consumer::start("iceoryx2", &format!("{service}/{slices}"), rows)?;
    zc_benches::broadcast::pin(0);
    let begin = now()?;
    let mut number = 0;
    while number < rows {
        let left = batch.min(usize::try_from(rows - number).unwrap_or(batch));
        let slice = publisher.loan_slice_uninit(left);
        let slice = slice.map_err(|e| format!("{e:?}"))?;
        let slice = slice.write_from_fn(|n| row(number + n as u64));
        slice.send().map_err(|e| format!("{e:?}"))?;
        number += left as u64;
    }
    Ok(consumer.end()?.saturating_sub(begin))
}

pub(crate) fn consume(place: &str, rows: u64, seen: &mut Check) -> Result<(), String> {
    let (service, slices) = place.split_once('/').ok_or("no number of slices")?;
    let slices = slices.parse().map_err(|e| format!("slices: {e}"))?;
    let node = node()?;
    let subscriber = open(&node, service, slices)?
        .subscriber_builder()
        .buffer_size(slices)
        .create()
        .map_err(|e| format!("{e:?}"))?;
    ready()?;
    while seen.rows < rows {
        match subscriber.receive().map_err(|e| format!("{e:?}"))? {
            Some(slice) => seen.slice(slice.payload()),
            None => std::hint::spin_loop(),
        }
    }
    Ok(())
}
