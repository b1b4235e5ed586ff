//! The set of objects, and the loop that every contestant runs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zc_benches::threads::{Task, expect, together};

/// Objects of one size. The whole set fits into memory, and is read once before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    pub(crate) length: usize,
    pub(crate) objects: usize,
}

/// What is done with a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Its length and its first byte are looked at, and it is let go.
    First,
    /// Every byte is read.
    Sum,
}

/// How the program runs: threads, and what each does with a hit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) set: Set,
    pub(crate) threads: usize,
    pub(crate) use_: Use,
}

impl Set {
    /// 64 MiB of objects, at least 8 of them.
    pub(crate) fn of(length: usize) -> Self {
        Self {
            length,
            objects: ((64 << 20) / length).max(8),
        }
    }

    /// As many as a processor's caches remember.
    pub(crate) fn hot(length: usize) -> Self {
        Self {
            length,
            objects: 64,
        }
    }

    pub(crate) fn bytes(self) -> u64 {
        (self.length * self.objects) as u64
    }

    pub(crate) fn key(number: usize) -> String {
        format!("group/of/objects/{number:08}")
    }

    pub(crate) fn keys(self) -> Vec<String> {
        (0..self.objects).map(Self::key).collect()
    }

    /// The bytes of an object: random, but for its number in the first.
    pub(crate) fn object(self, number: usize) -> Bytes {
        let mut state = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut bytes = Vec::with_capacity(self.length + 8);
        while bytes.len() < self.length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(self.length);
        bytes[0] = first(number);
        Bytes::from(bytes)
    }
}

fn first(number: usize) -> u8 {
    (number % 251) as u8
}

/// What a look at a hit takes away: length, first byte, sum.
pub(crate) type Seen = (usize, u8, u64);

/// Looks at a hit as the plan says.
#[inline]
pub(crate) fn look(bytes: &[u8], use_: Use) -> Seen {
    let sum = match use_ {
        Use::First => 0,
        Use::Sum => sum(bytes),
    };
    (bytes.len(), bytes[0], sum)
}

/// Reads every byte, eight at a time.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let rest = rest.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    let add = |sum: u64, word: &[u8; 8]| sum.wrapping_add(u64::from_le_bytes(*word));
    words.iter().fold(rest, add)
}

/// `ops` lookups in random order by each thread, so that an operation is one step of all of them.
/// Every hit is checked.
pub(crate) fn run<L>(plan: Plan, ops: u64, make: impl Fn() -> L + Sync) -> Result<Duration, String>
where
    L: FnMut(&str) -> Result<Seen, String>,
{
    let keys = plan.set.keys();
    let (keys, make) = (&keys, &make);
    let task = |thread: u64| -> Task<'_> {
        Box::new(move || {
            let mut lookup = make();
            let mut state = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            for _ in 0..ops {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let number = (state >> 33) as usize % plan.set.objects;
                let (len, begin, sum) = lookup(black_box(&keys[number]))?;
                black_box(sum);
                expect("an object", (len, begin), (plan.set.length, first(number)))?;
            }
            Ok(())
        })
    };
    if plan.threads == 1 {
        // Without the cost of starting a thread, which short runs would show.
        let begin = Instant::now();
        task(1)()?;
        return Ok(begin.elapsed());
    }
    together((1..=plan.threads as u64).map(task).collect())
}
