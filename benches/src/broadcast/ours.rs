//! Our ends.

use std::ops::Range;

use zc_ring::{Consumer, ConsumerOptions, MultiProducer, Poll, Producer, Ring, WaitStrategy};

use super::{Check, Ends, Row, Rx, Tx, row};

/// A ring that waits as it does when nothing is said.
///
/// # Errors
/// What the ring refuses.
pub fn open(
    capacity: usize,
    consumers: usize,
) -> Result<Ends<Producer<Row>, Consumer<Row>>, String> {
    open_with(capacity, consumers, WaitStrategy::default())
}

/// A ring that waits as told.
///
/// # Errors
/// What the ring refuses.
pub fn open_with(
    capacity: usize,
    consumers: usize,
    wait: WaitStrategy,
) -> Result<Ends<Producer<Row>, Consumer<Row>>, String> {
    let ring = ring(capacity, wait)?;
    let rxs = join(&ring, consumers)?;
    Ok((ring.producer().map_err(|e| e.to_string())?, rxs))
}

/// As [`open`], with several producers.
///
/// # Errors
/// What the ring refuses.
pub fn open_multi(
    capacity: usize,
    producers: usize,
    consumers: usize,
) -> Result<Ends<Vec<MultiProducer<Row>>, Consumer<Row>>, String> {
    let ring = ring(capacity, WaitStrategy::default())?;
    let rxs = join(&ring, consumers)?;
    let txs = (0..producers).map(|_| ring.multi_producer()).collect();
    Ok((txs, rxs))
}

fn ring(capacity: usize, wait: WaitStrategy) -> Result<Ring<Row>, String> {
    let ring = Ring::builder(capacity).wait(wait).build();
    ring.map_err(|e| e.to_string())
}

fn join(ring: &Ring<Row>, consumers: usize) -> Result<Vec<Consumer<Row>>, String> {
    let join = |_| ring.consumer(ConsumerOptions::default());
    let rxs: Result<_, _> = (0..consumers).map(join).collect();
    rxs.map_err(|e| e.to_string())
}

impl Tx for Producer<Row> {
    #[inline(always)]
    fn one(&mut self, number: u64) {
        self.publish(|slot| *slot = row(number));
    }

    #[inline]
    fn batch(&mut self, rows: Range<u64>) {
        let len = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
        let fill = |slots: zc_ring::SlotsMut<'_, Row>| slots_from(slots, rows);
        self.publish_batch(len, fill).expect("the batch fits");
    }
}

impl Tx for MultiProducer<Row> {
    #[inline(always)]
    fn one(&mut self, number: u64) {
        self.publish(|slot| *slot = row(number));
    }

    #[inline]
    fn batch(&mut self, rows: Range<u64>) {
        let len = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
        let fill = |slots: zc_ring::SlotsMut<'_, Row>| slots_from(slots, rows);
        self.publish_batch(len, fill).expect("the batch fits");
    }
}

#[inline]
fn slots_from(mut slots: zc_ring::SlotsMut<'_, Row>, rows: Range<u64>) {
    let (first, second) = slots.as_mut_slices();
    let middle = rows.start + first.len() as u64;
    for (slot, number) in first.iter_mut().zip(rows.start..middle) {
        *slot = row(number);
    }
    for (slot, number) in second.iter_mut().zip(middle..rows.end) {
        *slot = row(number);
    }
}

// Always inlined, here and above, as it would be at the place where somebody uses it: the compiler finds
// the two loops of `read` too long for that, and a call a row stores as many words as the row itself.
impl Rx for Consumer<Row> {
    #[inline(always)]
    fn poll(&mut self, seen: &mut Check) -> bool {
        read(self.poll(usize::MAX), seen)
    }

    #[inline(always)]
    fn recv(&mut self, seen: &mut Check) {
        read(self.recv_blocking(), seen);
    }
}

#[inline(always)]
fn read(poll: Poll<zc_ring::Batch<'_, Row>>, seen: &mut Check) -> bool {
    if let Poll::Rows(batch) = poll {
        let (first, second) = batch.as_slices();
        seen.slice(first);
        seen.slice(second);
        return true;
    }
    false
}
