//! Zero-copy buffers behind one name: the crates of the workspace as modules.
//!
//! | module | crate | what it is for |
//! |---|---|---|
//! | `core` | `zc-core` | one buffer, many readers, one writer; views that copy nothing; memory; waiting |
//! | `ring` | `zc-ring` | a broadcast ring: every consumer sees every row, at its own pace; sealed blocks |
//! | `channel` | `zc-channel` | a bounded channel, sync and async on every handle |
//! | `agent` | `zc-agent` | many writers, one ordered stream of groups: reserve, fill, commit |
//! | `diskcache` | `zc-diskcache` | a disk cache whose hits are views over one mapping |
//!
//! Each is behind a feature of the same name, all on by default; take the single crates if that is
//! all you need. `ledger` counts every payload byte that is copied, in every crate; `arrow`, `fsst`,
//! `metrics`, `tracing` and `object-store` are those of the crates that have them; `full` is
//! everything. This crate only re-exports: no logic, no unsafe.
//!
//! # The whole path
//!
//! Rows go into a ring, a batch of them is sealed into a compressed block, blocks are gathered by
//! the agent into ordered groups, a group lands in the disk cache, and comes back as a view of the
//! cache's file, out of which the blocks are decoded. `cargo xtask demo` does the same at speed,
//! with an HTTP server at the end.
//!
#![cfg_attr(
    all(feature = "agent", feature = "diskcache", feature = "ring"),
    doc = include_str!("walk.md")
)]

#[cfg(feature = "agent")]
pub use zc_agent as agent;
#[cfg(feature = "channel")]
pub use zc_channel as channel;
#[cfg(feature = "core")]
pub use zc_core as core;
#[cfg(feature = "diskcache")]
pub use zc_diskcache as diskcache;
#[cfg(feature = "ring")]
pub use zc_ring as ring;

pub mod prelude {
    //! What most programs need: `use zcbuf::prelude::*;`.

    #[cfg(feature = "agent")]
    pub use zc_agent::{Manager, ZeroCopyHandle};
    #[cfg(feature = "channel")]
    pub use zc_channel::{Channel, Receiver, Sender, bounded};
    #[cfg(feature = "core")]
    pub use zc_core::{Frozen, Region, RegionPool, SharedBuffer, wait::WaitStrategy};
    #[cfg(feature = "diskcache")]
    pub use zc_diskcache::RawDiskCache;
    #[cfg(feature = "ring")]
    pub use zc_ring::{Block, ConsumerOptions, OnLag, Poll, Ring, RowRing, Schema};
}

/// The README's examples are run as tests.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So are those of the comparison.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../../docs/compare.md")]
struct Compare;
