//! The chunked buffer and its publisher, by example and against a plain vector.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use zc_core::chunked::{ChunkedBuffer, ChunkedPublisher, ChunkedReader, ChunkedSnapshot};
use zc_core::error::{Closed, WaitError};
use zc_core::sync::block_on;
use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::{Frozen, Region};

const LONG: Duration = Duration::from_secs(30);

fn buffer(chunk_len: usize, elements: impl IntoIterator<Item = u32>) -> ChunkedBuffer<u32> {
    let mut buffer = ChunkedBuffer::with_chunk_len(chunk_len);
    buffer.extend(elements);
    buffer
}

#[test]
fn from_vec_takes_the_allocation() {
    let vec: Vec<u8> = (0..200_000_u32).map(|i| i as u8).collect();
    let (start, copy) = (vec.as_ptr(), vec.clone());
    let buffer = ChunkedBuffer::from_vec(vec);
    assert_eq!(*buffer, copy[..]);
    let chunks: Vec<_> = buffer.chunks().collect();
    assert_eq!(chunks.len(), 4);
    for (i, chunk) in chunks[..3].iter().enumerate() {
        assert_eq!(chunk.len(), buffer.chunk_len());
        assert_eq!(chunk.as_ptr(), start.wrapping_add(i * buffer.chunk_len()));
    }
    assert_eq!(chunks[3].len(), 200_000 % buffer.chunk_len());
}

#[test]
fn chunks_have_64_kib() {
    let of = |len: usize| ChunkedBuffer::from_vec(vec![0_u8; len]).chunk_len();
    assert_eq!(of(0), 64 << 10);
    assert_eq!(of(1 << 20), 64 << 10);
    assert_eq!(ChunkedBuffer::from_vec(vec![0_u64; 5]).chunk_len(), 8 << 10);
    let huge = ChunkedBuffer::from_vec(vec![[0_u8; 100_000]]);
    assert_eq!(huge.chunk_len(), 1, "an element is never split");
}

#[test]
fn a_write_under_a_snapshot_copies_one_chunk() {
    let mut buffer = buffer(4, 0..40);
    let before = buffer.snapshot();
    buffer.write_at(5, &[77]);
    assert_eq!(before[5], 5);
    assert_eq!(buffer[5], 77);
    let same = |(a, b): (&[u32], &[u32])| a.as_ptr() == b.as_ptr();
    let shared = buffer.chunks().zip(before.chunks()).map(same);
    assert_eq!(
        shared.collect::<Vec<_>>(),
        [true, false, true, true, true, true, true, true, true, true]
    );
    let place = buffer.chunk(1).unwrap().as_ptr();
    buffer.write_at(6, &[78]);
    assert_eq!(
        buffer.chunk(1).unwrap().as_ptr(),
        place,
        "copied once, then its own"
    );
    assert_eq!(before.to_vec(), (0..40).collect::<Vec<_>>());
}

#[test]
fn a_write_without_a_snapshot_is_in_place() {
    let mut buffer = buffer(4, 0..40);
    let places: Vec<_> = buffer.chunks().map(<[u32]>::as_ptr).collect();
    buffer.write_at(3, &[9; 20]);
    drop(buffer.snapshot());
    buffer.write_at(30, &[8; 10]);
    let after: Vec<_> = buffer.chunks().map(<[u32]>::as_ptr).collect();
    assert_eq!(places, after);
}

#[test]
fn writes_out_of_bounds_panic_and_write_nothing() {
    let mut buffer = buffer(4, 0..10);
    for (at, len) in [(9, 2), (10, 1), (11, 0), (usize::MAX, 2), (0, 11)] {
        let elements = vec![99; len];
        let result = catch_unwind(AssertUnwindSafe(|| buffer.write_at(at, &elements)));
        assert!(result.is_err(), "{len} at {at}");
        assert_eq!(buffer.to_vec(), (0..10).collect::<Vec<_>>());
    }
    buffer.write_at(10, &[]);
}

