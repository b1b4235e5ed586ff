//! Every kind of region, what views of it can do, and what goes wrong.

#![cfg(all(target_os = "linux", not(any(zc_loom, zc_shuttle))))]

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use zc_core::error::RegionError;
use zc_core::region::{FileMapping, GrowingRegion, Memfd, RegionPool, SealedMemfd};
use zc_core::{Frozen, Publisher, Region};

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// The bytes that a span says are in the file.
fn spanned(view: &Frozen<u8>) -> Vec<u8> {
    let span = view.file_span().unwrap();
    let file = File::from(span.fd.try_clone_to_owned().unwrap());
    let mut bytes = vec![0; span.len];
    file.read_exact_at(&mut bytes, span.offset).unwrap();
    bytes
}

// ---- memory files ------------------------------------------------------------------------------

#[test]
fn a_sealed_memory_file_can_never_change() {
    let mut memory = Memfd::create("test", 10_000).unwrap();
    assert_eq!(memory.len(), 10_000);
    assert!(memory.as_slice().iter().all(|&b| b == 0));
    memory.as_mut_slice()[9_999] = 7;
    let sealed = memory.seal().unwrap();
    let file = File::from(sealed.as_fd().try_clone_to_owned().unwrap());
    assert!(file.set_len(1).is_err(), "shrinking");
    assert!(file.set_len(1 << 20).is_err(), "growing");
    assert!(file.write_at(b"x", 0).is_err(), "writing");
    let view = Frozen::from(sealed);
    assert_eq!((view.len(), view[9_999]), (10_000, 7));
}

#[test]
fn a_sealed_memory_file_crosses_a_descriptor() {
    let mut memory = Memfd::create("test", 100).unwrap();
    memory.as_mut_slice()[50..].fill(5);
    let sealed = memory.seal().unwrap();
    let sent = sealed.as_fd().try_clone_to_owned().unwrap();
    drop(sealed);
    let view = Frozen::from(SealedMemfd::open(sent).unwrap());
    assert_eq!(view[49..51], [0, 5]);
    assert_eq!(spanned(&view.slice(40..60)), view[40..60]);
}

#[test]
fn an_unsealed_file_is_no_memory_to_trust() {
    let error = SealedMemfd::open(file_of(b"plain").into()).unwrap_err();
    assert!(matches!(
        error,
        RegionError::NotSealed { against: "writing" }
    ));
}

#[test]
fn a_sealed_view_is_never_writable_again() {
    let view = Frozen::from(Memfd::create("test", 10).unwrap().seal().unwrap());
    let view = view.try_into_mut().unwrap_err();
    assert_eq!(*view, [0; 10]);
}

#[test]
fn memory_files_refuse_nonsense() {
    for len in [0, usize::MAX, isize::MAX as usize + 1] {
        let error = Memfd::create("test", len).unwrap_err();
        assert!(matches!(error, RegionError::Layout { .. }));
    }
    assert!(Memfd::create("test", isize::MAX as usize).is_err());
    assert!(matches!(
        Memfd::create("a\0b", 1),
        Err(RegionError::File { .. })
    ));
}

// ---- files -------------------------------------------------------------------------------------

#[test]
fn a_copy_of_a_file_is_private() {
    let file = file_of(b"0123456789");
    let region = Region::from_file(&file, 3, 4).unwrap();
    file.set_len(0).unwrap();
    assert_eq!(region.as_slice(), b"3456");
    assert!(Frozen::from(region).try_into_mut().is_ok());
}

#[test]
fn a_file_that_is_too_short_is_an_error() {
    let file = file_of(b"0123456789");
    for (position, len) in [(0, 11), (8, 3), (11, 1), (u64::MAX, 1)] {
        let copied = Region::from_file(&file, position, len).unwrap_err();
        // SAFETY: nothing is mapped.
        let mapped = unsafe { FileMapping::map(file.try_clone().unwrap(), position, len) };
        for error in [copied, mapped.unwrap_err()] {
            assert!(
                matches!(error, RegionError::Truncated { found: 10, .. }),
                "{error}"
            );
        }
    }
}

#[test]
fn a_mapping_may_start_anywhere_and_knows_its_file() {
    let bytes: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
    let file = file_of(&bytes);
    // SAFETY: nobody else has the file, and this test does not change it.
    let mapping = unsafe { FileMapping::map(file, 5_001, 10_000) }.unwrap();
    let view = Frozen::from(mapping);
    assert_eq!(*view, bytes[5_001..15_001]);
    let part = view.slice(100..200);
    assert_eq!(part.file_span().unwrap().offset, 5_101);
    assert_eq!(spanned(&part), *part);
    assert!(part.try_into_mut().is_err());
}

