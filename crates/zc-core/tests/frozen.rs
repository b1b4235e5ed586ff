//! Views from the outside: nothing copies, nothing dangles.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use zc_core::sync::atomic::{AtomicUsize, Ordering};

use zc_core::error::CastError;
use zc_core::frozen::Source;
use zc_core::{Frozen, Region, RegionPool};

#[test]
fn a_view_is_three_words() {
    assert_eq!(size_of::<Frozen<u8>>(), 3 * size_of::<usize>());
    assert_eq!(size_of::<Option<Frozen<u8>>>(), 3 * size_of::<usize>());
}

#[test]
fn from_vec_takes_the_allocation() {
    let vec = vec![1_u32, 2, 3];
    let address = vec.as_ptr();
    let view = Frozen::from_vec(vec);
    assert_eq!(view.as_ptr(), address);
    assert_eq!(view.clone().as_ptr(), address);
    assert!(view.ptr_eq(&view.clone()));
    assert!(!view.ptr_eq(&view.slice(..2)));
    assert!(!view.ptr_eq(&Frozen::from_vec(vec![1, 2, 3])));
}

#[test]
fn slices_are_the_same_memory() {
    let view = Frozen::from_vec((0..10_u8).collect());
    let middle = view.slice(3..=6);
    assert_eq!(*middle, [3, 4, 5, 6]);
    assert_eq!(middle.as_ptr(), view[3..].as_ptr());
    drop(view);
    assert_eq!(*middle.slice(1..3), [4, 5]);
    let (left, right) = middle.split_at(1);
    assert_eq!((&*left, &*right), (&[3][..], &[4, 5, 6][..]));
}

#[test]
fn ranges_outside_panic_and_get_says_none() {
    let view = Frozen::from_vec(vec![1, 2, 3]);
    assert!(view.slice(3..3).is_empty());
    assert!(view.get(2..4).is_none());
    assert!(view.get(4..).is_none());
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let reversed = view.get(2..1);
    assert!(reversed.is_none());
    assert!(view.get(..=usize::MAX).is_none());
    for range in [2..4, 4..5] {
        assert!(catch_unwind(AssertUnwindSafe(|| view.slice(range))).is_err());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| view.split_at(4))).is_err());
}

#[test]
fn an_empty_view_needs_no_owner() {
    let empty = Frozen::<String>::new();
    assert!(empty.is_empty());
    assert_eq!(empty, Frozen::from_vec(Vec::new()));
    assert!(empty.try_into_mut().unwrap().freeze().is_empty());
}