#[test]
fn an_empty_buffer_and_empty_ranges() {
    let mut buffer = ChunkedBuffer::<u32>::default();
    assert!(buffer.is_empty());
    assert_eq!(buffer.chunks().count(), 0);
    assert_eq!(buffer.iter().next(), None);
    assert_eq!(buffer.range(0..0).count(), 0);
    assert_eq!(buffer.get(0), None);
    assert_eq!(buffer.chunk(0), None);
    buffer.write_at(0, &[]);
    buffer.extend_from_slice(&[]);
    let snapshot = buffer.snapshot();
    assert!(snapshot.is_empty());
    assert_eq!(snapshot, ChunkedSnapshot::default());
    buffer.push(1);
    assert!(snapshot.is_empty());
    assert_eq!(buffer.get_range(1..1).map(Iterator::count), Some(0));
    assert!(buffer.get_range(1..3).is_none());
}

#[test]
#[should_panic(expected = "range end 11 out of range for a chunked buffer of length 10")]
fn a_range_out_of_bounds_panics() {
    let _ = buffer(4, 0..10).range(3..11);
}

#[test]
#[should_panic(expected = "index 10 out of range for a chunked buffer of length 10")]
fn an_index_out_of_bounds_panics() {
    let _ = buffer(4, 0..10)[10];
}

#[test]
#[should_panic(expected = "at least one element")]
fn chunks_of_nothing_are_refused() {
    let _ = ChunkedBuffer::<u8>::with_chunk_len(0);
}

#[test]
fn elements_without_a_size() {
    let mut buffer = ChunkedBuffer::from_vec(vec![(); usize::MAX]);
    assert_eq!(buffer.len(), usize::MAX);
    assert_eq!(buffer.get(usize::MAX - 1), Some(&()));
    buffer.write_at(5, &[(); 100]);
    let mut short = ChunkedBuffer::with_chunk_len(3);
    short.extend([(); 8]);
    let snapshot = short.snapshot();
    short.write_at(2, &[(); 4]);
    short.push(());
    let lens = |of: &ChunkedSnapshot<()>| of.chunks().map(<[()]>::len).collect::<Vec<_>>();
    assert_eq!(lens(&short), [3, 3, 3]);
    assert_eq!(lens(&snapshot), [3, 3, 2]);
}

#[test]
fn chunks_go_on_as_views() {
    let buffer = buffer(4, 0..10);
    let chunk = buffer.chunk(1).unwrap();
    let tail = buffer.chunk(2).unwrap();
    assert_eq!(buffer.chunk(3), None);
    drop(buffer);
    assert_eq!(*chunk, [4, 5, 6, 7]);
    assert_eq!(*tail, [8, 9]);
}

#[test]
fn a_view_becomes_a_buffer_and_is_not_written_to() {
    let region = Region::heap(100_000, 64).unwrap();
    let view = Frozen::from(region);
    let mut buffer = ChunkedBuffer::from(view.clone());
    assert_eq!(buffer.chunk(0).unwrap().as_ptr(), view.as_ptr());
    buffer.write_at(0, &[1]);
    buffer.write_at(99_999, &[2]);
    assert!(view.iter().all(|&b| b == 0));
    assert_eq!((buffer[0], buffer[99_999]), (1, 2));
    drop(view);
    buffer.write_at(20_000, &[3]);
    assert_eq!(buffer.iter().map(|&b| u32::from(b)).sum::<u32>(), 6);
}

#[test]
fn clones_share_until_they_are_written() {
    let mut a = buffer(4, 0..10);
    let mut b = a.clone();
    assert!(a.snapshot().ptr_eq(&b));
    a.push(10);
    b.write_at(0, &[50]);
    assert_eq!(a.to_vec(), (0..=10).collect::<Vec<_>>());
    assert_eq!(b[0], 50);
    assert_eq!(b.len(), 10);
    assert_ne!(a, b);
    assert_eq!(b.snapshot().to_buffer(), b);
}

