//! [`Claim`]: claimed rows on their way to be published, in the order of their claims.

use zc_core::sync::atomic::Ordering;
use zc_core::sync::{asymmetric, edge, seeded, store_load_barrier};

use super::MultiWriter;
use super::sole::Rest;

/// Rows that one producer has claimed and must fill. Dropping it before it is
/// [published](Self::publish) makes them void.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(super) writer: &'a MultiWriter,
    pub(crate) first: u64,
    pub(crate) rows: usize,
    /// Whether the rows must be written atomically.
    pub(crate) shared: bool,
}

impl Claim<'_> {
    /// The rows are filled.
    #[inline]
    pub(crate) fn publish(self) {
        let rows = self.rows as u64;
        self.writer.stats.published(rows);
        self.writer.finish(self.first, rows);
        std::mem::forget(self);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let rows = self.rows as u64;
        self.writer.sequencer.voids.record(self.first, rows);
        self.writer.finish(self.first, rows);
    }
}

impl MultiWriter {
    /// Publishes a claimed range, and whatever is stamped behind it; or stamps it, where something
    /// before it is not published yet.
    fn finish(&self, first: u64, rows: u64) {
        let end = first.wrapping_add(rows);
        let sequencer = &*self.sequencer;
        sequencer.stamps.publish(end, rows);
        let sole = &self.multi.sole;
        if sequencer.head() == first {
            // Nobody else can move the head from here: this range has no stamp.
            if sole.is_held_by(&self.seat) {
                sequencer.set_head(end);
                if !seeded("ring.sole_head_barrier") {
                    asymmetric::light();
                }
                if sole.is_held_by(&self.seat) {
                    sequencer.head_moved();
                    sequencer.space.notify_all();
                    return;
                }
                // Whoever has the seat now may have left a stamp behind.
                store_load_barrier();
            } else {
                sequencer.swap_head(end);
            }
        } else {
            self.multi
                .stamp(first)
                .store(end, edge("ring.stamp", Ordering::Release));
            if !seeded("ring.stamp_barrier") {
                store_load_barrier();
            }
            if sole.is_held_by_another(&self.seat) {
                // It does not look for stamps (O3).
                self.void(sole.unseat(sequencer));
            }
            if sequencer.move_head(first, end).is_err() {
                // Whoever publishes the range before this one finds the stamp (M4), or has.
                return;
            }
        }
        let mut head = end;
        loop {
            if !seeded("ring.walk_barrier") {
                barrier_after_rmw();
            }
            let end = self
                .multi
                .stamp(head)
                .load(edge("ring.stamp", Ordering::Acquire));
            let is_stamped = end.wrapping_sub(head).wrapping_sub(1) < sequencer.capacity as u64;
            // If somebody else has moved it, they go on from there.
            if !is_stamped || sequencer.move_head(head, end).is_err() {
                break;
            }
            head = end;
        }
        sequencer.head_moved_by_rmw();
        // The head holds claims back as well (M2).
        if !seeded("ring.wake_claimers") {
            sequencer.space.notify_after_rmw(usize::MAX);
        }
    }

    /// Publishes what is left of a block as rows that nobody reads.
    pub(super) fn void(&self, rest: Rest) {
        if let Some((first, rows)) = rest {
            self.sequencer.voids.record(first, rows);
            self.finish(first, rows);
        }
    }
}

/// The store→load barrier that a read-modify-write has been already on x86.
#[inline(always)]
fn barrier_after_rmw() {
    if cfg!(any(zc_loom, not(target_arch = "x86_64"))) {
        store_load_barrier();
    }
}
