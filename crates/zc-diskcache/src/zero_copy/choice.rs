//! Which of two ways to a socket is faster, found out while sending.
//!
//! No constant is right everywhere: which one wins depends on the size, the processor, the network
//! and the peer. So sends are measured. Objects fall into classes by size; each class uses one
//! primitive for a *phase* of some 16 MiB, since what a peer has to do with the bytes shows only
//! once the socket's queue is full of them. The first two phases try both; after that one phase in
//! [`TRIAL`] tries the one that lost, so that the estimate follows when circumstances change.
//!
//! What counts is the time from the first call of a send to its last, waits for a full socket
//! included: over loopback a primitive can be cheap for the sender and dear for the reader, and the
//! time of the calls alone chose `sendfile` where it was a third slower. A peer that is slow by
//! itself would drown that in its own waits, so a send counts for at most [`PATIENCE`] times its
//! calls, and among slow peers the calls decide.

use std::time::Duration;

use zc_core::sync::atomic::{AtomicU64, Ordering};

use super::manager::Primitive;

/// Bytes of a phase, about.
const PHASE: u64 = 16 << 20;
/// Phases, of which one tries the primitive that lost.
const TRIAL: u64 = 64;
/// A send counts for at most so many times its calls.
const PATIENCE: u32 = 8;
/// Bytes after which what was measured counts for half.
const MEMORY: u64 = 64 << 20;
/// Upper ends of the size classes, in bytes; the last has none.
const ENDS: [u64; CLASSES - 1] = [8 << 10, 32 << 10, 128 << 10, 512 << 10, 2 << 20];
/// Number of size classes.
pub(super) const CLASSES: usize = 6;

/// What is known about the sends of one size.
#[derive(Debug, Default)]
struct Class {
    sends: AtomicU64,
    sendfile: Cost,
    mapped: Cost,
}

/// What one primitive took, and for how many bytes.
#[derive(Debug, Default)]
struct Cost {
    ns: AtomicU64,
    bytes: AtomicU64,
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
    /// Nanoseconds that `sendfile` took for a mebibyte, a moving average; 0 before the first.
    pub sendfile_ns: u64,
    /// The same for `send` from the mapping.
    pub mapped_ns: u64,
}

impl Choice {
    /// How an object of `len` bytes should leave.
    pub(super) fn choose(&self, len: u64) -> Primitive {
        let at = class_of(len);
        let class = &self.0[at];
        let turn = class.sends.load(Ordering::Relaxed);
        class.sends.store(turn.wrapping_add(1), Ordering::Relaxed);
        let better = class.better();
        match turn / sends_of_a_phase(at) {
            0 => Primitive::Sendfile,
            1 => Primitive::MappedSend,
            phase if phase % TRIAL != 0 => better,
            _ if better == Primitive::Sendfile => Primitive::MappedSend,
            _ => Primitive::Sendfile,
        }
    }

    /// A send of `len` bytes spent so long in system calls, and so long altogether.
    pub(super) fn learn(&self, primitive: Primitive, len: u64, calls: Duration, all: Duration) {
        let class = &self.0[class_of(len)];
        match primitive {
            Primitive::Sendfile => class.sendfile.add(len, all.min(calls * PATIENCE)),
            Primitive::MappedSend => class.mapped.add(len, all.min(calls * PATIENCE)),
            Primitive::Fallback => {}
        }
    }

    pub(super) fn classes(&self) -> [SendClass; CLASSES] {
        let one = |at: usize| {
            let class: &Class = &self.0[at];
            SendClass {
                up_to: ENDS.get(at).copied().unwrap_or(u64::MAX),
                preferred: class.better(),
                sendfile_ns: class.sendfile.of_a_mebibyte(),
                mapped_ns: class.mapped.of_a_mebibyte(),
            }
        };
        std::array::from_fn(one)
    }
}

impl Class {
    fn better(&self) -> Primitive {
        // Unknown counts as free: it is tried next.
        if self.sendfile.of_a_mebibyte() <= self.mapped.of_a_mebibyte() {
            Primitive::Sendfile
        } else {
            Primitive::MappedSend
        }
    }
}

