//! [`SharedBuffer`]: many readers or one writer over one growable `[T]`.

mod buffer;
mod guards;
mod lock;
mod owned;
mod recursion;
mod store;
mod vec_methods;

pub use buffer::SharedBuffer;
pub use guards::{ReadGuard, WriteGuard};
pub use owned::{OwnedReadGuard, OwnedWriteGuard};
