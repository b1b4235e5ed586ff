//! One producer's rows for every consumer: the work of the `ring_*` benches, and those who do it.
//!
//! A contestant is a pair of ends ([`Tx`], [`Rx`]); each kind of work is written once, over the
//! two. Every row that comes in is checked: its number, and the sum of its other words.

pub mod bare;
pub mod latency;
pub mod ours;
#[cfg(feature = "peers")]
pub mod peers;
pub mod throughput;
pub mod waiting;

use std::ops::Range;

use crate::threads::expect;

/// A row of 32 bytes: its number, and three words that follow from it.
pub type Row = [u64; 4];

/// Any odd number will do.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The row with this number.
#[inline(always)]
#[must_use]
pub fn row(number: u64) -> Row {
    [number, !number, number << 1, number.wrapping_mul(FACTOR)]
}

/// The producing end of a contestant. Both calls wait until there is room.
pub trait Tx: Send {
    /// Publishes the row with this number.
    fn one(&mut self, number: u64);
    /// Publishes the rows with these numbers at once.
    fn batch(&mut self, rows: Range<u64>);
    /// Publishes all rows below `rows`, in batches of `batch`.
    fn all(&mut self, rows: u64, batch: u64) {
        if batch == 1 {
            return (0..rows).for_each(|number| self.one(number));
        }
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + batch);
            self.batch(from..to);
            from = to;
        }
    }
}

/// A consuming end.
pub trait Rx: Send {
    /// Reads what is there; whether anything was.
    fn poll(&mut self, seen: &mut Check) -> bool;
    /// Reads what is there, having waited until something is.
    fn recv(&mut self, seen: &mut Check);
}

/// Both kinds of ends, one consuming end for each consumer.
pub type Ends<T, R> = (T, Vec<R>);

/// How many slots, rows at a time, and consumers.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Rows that fit in.
    pub capacity: usize,
    /// Rows published at a time.
    pub batch: u64,
    /// Consumers, each of whom sees every row.
    pub consumers: usize,
}

/// How ends wait that have no way of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// With the processor's hint.
    Spin,
    /// By giving the processor up.
    Yield,
}

impl Pause {
    /// Passes a little time.
    #[inline]
    pub fn wait(self) {
        match self {
            Self::Spin => std::hint::spin_loop(),
            Self::Yield => std::thread::yield_now(),
        }
    }
}

/// What a consumer has seen so far.
#[derive(Debug, Default)]
pub struct Check {
    /// Rows, which is also the number of the next one.
    pub rows: u64,
    wrong: u64,
    sum: u64,
}

impl Check {
    /// One row more.
    #[inline(always)]
    pub fn row(&mut self, row: &Row) {
        self.wrong |= row[0] ^ self.rows;
        self.sum = (self.sum.wrapping_add(row[1]))
            .wrapping_add(row[2])
            .wrapping_add(row[3]);
        self.rows += 1;
    }

    /// Rows that lie together.
    #[inline(always)]
    pub fn slice(&mut self, rows: &[Row]) {
        rows.iter().for_each(|row| self.row(row));
    }

    /// Whether these were the rows below `rows`, in order.
    ///
    /// # Errors
    /// Says what was wrong.
    pub fn verdict(&self, rows: u64) -> Result<(), String> {
        expect("rows", self.rows, rows)?;
        expect("bits that differ in the rows' numbers", self.wrong, 0)?;
        expect("sum of the rows", self.sum, sum(rows))
    }
}

/// What the words of all rows below `rows` but their numbers add up to.
fn sum(rows: u64) -> u64 {
    let n = u128::from(rows);
    // 0 + 1 + … ; as wide as it may get.
    let numbers = n * n.saturating_sub(1) / 2;
    #[expect(clippy::cast_possible_truncation, reason = "sums of words wrap")]
    let numbers = numbers as u64;
    // `!n` is `-1 - n`.
    let inverted = rows.wrapping_add(numbers).wrapping_neg();
    inverted
        .wrapping_add(numbers.wrapping_mul(2))
        .wrapping_add(numbers.wrapping_mul(FACTOR))
}

/// Binds the calling thread to the core with this index, where there is one.
pub fn pin(core: usize) {
    if let Some(cores) = core_affinity::get_core_ids()
        && let Some(id) = cores.get(core)
    {
        core_affinity::set_for_current(*id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_finds_what_is_lost_and_what_is_changed() {
        let rows: Vec<Row> = (0..1000).map(row).collect();
        let verdict = |rows: &[Row]| {
            let mut check = Check::default();
            check.slice(rows);
            check.verdict(1000)
        };
        assert_eq!(verdict(&rows), Ok(()));
        assert!(verdict(&rows[1..]).is_err());
        let mut changed = rows.clone();
        changed[500][3] ^= 1;
        assert!(verdict(&changed).is_err());
        let mut swapped = rows;
        swapped.swap(3, 4);
        assert!(verdict(&swapped).is_err());
    }
}
