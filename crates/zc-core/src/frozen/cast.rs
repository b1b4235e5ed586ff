//! The same memory as elements of another type.
//!
//! A view that was cast can become writable again ([`Frozen::try_into_mut`]), so a cast must be
//! right in both directions. `U: FromBytes` makes the bytes a `U`; `U: IntoBytes` keeps every byte
//! initialised whatever is written, because the memory may go back to a pool of plain bytes; and a
//! `T` without a destructor is never looked at again by its owner.

use std::mem::{align_of, needs_drop, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::view::Frozen;
use crate::error::CastError;

impl<T: IntoBytes + Immutable> Frozen<T> {
    /// The same bytes as `[U]`, where alignment and size allow. Copies nothing.
    ///
    /// A `T` that has a destructor does not compile: it would run on whatever was written as `U`.
    ///
    /// # Errors
    /// What does not fit, and the view itself.
    pub fn try_cast<U>(mut self) -> Result<Frozen<U>, (CastError, Self)>
    where
        U: FromBytes + IntoBytes + Immutable,
    {
        const {
            assert!(
                !needs_drop::<T>(),
                "elements with a destructor cannot be seen as others"
            );
        }
        let (align, size) = (align_of::<U>(), size_of::<U>());
        let len = self.len * size_of::<T>();
        let past = if self.owner.is_some() {
            self.ptr.addr().get() % align
        } else {
            0
        };
        if past != 0 {
            return Err((CastError::Alignment { align, past }, self));
        }
        // No number of elements of no size makes up some bytes, and none too many makes up none.
        let elements = len.checked_div(size).unwrap_or(0);
        if elements * size != len {
            return Err((CastError::Size { len, size }, self));
        }
        if elements == 0 {
            return Ok(Frozen::new());
        }
        Ok(Frozen::from_parts(
            self.ptr.cast(),
            elements,
            self.owner.take(),
        ))
    }
}