#[test]
fn elements_are_dropped_once() {
    static LIVE: Count = Count::new(0);
    struct Counted(u32);
    impl Counted {
        fn new(value: u32) -> Self {
            LIVE.fetch_add(1, Relaxed);
            Self(value)
        }
    }
    impl Clone for Counted {
        fn clone(&self) -> Self {
            Self::new(self.0)
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            LIVE.fetch_sub(1, Relaxed);
        }
    }
    {
        let mut publisher = ChunkedPublisher::new({
            let mut buffer = ChunkedBuffer::with_chunk_len(4);
            buffer.extend((0..100).map(Counted::new));
            buffer
        });
        let mut reader = publisher.reader();
        let mut kept = Vec::new();
        for i in 0..50 {
            publisher.write_at(i * 2, &[Counted::new(1000), Counted::new(1001)]);
            if i % 7 == 0 {
                kept.push(reader.load().to_snapshot());
            }
        }
        assert_eq!(reader.load().iter().map(|c| c.0).sum::<u32>(), 50 * 2001);
        assert_eq!(kept[0].iter().filter(|c| c.0 >= 1000).count(), 2);
    }
    assert_eq!(LIVE.load(Relaxed), 0);
}

#[test]
fn a_clone_that_panics_loses_nothing() {
    #[derive(Debug, PartialEq)]
    struct Fragile(u32);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(self.0 != 13, "unlucky");
            Self(self.0)
        }
    }
    let values = |of: &ChunkedSnapshot<Fragile>| of.iter().map(|f| f.0).collect::<Vec<_>>();
    let mut buffer = ChunkedBuffer::with_chunk_len(4);
    buffer.extend((0..10).map(Fragile));
    let snapshot = buffer.snapshot();
    let bad = [Fragile(1), Fragile(13), Fragile(2)];
    for at in [0, 3, 6, 7] {
        let result = catch_unwind(AssertUnwindSafe(|| buffer.write_at(at, &bad)));
        assert!(result.is_err());
        assert_eq!(buffer.len(), 10);
    }
    let result = catch_unwind(AssertUnwindSafe(|| buffer.extend_from_slice(&bad)));
    assert!(result.is_err());
    assert_eq!(buffer.len(), 10, "all or nothing");
    buffer.push(Fragile(10));
    assert_eq!(buffer[10], Fragile(10));
    assert_eq!(values(&snapshot), (0..10).collect::<Vec<_>>());
}

// ---- published ---------------------------------------------------------------------------------

#[test]
fn readers_see_whole_versions() {
    let mut publisher = ChunkedPublisher::new(buffer(4, 0..20));
    let mut reader = publisher.reader();
    let first = publisher.version();
    let pinned = reader.load();
    let second = publisher.write_at(0, &[100]);
    assert!(second > first);
    assert_eq!((pinned.version(), pinned[0]), (first, 0));
    drop(pinned);
    assert_eq!(reader.latest()[0], 100);
    let mut draft = publisher.draft();
    draft.write_at(1, &[101]);
    draft.push(20);
    assert_eq!(reader.latest().len(), 20, "nothing is seen of a draft");
    let third = draft.commit();
    let now = reader.load();
    assert_eq!(
        (now.version(), now[0], now[1], now.len()),
        (third, 100, 101, 21)
    );
    drop(now);
    publisher.publish(vec![7]);
    assert_eq!(publisher.current().to_vec(), [7]);
    assert_eq!(reader.load().to_vec(), [7]);
}

#[test]
fn a_dropped_draft_and_a_panic_in_one_publish_nothing() {
    let mut publisher = ChunkedPublisher::new(buffer(4, 0..20));
    let version = publisher.version();
    publisher.draft().write_at(0, &[9; 10]);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut draft = publisher.draft();
        draft.extend([1, 2, 3]);
        *draft = ChunkedBuffer::with_chunk_len(7);
        draft.extend(0..100);
        panic!("in the middle");
    }));
    assert!(panicked.is_err());
    let panicked = catch_unwind(AssertUnwindSafe(|| publisher.write_at(19, &[1, 2])));
    assert!(panicked.is_err(), "out of bounds");
    assert_eq!(publisher.version(), version);
    let expected: Vec<_> = (0..20).collect();
    assert_eq!(publisher.current().to_vec(), expected);
    assert_eq!(publisher.draft().to_vec(), expected);
    for i in 0..20 {
        publisher.write_at(i, &[50]);
    }
    assert_eq!(publisher.current().to_vec(), [50; 20]);
}

