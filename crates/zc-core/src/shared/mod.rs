//! [`SharedBuffer`]: many readers or one writer over one growable `[T]`.

mod buffer;
mod guards;
mod lock;
mod mapped;
mod owned;
mod owned_mapped;
mod place;
mod recursion;
mod store;
mod vec_methods;

pub use buffer::SharedBuffer;
pub use guards::{ReadGuard, WriteGuard};
pub use mapped::{MappedReadGuard, MappedWriteGuard};
pub use owned::{OwnedReadGuard, OwnedWriteGuard};
pub use owned_mapped::{OwnedMappedReadGuard, OwnedMappedWriteGuard};
