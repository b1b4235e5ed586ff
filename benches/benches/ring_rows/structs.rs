//! The same rows as structs in a ring of structs.

use std::time::{Duration, Instant};

use zc_benches::broadcast::pin;
use zc_benches::threads::{Task, expect, together};
use zc_ring::{Batch, Consumer, ConsumerOptions, Poll, Producer, Ring};

use crate::CAPACITY;
use crate::quote::{expected, quote, sum};

/// The quote as a plain struct of whole words.
type Plain = [u64; 5];

#[inline]
fn plain(number: u64) -> Plain {
    let (ts, seq, px, qty, instrument, tag) = quote(number);
    let words = [ts, seq, px, qty].map(i64::cast_unsigned);
    let last = u64::from(instrument) | u64::from(tag) << 32;
    [words[0], words[1], words[2], words[3], last]
}

fn ends() -> Result<(Producer<Plain>, Consumer<Plain>), String> {
    let ring = Ring::<Plain>::builder(CAPACITY).build();
    let ring = ring.map_err(|e| e.to_string())?;
    let consumer = ring.consumer(ConsumerOptions::default());
    let consumer = consumer.map_err(|e| e.to_string())?;
    Ok((ring.producer().map_err(|e| e.to_string())?, consumer))
}

#[inline]
fn publish(producer: &mut Producer<Plain>, number: u64, batch: usize) -> Result<(), String> {
    if batch == 1 {
        producer.publish(|slot| *slot = plain(number));
        return Ok(());
    }
    let fill = |mut slots: zc_ring::SlotsMut<'_, Plain>| {
        let (first, second) = slots.as_mut_slices();
        for (slot, number) in first.iter_mut().chain(second).zip(number..) {
            *slot = plain(number);
        }
    };
    let published = producer.publish_batch(batch, fill);
    published.map(drop).map_err(|e| e.to_string())
}

#[inline]
fn read(batch: &Batch<'_, Plain>) -> i64 {
    let (first, second) = batch.as_slices();
    let mut total = 0i64;
    for row in first.iter().chain(second) {
        let [ts, seq, px, qty] = [row[0], row[1], row[2], row[3]].map(u64::cast_signed);
        let (instrument, tag) = (row[4] as u32, (row[4] >> 32) as u32);
        total = total.wrapping_add(sum((ts, seq, px, qty, instrument, tag)));
    }
    total
}

/// From one core to another.
pub(crate) fn two_threads(batch: usize, rows: u64) -> Result<Duration, String> {
    let rows = rows.next_multiple_of(batch as u64);
    let (mut producer, mut consumer) = ends()?;
    let expected = expected(rows);
    let reader: Task<'_> = Box::new(move || {
        pin(1);
        let (mut seen, mut total) = (0, 0i64);
        while seen < rows {
            if let Poll::Rows(batch) = consumer.recv_blocking() {
                seen += batch.len() as u64;
                total = total.wrapping_add(read(&batch));
            }
        }
        expect("sum", total, expected)
    });
    let writer: Task<'_> = Box::new(move || {
        pin(0);
        let mut number = 0;
        while number < rows {
            publish(&mut producer, number, batch)?;
            number += batch as u64;
        }
        Ok(())
    });
    together(vec![reader, writer])
}

/// In and out again on one thread: what the calls cost without the way between two cores.
pub(crate) fn one_thread(batch: usize, rows: u64) -> Result<Duration, String> {
    let rows = rows.next_multiple_of(batch as u64);
    let (mut producer, mut consumer) = ends()?;
    let (mut number, mut total) = (0, 0i64);
    let begin = Instant::now();
    while number < rows {
        publish(&mut producer, number, batch)?;
        number += batch as u64;
        if let Poll::Rows(batch) = consumer.poll(batch) {
            total = total.wrapping_add(read(&batch));
        }
    }
    let elapsed = begin.elapsed();
    expect("sum", total, expected(rows))?;
    Ok(elapsed)
}
