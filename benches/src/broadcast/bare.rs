//! The machine's bare limits: no wrap-around of numbers, no leaving, no waiting but spinning.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::utils::CachePadded;
use zc_core::sync::atomic::{AtomicU64, Ordering};

use super::latency::quantile;
use super::{Check, Ends, Rx, Tx, pin, row};
use crate::threads::{Task, together};

/// Slots and two positions. The words are atomic, which on this machine costs nothing.
#[derive(Debug)]
struct Ring {
    slots: Box<[[AtomicU64; 4]]>,
    head: CachePadded<AtomicU64>,
    tail: CachePadded<AtomicU64>,
}

/// The producing end of the smallest ring there is.
#[derive(Debug)]
pub struct BareTx {
    ring: Arc<Ring>,
    next: u64,
    /// Up to where the consumer was seen.
    tail: u64,
}

/// Its consuming end.
#[derive(Debug)]
pub struct BareRx {
    ring: Arc<Ring>,
    next: u64,
}

/// One producer and one consumer who keep each other's position in mind, and spin.
///
/// # Errors
/// Unless there is one consumer.
pub fn open(capacity: usize, consumers: usize) -> Result<Ends<BareTx, BareRx>, String> {
    crate::threads::expect("consumers of the bare ring", consumers, 1)?;
    let ring = Arc::new(Ring {
        slots: (0..capacity)
            .map(|_| [const { AtomicU64::new(0) }; 4])
            .collect(),
        head: CachePadded::default(),
        tail: CachePadded::default(),
    });
    let tx = BareTx {
        ring: Arc::clone(&ring),
        next: 0,
        tail: 0,
    };
    Ok((tx, vec![BareRx { ring, next: 0 }]))
}

impl BareTx {
    #[inline]
    fn put(&mut self, rows: Range<u64>) {
        let slots = &*self.ring.slots;
        let mask = slots.len() - 1;
        while rows.end - self.tail > slots.len() as u64 {
            self.tail = self.ring.tail.load(Ordering::Acquire);
            std::hint::spin_loop();
        }
        for number in rows.clone() {
            #[expect(clippy::cast_possible_truncation, reason = "masked")]
            let slot = &slots[number as usize & mask];
            for (word, value) in slot.iter().zip(row(number)) {
                word.store(value, Ordering::Relaxed);
            }
        }
        self.next = rows.end;
        self.ring.head.store(rows.end, Ordering::Release);
    }
}

impl Tx for BareTx {
    #[inline]
    fn one(&mut self, number: u64) {
        self.put(number..number + 1);
    }

    #[inline]
    fn batch(&mut self, rows: Range<u64>) {
        self.put(rows);
    }
}

impl Rx for BareRx {
    #[inline]
    fn poll(&mut self, seen: &mut Check) -> bool {
        let slots = &*self.ring.slots;
        let mask = slots.len() - 1;
        let head = self.ring.head.load(Ordering::Acquire);
        if head == self.next {
            return false;
        }
        for number in self.next..head {
            #[expect(clippy::cast_possible_truncation, reason = "masked")]
            let slot = &slots[number as usize & mask];
            let row = [0, 1, 2, 3].map(|word| slot[word].load(Ordering::Relaxed));
            seen.row(&row);
        }
        self.next = head;
        self.ring.tail.store(head, Ordering::Release);
        true
    }

    #[inline]
    fn recv(&mut self, seen: &mut Check) {
        while !self.poll(seen) {
            std::hint::spin_loop();
        }
    }
}

/// A vector that is written and read back by one thread.
///
/// # Errors
/// What was wrong.
pub fn vector(batch: u64, rows: u64) -> Result<Duration, String> {
    pin(0);
    let rows = rows.next_multiple_of(batch);
    let mut slots = vec![row(0); 16 * 1024];
    let mask = slots.len() as u64 - 1;
    let mut seen = Check::default();
    let begin = Instant::now();
    let mut from = 0;
    while from < rows {
        for number in from..from + batch {
            #[expect(clippy::cast_possible_truncation, reason = "masked")]
            let slot = &mut slots[(number & mask) as usize];
            *slot = row(number);
        }
        // Or the compiler makes one loop of the two.
        let slots = std::hint::black_box(&slots);
        for number in from..from + batch {
            #[expect(clippy::cast_possible_truncation, reason = "masked")]
            seen.row(&slots[(number & mask) as usize]);
        }
        from += batch;
    }
    let elapsed = begin.elapsed();
    seen.verdict(rows)?;
    Ok(elapsed)
}

