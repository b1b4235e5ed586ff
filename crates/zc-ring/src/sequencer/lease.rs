//! Leases: a consumer that is leaked goes with the thread that polled it.
//!
//! Dropping a consumer takes it off the ring, whatever the reason. One that is leaked
//! (`mem::forget`, a cycle of `Arc`s) is never dropped, and under [`OnLag::Block`] it would hold the
//! producer back for ever. So each such consumer has a *tenant*: the thread that polled it last by
//! one of the calls that do not make it a task.
//!
//! # States
//!
//! * **Vacant**: nobody has polled it yet, or a task has. It gates.
//! * **Let** to a thread. It gates.
//! * **Orphaned**: that thread has ended. It gates. Any poll by another thread lets it again.
//! * **Revoked**: it was orphaned for [`GRACE`] while the producer had no other way to go on.
//!
//! # Invariants
//!
//! * **L1** Tenant and time of death are under the gate's lock, so of a thread that ends and another
//!   that polls one is first.
//! * **L2** A place with a batch in hand is never revoked: its rows may be referred to for as long as
//!   the program runs (`Box::leak(Box::new(batch))` makes the references `'static`). With L1: only a
//!   consumer that nobody is polling is revoked, and before it polls again it asks the gate.
//!
//! [`OnLag::Block`]: crate::OnLag::Block

use std::cell::RefCell;
use std::time::Duration;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::unmodelled::AtomicU64;
use zc_core::sync::{Arc, seeded, thread_local};

use super::Sequencer;
use super::group::Group;
use super::place::Place;

/// How long an orphaned consumer holds a full ring, in case it is only on its way to another thread.
/// (Time does not pass in a model.)
pub(crate) const GRACE: Duration = if cfg!(any(zc_loom, zc_shuttle)) {
    Duration::ZERO
} else {
    Duration::from_millis(100)
};

/// The tenant of a consumer that no thread has polled, or a task has.
pub(crate) const NOBODY: u64 = 0;

/// Leases of one thread are looked through when there are this many, to forget those that went to
/// other threads.
const FIRST_CLEANING: usize = 16;

thread_local! {
    static TENANT: Tenant = Tenant::new();
}

/// The calling thread, and what it polls.
struct Tenant {
    id: u64,
    leases: RefCell<Leases>,
}

struct Leases {
    held: Vec<Lease>,
    clean_at: usize,
}

struct Lease {
    landlord: Landlord,
    place: Arc<Place>,
}

/// Who knows the tenant of a place.
enum Landlord {
    Gate(Arc<Sequencer>),
    /// Members of a group have others to go to, at once and without losing a row.
    Group(Arc<Group>),
}

/// A number of the calling thread that no other thread ever has; [`NOBODY`] at its very end.
#[inline]
pub(crate) fn tenant() -> u64 {
    TENANT.try_with(|tenant| tenant.id).unwrap_or(NOBODY)
}

/// Lets `place` to the calling thread. False where the consumer has missed rows.
pub(crate) fn take(sequencer: &Arc<Sequencer>, place: &Arc<Place>) -> bool {
    let lease = || Lease {
        landlord: Landlord::Gate(Arc::clone(sequencer)),
        place: Arc::clone(place),
    };
    let stale = TENANT.try_with(|tenant| tenant.add(lease()));
    let id = if stale.is_ok() { tenant() } else { NOBODY };
    sequencer.gate.settle_in(place, id)
}

/// Lets the member with `place` to the thread `tenant`, the calling one, or to [`NOBODY`]. False
/// where the group has given the place to others.
pub(crate) fn take_member(group: &Arc<Group>, place: &Arc<Place>, tenant: u64) -> bool {
    let lease = || Lease {
        landlord: Landlord::Group(Arc::clone(group)),
        place: Arc::clone(place),
    };
    if tenant == NOBODY {
        drop(TENANT.try_with(|tenant| tenant.remove(place)));
    } else {
        drop(TENANT.try_with(|tenant| tenant.add(lease())));
    }
    group.settle_in(place, tenant)
}

/// Nobody polls `place` by itself any more: a task does, or it is dropped. False where the consumer
/// has missed rows.
pub(crate) fn give_up(sequencer: &Sequencer, place: &Place) -> bool {
    // If it was let to another thread, that one forgets it by and by.
    let lease = TENANT.try_with(|tenant| tenant.remove(place));
    drop(lease);
    sequencer.gate.settle_in(place, NOBODY)
}

impl Tenant {
    fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(NOBODY);
        Self {
            id: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            leases: RefCell::new(Leases {
                held: Vec::new(),
                clean_at: FIRST_CLEANING,
            }),
        }
    }

    /// Gives back what is not needed, to be dropped outside of the borrow: leases that went to other
    /// threads, or this one if it is here already, from before the consumer went to another thread
    /// and came back.
    fn add(&self, lease: Lease) -> Vec<Lease> {
        let mut leases = self.leases.borrow_mut();
        if leases.position(&lease.place).is_some() {
            return vec![lease];
        }
        let mut stale = Vec::new();
        if leases.held.len() >= leases.clean_at {
            let is_stale = |l: &mut Lease| !l.is_of(self.id);
            stale = leases.held.extract_if(.., is_stale).collect();
            leases.clean_at = FIRST_CLEANING.max(2 * leases.held.len());
        }
        leases.held.push(lease);
        stale
    }

    fn remove(&self, place: &Place) -> Option<Lease> {
        let mut leases = self.leases.borrow_mut();
        let at = leases.position(place)?;
        Some(leases.held.swap_remove(at))
    }
}

impl Leases {
    fn position(&self, place: &Place) -> Option<usize> {
        let mut places = self.held.iter().map(|lease| &*lease.place);
        places.position(|held| std::ptr::eq(held, place))
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let held = std::mem::take(&mut self.leases.get_mut().held);
        held.into_iter().for_each(|lease| lease.end(self.id));
    }
}

impl Lease {
    fn is_of(&self, tenant: u64) -> bool {
        match &self.landlord {
            Landlord::Gate(sequencer) => sequencer.gate.is_tenant(&self.place, tenant),
            Landlord::Group(group) => group.is_tenant(&self.place, tenant),
        }
    }

    /// The thread has ended.
    fn end(self, tenant: u64) {
        match &self.landlord {
            Landlord::Gate(sequencer) => {
                let was_last = sequencer.gate.orphan(&self.place, tenant);
                if was_last && !seeded("ring.wake_on_orphan") {
                    // A blocked producer looks again, and from then on knows when to.
                    sequencer.space.notify_all();
                }
            }
            Landlord::Group(group) => group.orphan(&self.place, tenant),
        }
    }
}