#[test]
fn memory_that_nobody_looks_at_is_used_again() {
    let mut publisher = ChunkedPublisher::new(buffer(4, 0..200));
    let mut places = std::collections::BTreeSet::new();
    for i in 0..200 {
        publisher.write_at(i % 4, &[1]);
        places.insert(publisher.current().chunk(0).unwrap().as_ptr());
    }
    assert!(places.len() <= 4, "{} places", places.len());
}

#[test]
fn a_leaked_snapshot_costs_its_own_chunks_only() {
    let mut publisher = ChunkedPublisher::new(buffer(4, 0..200));
    let held = publisher.current();
    let mut reader = publisher.reader();
    std::mem::forget(reader.load());
    std::mem::forget(reader);
    let mut places = std::collections::BTreeSet::new();
    for i in 0..200 {
        publisher.write_at(i % 4, &[1]);
        places.insert(publisher.current().chunk(0).unwrap().as_ptr());
    }
    assert!(places.len() <= 5, "{} places", places.len());
    assert_eq!(held.to_vec(), (0..200).collect::<Vec<_>>());
}

#[test]
fn waits_end_with_a_newer_version_or_with_the_publisher() {
    let mut publisher = ChunkedPublisher::new(vec![0_u8]);
    let mut reader = publisher.reader();
    let version = reader.load().version();
    let soon = Duration::from_millis(1);
    assert_eq!(reader.wait_newer(version, soon), Err(WaitError::Timeout));
    thread::scope(|s| {
        let waiting = s.spawn(|| reader.wait_newer(version, LONG));
        let newer = publisher.write_at(0, &[1]);
        assert_eq!(waiting.join().unwrap(), Ok(newer));
    });
    assert_eq!(block_on(reader.changed()), Ok(publisher.version()));
    assert_eq!(reader.latest()[0], 1);
    drop(publisher);
    assert_eq!(block_on(reader.changed()), Err(Closed));
    assert_eq!(reader.load()[0], 1, "the last version stays");
}

#[test]
fn readers_never_see_a_torn_version_and_never_go_back() {
    const ROUNDS: u32 = 1_000;
    let mut publisher = ChunkedPublisher::new(buffer(8, [0; 100]));
    let reads = |mut reader: ChunkedReader<u32>| {
        let mut last = 0;
        let mut kept = Vec::new();
        while last < ROUNDS {
            let pinned = reader.load();
            assert!(pinned.iter().all(|&x| x == pinned[0]), "torn");
            assert!(pinned[0] >= last, "went back");
            last = pinned[0];
            if last % 5 == 0 {
                kept.push((last, pinned.to_snapshot()));
                kept.truncate(3);
            }
            drop(pinned);
            assert!(reader.latest()[50] >= last);
        }
        assert!(kept.iter().all(|(n, of)| of.iter().all(|x| x == n)));
    };
    thread::scope(|s| {
        let reader = publisher.reader();
        let (a, b) = (reader.clone(), reader);
        s.spawn(|| reads(a));
        s.spawn(|| reads(b));
        for i in 1..=ROUNDS {
            let mut draft = publisher.draft();
            draft.write_at(0, &[i; 50]);
            draft.write_at(50, &[i; 50]);
            draft.commit();
        }
    });
}

// ---- against a vector --------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Step {
    Write { at: usize, elements: Vec<u8> },
    Push(u8),
    Extend(Vec<u8>),
    Snapshot,
    DropSnapshot(usize),
    Fork,
}

fn step() -> impl Strategy<Value = Step> {
    let elements = || proptest::collection::vec(any::<u8>(), 0..20);
    prop_oneof![
        4 => (0..120_usize, elements()).prop_map(|(at, elements)| Step::Write { at, elements }),
        2 => any::<u8>().prop_map(Step::Push),
        2 => elements().prop_map(Step::Extend),
        2 => Just(Step::Snapshot),
        2 => any::<usize>().prop_map(Step::DropSnapshot),
        1 => Just(Step::Fork),
    ]
}

