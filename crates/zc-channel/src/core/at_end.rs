//! A step that comes after the value of a block.

/// Runs its closure when it is dropped: at the end of the block that it stands in, after the value of
/// that block is where it belongs.
pub(super) struct AtEnd<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> AtEnd<F> {
    #[inline]
    pub(super) const fn new(step: F) -> Self {
        Self(Some(step))
    }
}

impl<F: FnOnce()> Drop for AtEnd<F> {
    #[inline]
    fn drop(&mut self) {
        if let Some(step) = self.0.take() {
            step();
        }
    }
}
