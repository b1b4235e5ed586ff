//! What may go to other threads, stay across an `await`, and be used after somebody else's panic. These compile, or
//! a promise is broken.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};

use zc_core::chunked::{ChunkedPublisher, ChunkedReader, ChunkedSnapshot};
use zc_core::{ChunkedBuffer, Frozen, Pinned, Publisher, Reader, Region, RegionPool, SeqCell};
use zc_core::{FrozenMut, ReadGuard, SharedBuffer, WriteGuard};

fn crosses_threads<T: Send + Sync>() {}

fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}

#[test]
fn everything_may_cross_threads() {
    crosses_threads::<SharedBuffer<u8>>();
    crosses_threads::<ReadGuard<'static, u8>>();
    crosses_threads::<WriteGuard<'static, u8>>();
    crosses_threads::<Frozen<u8>>();
    crosses_threads::<FrozenMut<u8>>();
    crosses_threads::<Publisher<u8>>();
    crosses_threads::<Reader<u8>>();
    crosses_threads::<Pinned<'static, u8>>();
    crosses_threads::<ChunkedBuffer<u8>>();
    crosses_threads::<ChunkedSnapshot<u8>>();
    crosses_threads::<ChunkedPublisher<u8>>();
    crosses_threads::<ChunkedReader<u8>>();
    crosses_threads::<SeqCell<u64>>();
    crosses_threads::<Region>();
    crosses_threads::<RegionPool>();
}

#[test]
fn what_a_panic_may_leave_half_done_is_poisoned_so_that_the_rest_is_safe_to_unwind() {
    survives_panics::<SharedBuffer<u8>>();
    survives_panics::<Frozen<u8>>();
    survives_panics::<Publisher<u8>>();
    survives_panics::<Reader<u8>>();
    let buffer = SharedBuffer::from_vec(vec![1]);
    let panicked = catch_unwind(|| {
        let mut guard = buffer.write().unwrap();
        guard.push(2);
        panic!("in the middle of it");
    });
    assert!(panicked.is_err());
    assert!(buffer.read().is_err(), "poisoned");
}

#[test]
fn a_pinned_version_may_stay_across_an_await() {
    fn runs_anywhere<F: Future + Send>(future: F) -> F::Output {
        zc_core::sync::block_on(future)
    }
    let publisher = Publisher::new(vec![1, 2, 3]);
    let mut reader = publisher.reader();
    let sum = runs_anywhere(async {
        let pinned = reader.load();
        std::future::ready(()).await;
        pinned.iter().sum::<i32>()
    });
    assert_eq!(sum, 6);
}

#[test]
fn what_owns_elements_becomes_a_view() {
    let boxed: Box<[u8]> = vec![1, 2].into();
    let view = Frozen::from(boxed);
    assert_eq!(view, [1, 2]);
    let mutable = view.try_into_mut().expect("the only view");
    assert_eq!(Frozen::from(mutable), [1, 2]);
}
