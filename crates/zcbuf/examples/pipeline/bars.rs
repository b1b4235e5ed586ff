//! The first consumer: one-second bars an instrument, handed over a channel.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use zcbuf::channel::{Receiver, Sender};
use zcbuf::core::sync::atomic::Ordering::Relaxed;
use zcbuf::ring::{Poll, RowConsumer};

use crate::failure::Failure;
use crate::row::{Columns, Tick, for_each_tick};
use crate::shared::{Shared, Stamps};

const BAR_NS: i64 = 1_000_000_000;
const TRADE: u8 = 1;

/// Open, high, low, close and traded volume of one instrument in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    pub instrument: u32,
    pub second: i64,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i64,
    pub ticks: u64,
}

/// Turns ticks into bars. A bar is complete when a later second's tick of its instrument comes.
#[derive(Debug, Default)]
pub struct BarBuilder {
    open: BTreeMap<u32, Bar>,
}

impl BarBuilder {
    pub fn add(&mut self, tick: Tick) -> Option<Bar> {
        let second = tick.local_ts_ns.div_euclid(BAR_NS);
        let volume = if tick.kind == TRADE { tick.qty_lots } else { 0 };
        let fresh = Bar {
            instrument: tick.instrument,
            second,
            open: tick.price_ticks,
            high: tick.price_ticks,
            low: tick.price_ticks,
            close: tick.price_ticks,
            volume,
            ticks: 1,
        };
        match self.open.get_mut(&tick.instrument) {
            Some(bar) if bar.second == second => {
                bar.high = bar.high.max(tick.price_ticks);
                bar.low = bar.low.min(tick.price_ticks);
                bar.close = tick.price_ticks;
                bar.volume = bar.volume.wrapping_add(volume);
                bar.ticks += 1;
                None
            }
            _ => self.open.insert(tick.instrument, fresh),
        }
    }

    /// The bars that no later tick has completed.
    pub fn finish(self) -> impl Iterator<Item = Bar> {
        self.open.into_values()
    }
}

/// What is left of all bars; equal for equal bars in equal order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BarSummary {
    pub bars: u64,
    pub ticks: u64,
    pub volume: i64,
    hash: u64,
}

impl BarSummary {
    pub fn add(&mut self, bar: &Bar) {
        let values = [
            i64::from(bar.instrument),
            bar.second,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
        ];
        for value in values {
            self.hash =
                (self.hash.rotate_left(5) ^ value as u64).wrapping_mul(0x517C_C1B7_2722_0A95);
        }
        self.bars += 1;
        self.ticks += bar.ticks;
        self.volume = self.volume.wrapping_add(bar.volume);
    }
}

/// How long rows took from publication to this consumer, in nanoseconds.
pub type Latency = Histogram<u64>;

/// Three digits, from a nanosecond to an hour.
pub fn latency_histogram() -> Result<Latency, Failure> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 3)
        .map_err(Failure::because("a latency histogram"))
}

/// Reads every row and sends the bars on.
pub fn aggregate(
    mut rows: RowConsumer,
    columns: &Columns,
    bars: &Sender<Bar>,
    shared: &Shared,
    stamps: &Stamps,
) -> Result<Latency, Failure> {
    let mut builder = BarBuilder::default();
    let mut latency = latency_histogram()?;
    let send = |bar| {
        bars.send_blocking(bar)
            .map_err(|_| Failure::run("nobody takes the bars"))
    };
    loop {
        let ended = shared.source_has_ended();
        match rows.recv_timeout(Duration::from_millis(20)) {
            Poll::Rows(batch) => {
                let first = batch.sequence();
                let count = batch.len() as u64;
                stamps
                    .ages(first..first + count)
                    .for_each(|age| latency.saturating_record(age));
                for_each_tick(&batch, columns, |tick| match builder.add(tick) {
                    Some(bar) => send(bar),
                    None => Ok(()),
                })?;
                shared.bar_rows.fetch_add(count, Relaxed);
            }
            Poll::Empty if !ended => {}
            Poll::Empty | Poll::Closed => break,
            other => {
                return Err(Failure::run(format!(
                    "the bar consumer lost its place: {other:?}"
                )));
            }
        }
    }
    builder.finish().try_for_each(send)?;
    Ok(latency)
}

/// The end of the channel: counts and sums what arrives.
pub fn collect(bars: &Receiver<Bar>, shared: &Shared) -> BarSummary {
    let mut summary = BarSummary::default();
    while let Some(bar) = bars.recv_blocking() {
        summary.add(&bar);
        shared.bars.store(summary.bars, Relaxed);
    }
    summary
}
