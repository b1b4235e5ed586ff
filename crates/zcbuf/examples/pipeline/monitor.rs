//! The third consumer: looks in now and then, and never holds the producer up.

use std::time::Duration;

use zcbuf::core::sync::atomic::Ordering::Relaxed;
use zcbuf::ring::{Poll, RowConsumer};

use crate::shared::Shared;

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(20);

/// Counts the rows it sees and those that it is told it missed.
pub fn watch(mut rows: RowConsumer, shared: &Shared) {
    loop {
        let ended = shared.source_has_ended();
        match rows.recv_timeout(PERIOD) {
            Poll::Rows(batch) => {
                shared.monitor_rows.fetch_add(batch.len() as u64, Relaxed);
            }
            Poll::Lagged { missed } => {
                shared.monitor_missed.fetch_add(missed, Relaxed);
                continue;
            }
            Poll::Empty if !ended => continue,
            _ => return,
        }
        if !ended {
            std::thread::sleep(PERIOD);
        }
    }
}