/// Two lines, one for each direction: the quantile `q` of the round trips.
///
/// # Errors
/// When a thread panics.
pub fn line_round_trip(q: f64, rounds: u64) -> Result<Duration, String> {
    let (there, back) = (
        CachePadded::new(AtomicU64::new(0)),
        CachePadded::new(AtomicU64::new(0)),
    );
    let (there, back) = (&*there, &*back);
    let mut trips = Vec::with_capacity(usize::try_from(rounds).map_err(|e| e.to_string())?);
    let echo: Task<'_> = Box::new(move || {
        pin(1);
        for round in 1..=rounds {
            await_value(there, round);
            back.store(round, Ordering::Release);
        }
        Ok(())
    });
    let trips_of = &mut trips;
    let call: Task<'_> = Box::new(move || {
        pin(0);
        for round in 1..=rounds {
            let begin = Instant::now();
            there.store(round, Ordering::Release);
            await_value(back, round);
            trips_of.push(begin.elapsed());
        }
        Ok(())
    });
    together(vec![echo, call])?;
    quantile(&mut trips, q)
}

/// Three threads that park and one that unparks them every half a millisecond; the quantile `q` of the
/// times until the first of them runs.
///
/// # Errors
/// When a thread panics.
pub fn wake_up(q: f64, rounds: u64) -> Result<Duration, String> {
    let flag = Arc::new(AtomicU64::new(0));
    let sleepers = [(); 3].map(|()| {
        let flag = Arc::clone(&flag);
        std::thread::spawn(move || {
            let got = (1..=rounds).map(|round| {
                while flag.load(Ordering::Acquire) < round {
                    std::thread::park();
                }
                Instant::now()
            });
            got.collect::<Vec<_>>()
        })
    });
    let mut ways: Vec<Duration> = Vec::new();
    let sent: Vec<Instant> = (1..=rounds)
        .map(|round| {
            std::thread::sleep(Duration::from_micros(500));
            let now = Instant::now();
            flag.store(round, Ordering::Release);
            sleepers.iter().for_each(|one| one.thread().unpark());
            now
        })
        .collect();
    let got: Result<Vec<_>, _> = sleepers.into_iter().map(|one| one.join()).collect();
    let got = got.map_err(|_| "a sleeper panicked")?;
    for (round, sent) in sent.into_iter().enumerate() {
        let first = got.iter().filter_map(|one| one.get(round)).min();
        ways.extend(first.map(|got| got.saturating_duration_since(sent)));
    }
    quantile(&mut ways, q)
}

/// One line, written once a microsecond: the quantile `q` of the ways.
///
/// # Errors
/// When a thread panics.
pub fn line_one_way(q: f64, rounds: u64) -> Result<Duration, String> {
    super::latency::one_way(line(), q, rounds)
}

fn line() -> Ends<LineTx, LineRx> {
    let line = Arc::new(CachePadded::new(AtomicU64::new(0)));
    let rx = LineRx(Arc::clone(&line), 0);
    (LineTx(line), vec![rx])
}

#[derive(Debug)]
struct LineTx(Arc<CachePadded<AtomicU64>>);

#[derive(Debug)]
struct LineRx(Arc<CachePadded<AtomicU64>>, u64);

impl Tx for LineTx {
    #[inline]
    fn one(&mut self, number: u64) {
        self.0.store(number + 1, Ordering::Release);
    }

    fn batch(&mut self, rows: Range<u64>) {
        self.0.store(rows.end, Ordering::Release);
    }
}

impl Rx for LineRx {
    #[inline]
    fn poll(&mut self, seen: &mut Check) -> bool {
        let head = self.0.load(Ordering::Acquire);
        let is_new = head != self.1;
        for number in self.1..head {
            seen.row(&row(number));
        }
        self.1 = head;
        is_new
    }

    #[inline]
    fn recv(&mut self, seen: &mut Check) {
        while !self.poll(seen) {
            std::hint::spin_loop();
        }
    }
}

fn await_value(line: &AtomicU64, value: u64) {
    while line.load(Ordering::Acquire) != value {
        std::hint::spin_loop();
    }
}
