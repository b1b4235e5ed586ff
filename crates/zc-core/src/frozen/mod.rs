//! [`Frozen`]: an immutable view that outlives locks; what every crate hands to the next.
//!
//! A view is a pointer, a length and a counted reference to whatever owns the memory: three words.
//! Cloning is one atomic addition, slicing moves no data, and `Frozen<u8>` becomes
//! `bytes::Bytes` without a copy.
//!
//! ```
//! use zc_core::Frozen;
//!
//! let all = Frozen::from_vec(vec![1, 2, 3, 4]);
//! let (left, right) = all.split_at(1);
//! assert_eq!(&*left, [1]);
//! assert_eq!(right.slice(1..).as_ptr(), all[2..].as_ptr(), "the same memory, not a copy");
//! ```

#[cfg(feature = "bytes")]
mod bytes;
mod cast;
mod compare;
mod mutable;
mod owner;
mod range;
mod shared_vec;
mod span;
mod view;

pub use mutable::FrozenMut;
pub use owner::Source;
pub use span::FileSpan;
pub use view::Frozen;

#[cfg(unix)]
pub(crate) use owner::OwnerRef;
pub(crate) use range::{inside, inside_or_panic};
pub(crate) use shared_vec::SharedVec;
