//! zc-core
pub mod sync;
pub mod wait;
pub mod error;
pub mod ledger;
pub mod frozen;
pub mod region;
pub use frozen::{Frozen, FrozenMut, FileSpan};
pub use region::{Region, RegionPool};
pub mod shared;
pub use shared::{SharedBuffer, ReadGuard, WriteGuard, OwnedReadGuard, OwnedWriteGuard};
