//! The same memory as elements of another type.

use std::mem::{align_of, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::view::Frozen;
use crate::error::CastError;

impl<T: IntoBytes + Immutable> Frozen<T> {
    /// The same bytes as `[U]`, where alignment and size allow. Copies nothing.
    ///
    /// # Errors
    /// What does not fit, and the view itself.
    pub fn try_cast<U: FromBytes + Immutable>(mut self) -> Result<Frozen<U>, (CastError, Self)> {
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
