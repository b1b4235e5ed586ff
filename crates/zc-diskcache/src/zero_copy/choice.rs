//! Which of two ways to a socket is faster, found out while sending.
//!
//! No constant is right everywhere: over loopback `sendfile` wins for small objects and loses by half
//! for large ones, over a network card it depends on the card. So sends are measured. Objects fall
//! into classes by size; each class keeps, for both primitives, a moving average of what a mebibyte
//! costs the sending thread in system calls. Most sends use the cheaper one, one in [`EXPLORE`] the
//! other, so that the estimate follows when circumstances change.
//!
//! The time of the calls is what this side can see. Where the peer's processor is the bottleneck, as
//! over loopback, it ranks the two as the throughput does (`diskcache_send` measures both).

use std::time::Duration;

use zc_core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::manager::Primitive;

/// Sends of a class until one of them tries the other way.
const EXPLORE: u32 = 64;
/// Sends of each primitive, in turns, before an average counts for anything.
const LEARN: u32 = 8;
/// Upper ends of the size classes, in bytes; the last has none.
const ENDS: [u64; CLASSES - 1] = [8 << 10, 32 << 10, 128 << 10, 512 << 10, 2 << 20];
/// Number of size classes.
pub(super) const CLASSES: usize = 6;

/// What is known about the sends of one size.
#[derive(Debug, Default)]
struct Class {
    sends: AtomicU32,
    /// Nanoseconds of system calls for a mebibyte; 0: not known.
    sendfile: AtomicU64,
    mapped: AtomicU64,
}

/// See the [module documentation](self). Counts may be lost when threads meet: they are estimates.
#[derive(Debug, Default)]
pub(super) struct Choice([Class; CLASSES]);

/// What is known about the sends of one size class; see [`ZeroCopyStats`](super::ZeroCopyStats).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendClass {
    /// Largest object of the class in bytes; `u64::MAX` for the last.
    pub up_to: u64,
    /// What most sends of the class use now.
    pub preferred: Primitive,
    /// Nanoseconds of `sendfile` calls for a mebibyte, a moving average; 0 before the first.
    pub sendfile_ns: u64,
    /// The same for `send` from the mapping.
    pub mapped_ns: u64,
}

impl Choice {
    /// How an object of `len` bytes should leave.
    pub(super) fn choose(&self, len: u64) -> Primitive {
        let class = &self.0[class_of(len)];
        let turn = class.sends.load(Ordering::Relaxed);
        class.sends.store(turn.wrapping_add(1), Ordering::Relaxed);
        let better = class.better();
        if turn < 2 * LEARN {
            return [Primitive::Sendfile, Primitive::MappedSend][(turn % 2) as usize];
        }
        match (turn % EXPLORE, better) {
            (0, Primitive::Sendfile) => Primitive::MappedSend,
            (0, _) => Primitive::Sendfile,
            (_, better) => better,
        }
    }

    /// A send of `len` bytes spent so long in system calls.
    pub(super) fn learn(&self, primitive: Primitive, len: u64, spent: Duration) {
        let class = &self.0[class_of(len)];
        let average = match primitive {
            Primitive::Sendfile => &class.sendfile,
            Primitive::MappedSend => &class.mapped,
            Primitive::Fallback => return,
        };
        let spent = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        let cost = (spent.saturating_mul(1 << 10) / (len >> 10).max(1)).max(1);
        let before = average.load(Ordering::Relaxed);
        let after = match before {
            0 => cost,
            // One call in the middle of which the thread was put aside says nothing.
            _ => before - before / 8 + cost.min(4 * before) / 8,
        };
        average.store(after.max(1), Ordering::Relaxed);
    }

    pub(super) fn classes(&self) -> [SendClass; CLASSES] {
        let one = |at: usize| {
            let class: &Class = &self.0[at];
            SendClass {
                up_to: ENDS.get(at).copied().unwrap_or(u64::MAX),
                preferred: class.better(),
                sendfile_ns: class.sendfile.load(Ordering::Relaxed),
                mapped_ns: class.mapped.load(Ordering::Relaxed),
            }
        };
        std::array::from_fn(one)
    }
}

impl Class {
    fn better(&self) -> Primitive {
        let sendfile = self.sendfile.load(Ordering::Relaxed);
        let mapped = self.mapped.load(Ordering::Relaxed);
        // Unknown counts as free: it is tried next.
        if sendfile <= mapped {
            Primitive::Sendfile
        } else {
            Primitive::MappedSend
        }
    }
}

fn class_of(len: u64) -> usize {
    ENDS.iter()
        .position(|end| len <= *end)
        .unwrap_or(ENDS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(sendfile_ns: u64, mapped_ns: u64, len: u64) -> (u32, Choice) {
        let choice = Choice::default();
        let mut by_sendfile = 0;
        for turn in 0..1000 {
            let primitive = choice.choose(len);
            let cost = if primitive == Primitive::Sendfile {
                by_sendfile += u32::from(turn >= 2 * LEARN);
                sendfile_ns
            } else {
                mapped_ns
            };
            choice.learn(primitive, len, Duration::from_nanos(cost));
        }
        (by_sendfile, choice)
    }

    #[test]
    fn the_cheaper_one_is_used_and_the_other_tried_now_and_then() {
        for len in [100, 4096, 64 << 10, 1 << 20, 64 << 20] {
            let (by_sendfile, choice) = after(1000, 2000, len);
            assert!((950..984).contains(&by_sendfile), "{len}: {by_sendfile}");
            let class = choice.classes()[class_of(len)];
            assert_eq!(class.preferred, Primitive::Sendfile);
            assert!(class.up_to >= len && class.sendfile_ns < class.mapped_ns);
            let (by_sendfile, _) = after(2000, 1000, len);
            assert!((1..40).contains(&by_sendfile), "{len}: {by_sendfile}");
        }
    }

    #[test]
    fn it_follows_when_circumstances_change() {
        let (_, choice) = after(1000, 2000, 4096);
        let mut late = 0;
        for turn in 0..4000 {
            let primitive = choice.choose(4096);
            let cost = [500, 3000][usize::from(primitive == Primitive::Sendfile)];
            choice.learn(primitive, 4096, Duration::from_nanos(cost));
            late += u32::from(turn > 2000 && primitive == Primitive::MappedSend);
        }
        assert!(late > 1900, "{late}");
    }

    #[test]
    fn one_interrupted_call_changes_no_mind() {
        let (_, choice) = after(1000, 2000, 4096);
        choice.learn(Primitive::Sendfile, 4096, Duration::from_millis(50));
        assert_eq!(choice.classes()[0].preferred, Primitive::Sendfile);
    }
}
