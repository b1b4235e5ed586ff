//! What a chunked publisher allocates, and when. (Alone in its file: it counts for the process.)

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering::Relaxed;

use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::{ChunkedBuffer, ChunkedPublisher};

const CHUNK: usize = 16 << 10;

/// Pieces of memory of a chunk's size that were asked for.
static CHUNKS: Count = Count::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is the system allocator's; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CHUNKS.fetch_add(usize::from(layout.size() == CHUNK), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise; `alloc` got it from there.
        unsafe { System.dealloc(at, layout) }
    }
}

/// A publisher of so many full chunks.
fn publisher(chunks: usize) -> ChunkedPublisher<u8> {
    let mut buffer = ChunkedBuffer::with_chunk_len(CHUNK);
    buffer.extend_from_slice(&vec![0; chunks * CHUNK]);
    ChunkedPublisher::new(buffer)
}

fn allocated(work: impl FnOnce()) -> usize {
    let before = CHUNKS.load(Relaxed);
    work();
    CHUNKS.load(Relaxed) - before
}

#[test]
fn memory_for_the_first_writes_is_there_and_bounded() {
    for (chunks, reserve) in [(3, 0), (40, 2), (300, 16)] {
        let mut publisher = publisher(chunks);
        let mut reader = publisher.reader();
        let first = reader.load();
        let mut write = |i: usize| {
            allocated(|| {
                publisher.write_at(i % chunks * CHUNK, &[i as u8]);
            })
        };
        // A reader stands still: nothing of the first version comes back.
        for i in 1..=reserve {
            assert_eq!(write(i), 0, "write {i} of {chunks} chunks");
        }
        assert_eq!(write(reserve + 1), 1, "the reserve of {chunks} chunks");
        assert!((0..chunks).all(|i| first[i * CHUNK] == 0));
        drop(first);
        // Once it has moved on, what was replaced is used again, for good.
        write(1);
        write(2);
        assert_eq!((3..100).map(&mut write).sum::<usize>(), 0);
    }
}
