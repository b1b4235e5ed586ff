//! Edges that the models cannot see missing, because loom's fences order more than a processor's do:
//! data that nothing but the edge under test carries from one thread to the other. ThreadSanitizer
//! reports a race on it as soon as either end is gone.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::sync::Barrier;
use std::thread;

use zc_core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use zc_core::sync::cell::UnsafeCell;
use zc_core::{Publisher, SharedBuffer};

/// More reads than it takes to turn the bias of a fresh buffer on: one does. After many more,
/// ThreadSanitizer would have forgotten where the write was, and keep the race to itself.
const SOME: usize = 4;

/// Says that something has happened and carries nothing else.
#[derive(Default)]
struct Hint(AtomicBool);

impl Hint {
    fn give(&self) {
        self.0.store(true, Relaxed);
    }

    fn wait(&self) {
        while !self.0.load(Relaxed) {
            thread::yield_now();
        }
    }
}

fn read_some(buffer: &SharedBuffer<u64>) {
    for _ in 0..SOME {
        drop(buffer.read().unwrap());
    }
}

#[test]
fn a_reader_that_enters_by_the_bias_sees_the_last_write() {
    let (buffer, written) = (SharedBuffer::from_vec(vec![0_u64]), Hint::default());
    let ready = Barrier::new(2);
    thread::scope(|s| {
        s.spawn(|| {
            // From here on this thread has its slots, and no more reason to look at a list of them.
            read_some(&SharedBuffer::from_vec(vec![1]));
            ready.wait();
            written.wait();
            // A plain load: a comparison of slices is a call that the sanitizer does not look into.
            let value = buffer.read().unwrap()[0];
            assert_eq!(value, 7);
        });
        read_some(&SharedBuffer::from_vec(vec![1]));
        ready.wait();
        buffer.write().unwrap()[0] = 7;
        read_some(&buffer);
        written.give();
    });
}

#[test]
fn whoever_sees_a_version_sees_what_was_done_before_it() {
    struct Plain(UnsafeCell<u64>);
    // SAFETY: the test orders its accesses, which is what it is about.
    unsafe impl Sync for Plain {}

    let plain = Plain(UnsafeCell::new(0));
    let mut publisher = Publisher::new(vec![0_u8]);
    let reader = publisher.reader();
    let first = publisher.version();
    thread::scope(|s| {
        let plain = &plain;
        s.spawn(move || {
            while reader.version() == first {
                thread::yield_now();
            }
            // SAFETY: the writer was done before it published.
            assert_eq!(plain.0.with(|value| unsafe { *value }), 7);
        });
        // SAFETY: the reader looks at it after the next version only.
        plain.0.with_mut(|value| unsafe { *value = 7 });
        publisher.publish(vec![1]);
    });
}
