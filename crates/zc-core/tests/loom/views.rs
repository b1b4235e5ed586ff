//! The counting of views.

use zc_core::Frozen;
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::{model, thread};

/// What went through one view happens before the last one drops the owner.
#[test]
fn the_last_view_frees_after_all_others_are_done() {
    /// Writes to the watched cell when it is dropped. (`std`'s `Arc` adds no edge that loom sees.)
    struct Owner(std::sync::Arc<UnsafeCell<u8>>);
    // SAFETY: loom checks the accesses to the cell, which is what the model is about.
    unsafe impl Send for Owner {}
    // SAFETY: as above.
    unsafe impl Sync for Owner {}
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &[7]
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            self.0.with_mut(|_| ());
        }
    }
    model(|| {
        let cell = std::sync::Arc::new(UnsafeCell::new(0));
        let seen = Owner(cell.clone());
        let view = Frozen::from_owner(Owner(cell));
        let other = view.clone();
        let reader = thread::spawn(move || {
            let seen = std::mem::ManuallyDrop::new(seen);
            seen.0.with(|_| ());
            assert_eq!(*other, [7]);
            drop(other);
        });
        drop(view);
        reader.join().unwrap();
    });
}
