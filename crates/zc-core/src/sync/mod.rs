//! The sync shim: the one place of the workspace that names real atomics, cells and threads.
//!
//! Every other module spells them through here, so that the same source runs
//!
//! | built with | primitives | for |
//! |---|---|---|
//! | nothing | `std` | real life: every name below is an alias or an inlined newtype, at no cost |
//! | `--cfg zc_loom` | `loom` | exhaustive exploration of small models under the C11 memory model |
//! | `--cfg zc_shuttle` | `shuttle` | random schedules of bigger models, sequentially consistent |
//!
//! The cfg names carry a prefix because a bare `--cfg loom` would also flip tokio and others.
//!
//! # Edges
//!
//! Every ordering that carries a happens-before edge is written through [`edge`] with the edge's
//! name at both of its ends: `tail.store(n, edge("channel.publish", Release))` pairs with
//! `tail.load(edge("channel.publish", Acquire))`. In a normal build that is the ordering itself.
//! A build with `--cfg zc_seeded` weakens the one end that `ZC_SEEDED` names, for example
//! `ZC_SEEDED=channel.publish:Release`, to `Relaxed`: a lane that still passes is blind.
//! [`seeded`] does the same for steps that are no ordering, such as a wake-up.

pub mod asymmetric;
pub mod cell;
mod edge;
mod lock;
#[cfg(not(zc_loom))]
mod park;
mod statics;

#[cfg(zc_loom)]
#[path = "loom.rs"]
mod imp;
#[cfg(all(zc_shuttle, not(zc_loom)))]
#[path = "shuttle.rs"]
mod imp;
#[cfg(not(any(zc_loom, zc_shuttle)))]
#[path = "std.rs"]
mod imp;

pub use edge::{edge, seeded};
pub use imp::{Arc, atomic, block_on, hint, model, store_load_barrier, thread, thread_local};
#[cfg(zc_loom)]
pub use imp::{Parker, Unparker};
pub use lock::{Condvar, Mutex, MutexGuard};
#[cfg(not(zc_loom))]
pub use park::{Parker, Unparker};
pub(crate) use statics::{per_process, per_thread};

pub mod unmodelled {
    //! Plain `std` atomics in every build, for statistics that synchronise nothing: they can be
    //! `static`, and a model checker need not explore their interleavings.

    #![expect(clippy::disallowed_types, reason = "this is the sync shim")]

    /// A counter.
    pub type AtomicU64 = std::sync::atomic::AtomicU64;
    /// A counter of the machine's word size.
    pub type AtomicUsize = std::sync::atomic::AtomicUsize;
}