/// Counts how often it is asked and dropped.
struct Counted(Vec<u8>, Arc<AtomicUsize>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.1.fetch_add(1, Ordering::Relaxed);
        assert!(!self.0.is_empty(), "asked for nothing");
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.2.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_owner_is_asked_once_and_dropped_with_the_last_view() {
    let (asked, dropped) = (Arc::default(), Arc::default());
    let view = Frozen::from_owner(Counted(
        vec![1, 2],
        Arc::clone(&asked),
        Arc::clone(&dropped),
    ));
    let part = view.slice(1..);
    drop(view);
    assert_eq!(*part, [2]);
    assert_eq!(
        (
            asked.load(Ordering::Relaxed),
            dropped.load(Ordering::Relaxed)
        ),
        (1, 0)
    );
    let part = part.try_into_mut().unwrap_err(); // not the crate's memory
    drop(part);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn an_owner_that_panics_is_dropped() {
    let (asked, dropped) = (Arc::default(), Arc::default());
    let owner = Counted(vec![], asked, Arc::clone(&dropped));
    assert!(catch_unwind(AssertUnwindSafe(|| Frozen::from_owner(owner))).is_err());
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn the_last_view_becomes_writable_and_others_do_not() {
    let view = Frozen::from_vec(vec![1, 2, 3]);
    let address = view.as_ptr();
    let other = view.clone();
    let view = view.try_into_mut().unwrap_err();
    drop(other);
    let part = view.slice(1..);
    drop(view);
    let mut part = part.try_into_mut().unwrap();
    part[0] = 20;
    let part = part.freeze();
    assert_eq!(*part, [20, 3]);
    assert_eq!(part.as_ptr(), address.wrapping_add(1));
}

#[test]
fn a_pooled_region_goes_home_with_the_last_view() {
    let pool = RegionPool::new(1 << 20);
    let mut region = pool.acquire(100).unwrap();
    region.as_mut_slice()[..3].copy_from_slice(b"abc");
    let view = Frozen::from(region).slice(..3);
    let bytes = view.clone();
    assert_eq!(pool.stats().outstanding_bytes, 4096);
    drop(view);
    assert_eq!(&*bytes, b"abc");
    drop(bytes);
    assert_eq!(pool.stats().outstanding_bytes, 0);
    assert_eq!(pool.stats().idle_bytes, 4096);
    assert!(Frozen::from(Region::heap(0, 1).unwrap()).is_empty());
}

#[test]
fn casts_check_alignment_and_size() {
    let mut region = Region::heap(16, 8).unwrap();
    region.as_mut_slice()[0] = 1;
    let bytes = Frozen::from(region);
    let address = bytes.as_ptr();
    let words = bytes.clone().try_cast::<u64>().unwrap();
    assert_eq!(*words, [u64::from_le(1), 0]);
    assert_eq!(words.as_ptr().cast(), address);
    assert_eq!(words.try_cast::<u8>().unwrap().len(), 16);

    let (error, back) = bytes.slice(1..9).try_cast::<u64>().unwrap_err();
    assert_eq!(error, CastError::Alignment { align: 8, past: 1 });
    assert_eq!(back.len(), 8);
    let (error, _) = bytes.slice(..9).try_cast::<u64>().unwrap_err();
    assert_eq!(error, CastError::Size { len: 9, size: 8 });
    assert!(Frozen::<u8>::new().try_cast::<u64>().unwrap().is_empty());
}

#[test]
fn a_cast_view_becomes_writable_as_what_it_was_cast_to() {
    let flags = Frozen::from_vec(vec![true, false]);
    let mut bytes = flags.try_cast::<u8>().unwrap().try_into_mut().unwrap();
    assert_eq!(*bytes, [1, 0]);
    bytes[1] = 7;
    assert_eq!(*bytes.freeze(), [1, 7]);
}

#[cfg(feature = "bytes")]
#[test]
fn bytes_and_back_is_the_same_memory() {
    let view = Frozen::from_vec(b"hello".to_vec());
    let address = view.as_ptr();
    let bytes = bytes::Bytes::from(view);
    assert_eq!(bytes.as_ptr(), address);
    assert_eq!(
        Frozen::from(bytes.slice(1..)).as_ptr(),
        address.wrapping_add(1)
    );
    assert!(bytes::Bytes::from(Frozen::<u8>::new()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_view_knows_the_file_behind_it() {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
    use std::os::unix::fs::FileExt;

    struct InFile(Vec<u8>, File);
    impl Source<u8> for InFile {
        fn as_slice(&self) -> &[u8] {
            &self.0
        }
        fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
            Some((self.1.as_fd(), 4))
        }
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"headpayload").unwrap();
    let raw = file.as_raw_fd();
    let view = Frozen::from_source(InFile(b"payload".to_vec(), file)).slice(3..);
    let span = view.file_span().unwrap();
    assert_eq!((span.fd.as_raw_fd(), span.offset, span.len), (raw, 7, 4));
    let mut read = [0; 4];
    File::from(span.fd.try_clone_to_owned().unwrap())
        .read_exact_at(&mut read, span.offset)
        .unwrap();
    assert_eq!(read, *view);
    assert!(Frozen::from_vec(vec![1_u8]).file_span().is_none());
    assert!(view.slice(..0).file_span().is_none());
}

#[test]
fn a_range_past_the_largest_index_is_outside() {
    let view = Frozen::from_vec(vec![(); usize::MAX]);
    assert!(view.get(..=usize::MAX).is_none());
    assert_eq!(view.slice(usize::MAX..).len(), 0);
}

#[test]
fn a_view_compares_with_every_kind_of_slice() {
    let view = Frozen::from_vec(vec![1, 2]);
    assert_eq!(view, [1, 2]);
    assert_eq!(view, vec![1, 2]);
    assert_eq!([1, 2][..], view);
    let later = Frozen::from(vec![1, 3]);
    assert!(view < later);
}
