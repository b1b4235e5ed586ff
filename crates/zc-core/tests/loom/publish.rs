//! Publishing, reclaiming, and recycling: what a reader looks at is never freed or written.

use std::mem::forget;

use zc_core::chunked::{ChunkedBuffer, ChunkedPublisher};
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::{block_on, model, thread};
use zc_core::{Publisher, RegionPool};

/// An element whose reads loom watches, and whose end counts as a write to it.
struct Watched {
    value: u8,
    cell: UnsafeCell<()>,
}

// SAFETY: loom checks the accesses to the cell, which is what the models are about.
unsafe impl Sync for Watched {}

impl Watched {
    fn new(value: u8) -> Self {
        let cell = UnsafeCell::new(());
        Self { value, cell }
    }

    fn read(&self) -> u8 {
        self.cell.with(|_| ());
        self.value
    }
}

impl Clone for Watched {
    fn clone(&self) -> Self {
        Self::new(self.read())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.cell.with_mut(|_| ());
    }
}

/// Two chunks of one element each.
fn chunked() -> ChunkedPublisher<Watched> {
    let mut buffer = ChunkedBuffer::with_chunk_len(1);
    buffer.extend([Watched::new(1), Watched::new(1)]);
    ChunkedPublisher::new(buffer)
}

/// A slot that one reader leaves and the next takes still protects what the next one pins.
#[test]
fn a_slot_that_changes_hands_protects_its_new_reader() {
    model(|| {
        let mut publisher = Publisher::new(vec![Watched::new(1)]);
        let mut first = publisher.reader();
        let leaving = thread::spawn(move || {
            first.load()[0].read();
        });
        let mut second = publisher.reader();
        let pinned = second.load();
        publisher.publish(vec![Watched::new(2)]);
        publisher.publish(vec![Watched::new(3)]);
        assert_eq!(pinned[0].read(), 1);
        drop(pinned);
        leaving.join().unwrap();
    });
}

/// Readers that come while a version is published are seen by the publisher.
#[test]
fn a_reader_that_is_cloned_meanwhile_is_seen() {
    model(|| {
        let mut publisher = Publisher::new(vec![Watched::new(1)]);
        let reader = publisher.reader();
        let reading = thread::spawn(move || {
            let mut other = reader.clone();
            drop(reader);
            assert!(other.load()[0].read() >= 1);
        });
        publisher.publish(vec![Watched::new(2)]);
        publisher.publish(vec![Watched::new(3)]);
        reading.join().unwrap();
    });
}

/// A reader that leaks its pin keeps that version, and no other, and holds nobody up. (The reader
/// itself ends with the model: loom counts its own objects.)
#[test]
fn a_leaked_pin_keeps_its_version_and_no_other() {
    model(|| {
        let mut publisher = Publisher::new(vec![Watched::new(1)]);
        let mut leaking = publisher.reader();
        let mut reader = publisher.reader();
        let thread = thread::spawn(move || {
            let pinned = leaking.load();
            let kept = pinned.to_frozen();
            let seen = pinned.version();
            forget(pinned);
            (leaking, seen, kept)
        });
        publisher.publish(vec![Watched::new(2)]);
        assert_eq!(reader.load()[0].read(), 2);
        publisher.publish(vec![Watched::new(3)]);
        assert_eq!(reader.load()[0].read(), 3);
        let (leaking, _, kept) = thread.join().unwrap();
        assert!((1..=3).contains(&kept[0].read()));
        drop(leaking);
    });
}

/// Who has seen a number finds that version, or a later one.
#[test]
fn a_number_is_never_ahead_of_its_version() {
    model(|| {
        let mut publisher = Publisher::new(vec![1_u8]);
        let mut reader = publisher.reader();
        let reading = thread::spawn(move || {
            let number = reader.version();
            assert!(reader.load().version() >= number);
        });
        publisher.publish(vec![2]);
        reading.join().unwrap();
    });
}

/// A version that was published before the publisher went away is seen before its end is.
#[test]
fn the_last_version_is_seen_before_the_end() {
    model(|| {
        let mut publisher = Publisher::new(vec![1_u8]);
        let mut reader = publisher.reader();
        let first = reader.load().version();
        let waiting = thread::spawn(move || block_on(reader.changed()));
        publisher.publish(vec![2]);
        drop(publisher);
        assert!(waiting.join().unwrap().unwrap() > first);
    });
}

