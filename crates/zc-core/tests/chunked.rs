//! The chunked buffer, by example.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

use zc_core::chunked::{ChunkedBuffer, ChunkedPublisher, ChunkedSnapshot};
use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::{Frozen, Region};

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
#[should_panic(expected = "out of range for length 10")]
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
