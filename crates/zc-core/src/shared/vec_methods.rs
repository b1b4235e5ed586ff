//! What a vector can do, written once for the borrowed and the owned write guard.

/// The methods; inside an `impl` block with `fn vec(&mut self) -> &mut Vec<T>`.
macro_rules! vec_methods {
    () => {
        /// Elements that fit without allocating.
        #[must_use]
        pub fn capacity(&self) -> usize {
            // SAFETY: this guard is inside the lock.
            unsafe { self.place.hold().store() }.capacity()
        }

        /// Appends one element.
        ///
        /// # Panics
        /// As `Vec::push`, above `isize::MAX` bytes; the elements are as they were.
        pub fn push(&mut self, value: T) {
            self.vec().push(value);
        }

        /// Appends clones of `elements`.
        ///
        /// # Panics
        /// As `Vec::extend_from_slice`, above `isize::MAX` bytes.
        pub fn extend_from_slice(&mut self, elements: &[T])
        where
            T: Clone,
        {
            self.vec().extend_from_slice(elements);
        }

        /// Keeps the first `len` elements.
        pub fn truncate(&mut self, len: usize) {
            self.vec().truncate(len);
        }

        /// Drops all elements, keeps the allocation.
        pub fn clear(&mut self) {
            self.vec().clear();
        }

        /// Makes the length `len`, with clones of `value` where it grows.
        ///
        /// # Panics
        /// As `Vec::resize`, above `isize::MAX` bytes; the elements are as they were.
        pub fn resize(&mut self, len: usize, value: T)
        where
            T: Clone,
        {
            self.vec().resize(len, value);
        }

        /// Makes room for `additional` more elements.
        ///
        /// # Panics
        /// As `Vec::reserve`, above `isize::MAX` bytes; the elements are as they were.
        pub fn reserve(&mut self, additional: usize) {
            self.vec().reserve(additional);
        }

        /// Makes room for `additional` more elements, or changes nothing.
        ///
        /// # Errors
        /// [`CapacityError`](crate::error::CapacityError) above `isize::MAX` bytes or without that
        /// much memory.
        pub fn try_reserve(
            &mut self,
            additional: usize,
        ) -> Result<(), $crate::error::CapacityError> {
            self.vec()
                .try_reserve(additional)
                .map_err(|_| $crate::error::CapacityError {
                    elements: self.len().saturating_add(additional),
                    element_size: size_of::<T>(),
                })
        }
    };
}

pub(super) use vec_methods;