impl Cost {
    fn add(&self, len: u64, spent: Duration) {
        let spent = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX).max(1);
        let (ns, bytes) = (
            self.ns.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        );
        // A thread that was put aside in the middle of a call says nothing.
        let most = match bytes {
            0 => u64::MAX,
            _ => (u128::from(ns) * u128::from(len) * 64 / u128::from(bytes)) as u64,
        };
        let (mut ns, mut bytes) = (
            ns.saturating_add(spent.min(most.max(1))),
            bytes + len.max(1),
        );
        if bytes > MEMORY {
            (ns, bytes) = (ns / 2, bytes / 2);
        }
        self.ns.store(ns.max(1), Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Nanoseconds; 0 if nothing is known.
    fn of_a_mebibyte(&self) -> u64 {
        let ns = u128::from(self.ns.load(Ordering::Relaxed)) << 20;
        let cost = ns.checked_div(u128::from(self.bytes.load(Ordering::Relaxed)));
        cost.map_or(0, |ns| u64::try_from(ns).unwrap_or(u64::MAX).max(1))
    }
}

/// Sends of class `at` in one phase.
fn sends_of_a_phase(at: usize) -> u64 {
    let size = ENDS.get(at).copied().unwrap_or(4 << 20);
    PHASE / size
}

fn class_of(len: u64) -> usize {
    ENDS.iter()
        .position(|end| len <= *end)
        .unwrap_or(ENDS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends objects of `len` bytes for so many phases at these costs; gives the number of sends by
    /// sendfile in the phases after the first two.
    fn after(choice: &Choice, phases: u64, len: u64, costs: [u64; 2]) -> u64 {
        let mut by_sendfile = 0;
        for turn in 0..phases * sends_of_a_phase(class_of(len)) {
            let primitive = choice.choose(len);
            let is_sendfile = primitive == Primitive::Sendfile;
            let later = turn >= 2 * sends_of_a_phase(class_of(len));
            by_sendfile += u64::from(is_sendfile && later);
            let spent = Duration::from_nanos(costs[usize::from(!is_sendfile)]);
            choice.learn(primitive, len, spent, spent);
        }
        by_sendfile
    }

    #[test]
    fn the_cheaper_one_is_used_and_the_other_tried_now_and_then() {
        for len in [4096, 64 << 10, 1 << 20, 64 << 20] {
            let phase = sends_of_a_phase(class_of(len));
            let choice = Choice::default();
            assert_eq!(after(&choice, 130, len, [1000, 2000]), 126 * phase, "{len}");
            let class = choice.classes()[class_of(len)];
            assert_eq!(class.preferred, Primitive::Sendfile);
            assert!(class.up_to >= len && class.sendfile_ns < class.mapped_ns);
            let choice = Choice::default();
            assert_eq!(after(&choice, 130, len, [2000, 1000]), 2 * phase, "{len}");
        }
    }

    #[test]
    fn it_follows_when_circumstances_change() {
        let choice = Choice::default();
        after(&choice, 34, 64 << 10, [1000, 2000]);
        after(&choice, 60, 64 << 10, [3000, 500]);
        assert_eq!(choice.classes()[2].preferred, Primitive::MappedSend);
    }

    #[test]
    fn one_interrupted_call_changes_no_mind() {
        let choice = Choice::default();
        after(&choice, 4, 4096, [1000, 2000]);
        let long = Duration::from_millis(50);
        choice.learn(Primitive::Sendfile, 4096, long, long);
        assert_eq!(choice.classes()[0].preferred, Primitive::Sendfile);
    }

    #[test]
    fn waits_count_but_not_without_end() {
        let choice = Choice::default();
        let (us, hour) = (Duration::from_micros, Duration::from_secs(3600));
        for _ in 0..10_000 {
            choice.learn(Primitive::Sendfile, 4096, us(1), us(4));
            choice.learn(Primitive::MappedSend, 4096, us(2), us(3));
        }
        assert_eq!(choice.classes()[0].preferred, Primitive::MappedSend);
        for _ in 0..100_000 {
            choice.learn(Primitive::Sendfile, 4096, us(1), hour);
            choice.learn(Primitive::MappedSend, 4096, us(2), hour);
        }
        assert_eq!(choice.classes()[0].preferred, Primitive::Sendfile);
    }
}
