//! The index in memory: from a key to a pinned slot, without a lock.
//!
//! Two structures, one writer at a time (the holder of the cache's writer lock), any number of
//! readers that never wait for it:
//!
//! - [`table`]: an open-addressed array of 8-byte buckets, each a fingerprint and a slot number.
//! - [`slot`]: what is known of one object (its key, extent, checksum), and the [`pins`] that
//!   decide whether a reader may look at it and when its extent may be used again.
//!
//! When the last handle of the cache is gone, [`orphans`] finds out which view is the last.
//!
//! A reader hashes, probes the table, pins the slot that a bucket names, and only then compares
//! the whole key. The table may lie for a moment, a pinned slot never does.

#![cfg_attr(
    not(any(zc_loom, zc_shuttle)),
    expect(
        unreachable_pub,
        reason = "model checkers reach the index from outside"
    )
)]

pub mod key;
pub mod orphans;
pub mod pin;
pub mod pins;
pub mod slot;
pub mod table;