fn same(buffer: &ChunkedSnapshot<u8>, vec: &[u8], chunk_len: usize) {
    assert_eq!(*buffer, *vec);
    assert_eq!(buffer.len(), vec.len());
    assert!(buffer.iter().eq(vec));
    assert!(buffer.iter().rev().eq(vec.iter().rev()));
    assert!(buffer.chunks().eq(vec.chunks(chunk_len)));
    assert!(buffer.chunks().rev().eq(vec.chunks(chunk_len).rev()));
    assert_eq!(buffer.chunks().len(), vec.len().div_ceil(chunk_len));
    let (a, b) = (vec.len() / 3, vec.len() - vec.len() / 4);
    if a <= b {
        let range = buffer.range(a..b);
        assert_eq!(range.elements(), b - a);
        assert_eq!(range.clone().count(), range.len());
        assert_eq!(range.flatten().copied().collect::<Vec<_>>(), vec[a..b]);
        let mut back: Vec<_> = buffer
            .range(a..b)
            .rev()
            .flat_map(|c| c.iter().rev())
            .collect();
        back.reverse();
        assert!(back.into_iter().eq(&vec[a..b]));
    }
    for (i, x) in vec.iter().enumerate() {
        assert_eq!(buffer.get(i), Some(x));
    }
    let mut iter = buffer.iter();
    let (front, end) = (iter.next(), iter.next_back());
    assert_eq!(iter.len(), vec.len().saturating_sub(2));
    assert_eq!(
        (front, end),
        (vec.first(), vec.get(1..).and_then(<[u8]>::last))
    );
}

proptest! {
    #[test]
    fn a_chunked_buffer_is_a_vector(
        chunk_len in 1..9_usize,
        first in proptest::collection::vec(any::<u8>(), 0..100),
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut buffer = ChunkedBuffer::with_chunk_len(chunk_len);
        buffer.extend(&first);
        let mut vec = first;
        let mut snapshots: Vec<(ChunkedSnapshot<u8>, Vec<u8>)> = Vec::new();
        for step in steps {
            match step {
                Step::Write { at, elements } => {
                    if at + elements.len() <= vec.len() {
                        vec[at..at + elements.len()].copy_from_slice(&elements);
                        buffer.write_at(at, &elements);
                    }
                }
                Step::Push(x) => {
                    vec.push(x);
                    buffer.push(x);
                }
                Step::Extend(elements) => {
                    vec.extend_from_slice(&elements);
                    buffer.extend_from_slice(&elements);
                }
                Step::Snapshot => snapshots.push((buffer.snapshot(), vec.clone())),
                Step::DropSnapshot(i) => {
                    if !snapshots.is_empty() {
                        snapshots.swap_remove(i % snapshots.len());
                    }
                }
                Step::Fork => buffer = buffer.clone(),
            }
            same(&buffer, &vec, chunk_len);
        }
        for (snapshot, vec) in snapshots {
            same(&snapshot, &vec, chunk_len);
        }
    }

    /// Versions, with the memory of old ones recycled, are what a vector was.
    #[test]
    fn a_published_version_is_a_vector(
        chunk_len in 1..9_usize,
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut vec: Vec<u8> = (0..100).collect();
        let mut publisher = {
            let mut buffer = ChunkedBuffer::with_chunk_len(chunk_len);
            buffer.extend(&vec);
            ChunkedPublisher::new(buffer)
        };
        let mut reader = publisher.reader();
        let mut snapshots: Vec<(ChunkedSnapshot<u8>, Vec<u8>)> = Vec::new();
        for step in steps {
            let mut draft = publisher.draft();
            match step {
                Step::Write { at, elements } => {
                    if at + elements.len() <= vec.len() {
                        vec[at..at + elements.len()].copy_from_slice(&elements);
                        draft.write_at(at, &elements);
                    }
                }
                Step::Push(x) => {
                    vec.push(x);
                    draft.push(x);
                }
                Step::Extend(elements) => {
                    vec.extend_from_slice(&elements);
                    draft.extend_from_slice(&elements);
                }
                Step::Snapshot => snapshots.push((draft.snapshot(), vec.clone())),
                Step::DropSnapshot(i) => {
                    if !snapshots.is_empty() {
                        snapshots.swap_remove(i % snapshots.len());
                    }
                }
                Step::Fork => {
                    draft.write_at(0, &[0; 50]);
                    continue; // not published
                }
            }
            draft.commit();
            same(&reader.load(), &vec, chunk_len);
        }
        for (snapshot, vec) in snapshots {
            same(&snapshot, &vec, chunk_len);
        }
    }
}
