//! zc-core
pub mod error;
pub mod frozen;
pub mod ledger;
pub mod region;
pub mod sync;
pub mod wait;
pub use frozen::{FileSpan, Frozen, FrozenMut};
pub use region::{Region, RegionPool};
pub mod shared;
pub use shared::{OwnedReadGuard, OwnedWriteGuard, ReadGuard, SharedBuffer, WriteGuard};