/// The memory of a draft was read by others before; they are done with it.
#[test]
fn a_recycled_draft_is_nobody_elses() {
    model(|| {
        let mut publisher = Publisher::new(vec![Watched::new(1)]);
        drop(publisher.draft());
        let mut reader = publisher.reader();
        let reading = thread::spawn(move || {
            assert!(reader.load()[0].read() >= 1);
            let kept = reader.latest().clone();
            drop(reader);
            assert!(kept[0].read() >= 1);
        });
        for value in 2..4 {
            let mut draft = publisher.draft();
            draft[0] = Watched::new(value);
            draft.commit();
        }
        reading.join().unwrap();
    });
}

#[test]
fn a_published_chunk_is_not_written_under_a_reader() {
    model(|| {
        let mut publisher = chunked();
        let mut reader = publisher.reader();
        let reading = thread::spawn(move || {
            let pinned = reader.load();
            let first = pinned[0].read();
            assert!((1..=3).contains(&first));
            drop(pinned);
            assert!(reader.load()[0].read() >= first);
        });
        for value in 2..4 {
            publisher.write_at(0, &[Watched::new(value)]);
        }
        reading.join().unwrap();
    });
}

/// The same with the roles swapped.
#[test]
fn a_published_chunk_is_not_written_under_the_main_reader() {
    model(|| {
        let mut publisher = chunked();
        let mut reader = publisher.reader();
        let publishing = thread::spawn(move || {
            for value in 2..4 {
                publisher.write_at(0, &[Watched::new(value)]);
            }
            publisher
        });
        let first = reader.load()[0].read();
        assert!(reader.load()[0].read() >= first);
        drop(publishing.join().unwrap());
    });
}

/// A snapshot that another thread drops just when the writer asks whether it may write in place.
#[test]
fn a_chunk_is_written_in_place_only_after_its_snapshot_is_gone() {
    model(|| {
        let mut buffer = ChunkedBuffer::with_chunk_len(1);
        buffer.extend([Watched::new(1), Watched::new(1)]);
        let snapshot = buffer.snapshot();
        let reading = thread::spawn(move || assert_eq!(snapshot[0].read(), 1));
        buffer.write_at(0, &[Watched::new(2)]);
        assert_eq!(buffer[0].read(), 2);
        reading.join().unwrap();
    });
}

/// What was read through a view of pooled memory happens before the pool hands it out again.
#[test]
fn a_region_is_handed_out_again_after_its_last_view() {
    model(|| {
        let pool = RegionPool::new(1 << 20);
        let view = zc_core::Frozen::from(pool.acquire(16).unwrap());
        let other = view.clone();
        let dropping = thread::spawn(move || assert_eq!(other[0], 0));
        drop(view);
        let second = pool.acquire(16).unwrap();
        dropping.join().unwrap();
        let third = pool.acquire(16).unwrap();
        let stats = pool.stats();
        assert_eq!(stats.fresh + stats.reused, 3);
        assert_eq!(stats.outstanding_bytes, second.len() + third.len());
        assert_ne!(second.as_ptr(), third.as_ptr());
    });
}

/// loom watches the node's cell: freeing it while a reader looks at it would be reported.
#[test]
fn a_version_is_not_freed_under_a_reader() {
    model(|| {
        let mut publisher = Publisher::new(vec![1_u8]);
        let mut reader = publisher.reader();
        let reading = thread::spawn(move || {
            let first = reader.load()[0];
            assert!(reader.load()[0] >= first);
        });
        publisher.publish(vec![2]);
        publisher.publish(vec![3]);
        reading.join().unwrap();
    });
}

#[test]
fn a_version_is_not_freed_under_the_main_reader() {
    model(|| {
        let mut publisher = Publisher::new(vec![1_u8]);
        let mut reader = publisher.reader();
        let publishing = thread::spawn(move || {
            publisher.publish(vec![2]);
            publisher.publish(vec![3]);
            publisher
        });
        let first = reader.load()[0];
        assert!(reader.load()[0] >= first);
        drop(publishing.join().unwrap());
    });
}

#[test]
fn a_wait_for_a_newer_version_sees_it() {
    model(|| {
        let mut publisher = Publisher::new(vec![1_u8]);
        let mut reader = publisher.reader();
        let _ = reader.load();
        let waiting = thread::spawn(move || {
            block_on(reader.changed()).unwrap();
            assert_eq!(*reader.load(), [2]);
        });
        publisher.publish(vec![2]);
        waiting.join().unwrap();
    });
}

#[test]
fn the_end_of_the_publisher_ends_a_wait() {
    model(|| {
        let publisher = Publisher::new(vec![1_u8]);
        let mut reader = publisher.reader();
        let _ = reader.load();
        let waiting = thread::spawn(move || block_on(reader.changed()));
        drop(publisher);
        assert!(waiting.join().unwrap().is_err());
    });
}