#[test]
fn a_file_truncated_under_a_mapping_is_detected() {
    let file = file_of(&[1; 10_000]);
    let other = file.try_clone().unwrap();
    // SAFETY: the bytes past the cut are not touched after it.
    let mapping = unsafe { FileMapping::map(file, 1_000, 9_000) }.unwrap();
    mapping.check().unwrap();
    assert_eq!(mapping.as_slice()[8_999], 1);
    other.set_len(9_999).unwrap();
    let error = mapping.check().unwrap_err();
    assert!(matches!(
        error,
        RegionError::Truncated {
            expected: 10_000,
            found: 9_999
        }
    ));
    assert_eq!(
        error.to_string(),
        "the file has 9999 bytes, 10000 are needed"
    );
}

// ---- growing -----------------------------------------------------------------------------------

#[test]
fn growth_moves_nothing_and_views_stay() {
    let mut region = GrowingRegion::reserve_va(64 << 20).unwrap();
    assert_eq!((region.reserved(), region.committed()), (64 << 20, 0));
    assert!(region.as_slice().is_empty());
    assert!(region.freeze(0).is_empty());
    let mut views = Vec::new();
    for i in 0..100_u8 {
        let len = 1 + usize::from(i) * 1_000;
        region.commit(len).unwrap();
        region.as_mut_slice()[..len].fill(i);
        views.push(region.freeze(len));
    }
    let all = region.frozen();
    drop(region);
    let mut end = all.as_ptr();
    for (i, view) in views.iter().enumerate() {
        assert_eq!(view.as_ptr(), end);
        assert!(view.iter().all(|&b| usize::from(b) == i));
        end = view.as_ptr().wrapping_add(view.len());
    }
    drop(views);
    assert!(all.try_into_mut().is_err(), "never writable again");
}

#[test]
fn growth_is_bounded_by_what_was_reserved() {
    let mut region = GrowingRegion::reserve_va(10_000).unwrap();
    assert_eq!(region.reserved(), 12_288);
    region.commit(12_000).unwrap();
    let _ = region.freeze(4_000);
    region.commit(8_288).unwrap();
    for wanted in [8_289, usize::MAX] {
        let error = region.commit(wanted).unwrap_err();
        assert!(matches!(error, RegionError::Limit { limit: 12_288, .. }));
    }
    for max in [0, usize::MAX, isize::MAX as usize + 1] {
        let error = GrowingRegion::reserve_va(max).unwrap_err();
        assert!(matches!(error, RegionError::Layout { .. }));
    }
}

#[test]
#[should_panic(expected = "4097 bytes cannot be frozen: 4096 are committed")]
fn what_is_not_committed_cannot_be_frozen() {
    let mut region = GrowingRegion::reserve_va(10_000).unwrap();
    region.commit(1).unwrap();
    let _ = region.freeze(4_097);
}

// ---- writable again ----------------------------------------------------------------------------

#[test]
fn every_region_is_writable_again_for_its_last_view() {
    let pool = RegionPool::new(1 << 20);
    let regions = [
        Region::heap(100, 64).unwrap(),
        Region::anonymous(100).unwrap(),
        Region::from_file(&file_of(&[0; 100]), 0, 100).unwrap(),
        pool.acquire(100).unwrap(),
    ];
    for region in regions {
        let view = Frozen::from(region);
        let part = view.slice(10..20);
        let view = view.try_into_mut().unwrap_err();
        drop(view);
        let mut part = part.try_into_mut().unwrap();
        part.fill(1);
        assert_eq!(*part.freeze(), [1; 10]);
    }
    assert_eq!(pool.stats().outstanding_bytes, 0);
}

// ---- drafts in pooled regions ------------------------------------------------------------------

#[test]
fn drafts_come_from_the_pool_and_go_back() {
    let pool = RegionPool::new(1 << 20);
    let mut publisher = Publisher::with_pool(vec![7_u64; 1000], pool.clone());
    let mut reader = publisher.reader();
    let mut held = Vec::new();
    for i in 0..10 {
        let mut draft = publisher.draft();
        assert_eq!(draft.len(), 1000);
        draft.fill(i);
        draft.commit();
        held.push(reader.latest().clone());
    }
    for (i, view) in held.iter().enumerate() {
        assert!(view.iter().all(|&x| x == i as u64));
    }
    // One of the ten is the vector that the first version was.
    assert_eq!(pool.stats().outstanding_bytes, 9 * 8192);
    held.clear();
    drop((publisher, reader));
    assert_eq!(pool.stats().outstanding_bytes, 0);
}

#[test]
fn a_pool_that_refuses_leaves_drafts_to_the_heap() {
    let pool = RegionPool::with_total(0, 0);
    let mut publisher = Publisher::with_pool(vec![7_u8; 10], pool.clone());
    assert_eq!(*publisher.draft(), [7; 10]);
    assert!(pool.stats().refused > 0);
    let empty = Publisher::with_pool(Vec::<u8>::new(), pool).draft().len();
    assert_eq!(empty, 0);
}
