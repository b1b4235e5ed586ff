//! [`Generation`]: rows of one schema and capacity, and what comes after them.
//!
//! A [`RowRing`](super::RowRing) is one sequence of rows that lies in one generation's memory after
//! the other. A generation covers the sequences from where it begins to where it is *sealed*:
//!
//! ```text
//!  sequence ───▶          to₀ = from₁             to₁ = from₂
//!  generation 0 ────────────┤ generation 1 ─────────┤ generation 2 ────▶ head
//!                      SchemaChanged             Resized
//! ```
//!
//! # States
//!
//! * **Open**: rows are pushed into it. It is the ring's newest.
//! * **Sealed**: no row comes any more. It says where it ends, what happens there, and which
//!   generation goes on.
//!
//! A consumer holds the generation it reads, and through it all later ones. It reads up to the end,
//! finds the event there, and holds the next one instead; the memory of one that nobody holds is
//! freed. Sequences, places, the gate, and waiting know nothing of generations, but that the gate
//! counts from the newest.
//!
//! # Invariants
//!
//! * **N1** `end` is written once, before `is_sealed` is true, under the lock of the [`Switch`], and
//!   never changes after that.
//! * **N2** A generation is sealed at the head, before any row behind that is published: whoever sees
//!   such a row sees the seal.
//!
//! [`Switch`]: super::switch::Switch

use std::fmt;
use zc_core::sync::atomic::{AtomicBool, Ordering};
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::unmodelled::AtomicUsize;
use zc_core::sync::{Arc, edge};

use super::store::RowStore;
use crate::consumer::Event;

/// Rows of one schema and capacity.
pub(crate) struct Generation {
    pub(crate) store: RowStore,
    /// How many there have been before.
    pub(crate) number: u64,
    /// See N1.
    is_sealed: AtomicBool,
    end: UnsafeCell<Option<End>>,
    /// How many generations of the ring live.
    living: std::sync::Arc<AtomicUsize>,
}

/// Where a generation ends.
pub(crate) struct End {
    /// The first sequence of the next generation.
    pub(crate) to: u64,
    pub(crate) event: Event,
    pub(crate) next: Arc<Generation>,
}

// SAFETY: `end` is written by one thread and read by others only after they have seen that it is
// complete (N1); everything else is `Send` and `Sync`.
unsafe impl Send for Generation {}
// SAFETY: as above.
unsafe impl Sync for Generation {}

impl Generation {
    pub(crate) fn new(
        store: RowStore,
        number: u64,
        living: &std::sync::Arc<AtomicUsize>,
    ) -> Arc<Self> {
        // Relaxed: counted under the switch's lock; that others go meanwhile does no harm.
        living.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            store,
            number,
            is_sealed: AtomicBool::new(false),
            end: UnsafeCell::new(None),
            living: std::sync::Arc::clone(living),
        })
    }

    /// Where it ends, if that is known.
    #[inline]
    pub(crate) fn end(&self) -> Option<&End> {
        if !self.is_sealed.load(edge("ring.seal", Ordering::Acquire)) {
            return None;
        }
        // SAFETY: it is sealed: `end` does not change any more (N1).
        self.end.with(|end| unsafe { (*end).as_ref() })
    }

    /// Seals it. Called once, by whoever holds the switch's lock (N1).
    ///
    /// # Safety
    /// It is open, and nobody else seals it.
    pub(super) unsafe fn seal(&self, end: End) {
        // SAFETY: nobody looks before it is sealed (N1), and the caller seals it alone.
        self.end.with_mut(|place| unsafe { *place = Some(end) });
        self.is_sealed
            .store(true, edge("ring.seal", Ordering::Release));
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.living.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("number", &self.number)
            .field("schema", &self.store.schema)
            .field("end", &self.end().map(|end| (end.to, end.event)))
            .finish_non_exhaustive()
    }
}
