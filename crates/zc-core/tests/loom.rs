//! Exhaustive models of the waiter list, the view counts and the lock. Each is named after what it
//! proves; `seeds.txt` names the defects that must make it fail.

#![cfg(zc_loom)]

#[path = "loom/publish.rs"]
mod publish;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use zc_core::sync::atomic::{AtomicUsize, Ordering::*};
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::{Arc, block_on, model, thread};
use zc_core::wait::{WaitList, WaitStrategy};
use zc_core::{Frozen, Publisher, SeqCell, SharedBuffer};

/// A number of things that are ready, taken one at a time.
struct Things {
    ready: AtomicUsize,
    list: WaitList,
}

impl Things {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            ready: AtomicUsize::new(0),
            list: WaitList::new(),
        })
    }

    fn put(&self) {
        self.ready.fetch_add(1, Release);
        self.list.notify(1);
    }

    fn take(&self) -> Option<()> {
        self.ready
            .fetch_update(AcqRel, Acquire, |n| n.checked_sub(1))
            .ok()
            .map(|_| ())
    }

    fn take_blocking(&self) {
        self.list
            .block_until(WaitStrategy::Park, None, || self.take())
            .unwrap();
    }

    async fn take_async(&self) {
        let mut waiter = pin!(self.list.waiter());
        std::future::poll_fn(|cx| waiter.as_mut().poll_until(cx, || self.take())).await;
    }
}

#[test]
fn a_parked_thread_is_woken() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        things.put();
        waiter.join().unwrap();
    });
}

#[test]
fn two_waiters_get_two_things() {
    model(|| {
        let things = Things::new();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let other = things.clone();
                thread::spawn(move || other.take_blocking())
            })
            .collect();
        things.put();
        things.put();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn a_task_is_woken() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let waiter = thread::spawn(move || block_on(other.take_async()));
        things.put();
        waiter.join().unwrap();
    });
}

#[test]
fn a_cancelled_waiter_passes_its_wake_on() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        {
            let mut cancelled = pin!(things.take_async());
            let mut cx = Context::from_waker(Waker::noop());
            if cancelled.as_mut().poll(&mut cx).is_ready() {
                unreachable!("nothing is ready yet");
            }
            things.put();
        }
        waiter.join().unwrap();
    });
}

/// What the notifier did to the node is over before its owner, without the lock, takes it back.
#[test]
fn a_woken_waiter_leaves_without_the_lock() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let mut cx = Context::from_waker(Waker::noop());
        let mut waiting = pin!(things.take_async());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        let putter = thread::spawn(move || other.put());
        if waiting.as_mut().poll(&mut cx).is_pending() {
            // In the list again, with the same waker; or the wake is on its way.
            putter.join().unwrap();
            assert!(waiting.as_mut().poll(&mut cx).is_ready());
        }
    });
}

/// A waiter goes away just when it is notified: the other one is woken instead.
#[test]
fn a_waiter_that_is_cancelled_meanwhile_passes_its_wake_on() {
    model(|| {
        let things = Things::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut cancelled = Box::pin(things.list.waiter());
        let polled = cancelled.as_mut().poll_until(&mut cx, || None::<()>);
        assert!(polled.is_pending());
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        let other = things.clone();
        let putter = thread::spawn(move || other.put());
        drop(cancelled);
        putter.join().unwrap();
        waiter.join().unwrap();
    });
}

#[test]
fn a_leaked_waiter_takes_at_most_one_wake_with_it() {
    model(|| {
        // Leaked as well, since the leaked future refers to it for ever.
        let things: &'static Things = Box::leak(Box::new(Things {
            ready: AtomicUsize::new(0),
            list: WaitList::new(),
        }));
        let mut leaked = Box::pin(things.take_async());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(leaked.as_mut().poll(&mut cx).is_pending());
        std::mem::forget(leaked);
        let waiter = thread::spawn(move || things.take_blocking());
        things.put();
        things.put();
        waiter.join().unwrap();
    });
}

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

/// Two critical sections of which one writes never overlap (loom watches the store's cell).
#[test]
fn read_and_write_exclude_each_other() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u8, 0]);
        let writer = {
            let buffer = buffer.clone();
            thread::spawn(move || {
                let mut guard = buffer.write().unwrap();
                guard[0] = 1;
                guard[1] = 1;
            })
        };
        {
            let guard = buffer.read().unwrap();
            assert_eq!(guard[0], guard[1]);
        }
        writer.join().unwrap();
        assert_eq!(*buffer.read().unwrap(), [1, 1]);
    });
}

#[test]
fn two_writers_lose_no_write() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u8]);
        let other = buffer.clone();
        let writer = thread::spawn(move || other.write().unwrap()[0] += 1);
        buffer.write().unwrap()[0] += 1;
        writer.join().unwrap();
        assert_eq!(*buffer.read().unwrap(), [2]);
    });
}

/// A writer that waits behind a reader, which comes again at once: both get in.
#[test]
fn a_waiting_writer_and_a_returning_reader_both_get_in() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u8]);
        let guard = buffer.read().unwrap();
        let writer = {
            let buffer = buffer.clone();
            thread::spawn(move || buffer.write().unwrap()[0] = 1)
        };
        drop(guard);
        assert!(buffer.read().unwrap()[0] <= 1);
        writer.join().unwrap();
        assert_eq!(*buffer.read().unwrap(), [1]);
    });
}

#[test]
fn an_owned_guard_outlives_its_handle() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![7_u8]);
        let guard = buffer.read_owned().unwrap();
        let reader = thread::spawn(move || guard[0]);
        drop(buffer);
        assert_eq!(reader.join().unwrap(), 7);
    });
}

/// A snapshot that is dropped on another thread while the writer decides whether to copy.
#[test]
fn a_write_leaves_a_living_snapshot_alone() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![1_u8]);
        let snapshot = buffer.snapshot().unwrap();
        let reader = thread::spawn(move || snapshot[0]);
        buffer.write().unwrap()[0] = 2;
        assert_eq!(reader.join().unwrap(), 1);
        assert_eq!(*buffer.read().unwrap(), [2]);
    });
}

/// A copy is one that was stored as a whole, whatever the reader met on its way.
#[test]
fn a_seq_cell_is_never_torn() {
    model(|| {
        let cell = Arc::new(SeqCell::new([1_u64, 1]));
        let other = cell.clone();
        let writer = thread::spawn(move || {
            other.store([2, 2]);
            other.store([3, 3]);
        });
        if let Some([a, b]) = cell.try_load() {
            assert_eq!(a, b);
        }
        writer.join().unwrap();
        assert_eq!(cell.load(), [3, 3]);
    });
}

#[test]
fn seq_cell_writers_take_turns() {
    model(|| {
        let cell = Arc::new(SeqCell::new([1_u64, 1]));
        let other = cell.clone();
        let writer = thread::spawn(move || other.store([2, 2]));
        cell.store([3, 3]);
        writer.join().unwrap();
        let [a, b] = cell.load();
        assert_eq!(a, b);
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

// ---- the same races with the roles swapped ---------------------------------------------------
// loom may never try the order in which the spawned thread's exchange comes before the first load
// of the main one, so the races above are run the other way round as well.

#[test]
fn write_and_read_exclude_each_other_too() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u8, 0]);
        let reader = {
            let buffer = buffer.clone();
            thread::spawn(move || {
                let guard = buffer.read().unwrap();
                assert_eq!(guard[0], guard[1]);
            })
        };
        {
            let mut guard = buffer.write().unwrap();
            guard[0] = 1;
            guard[1] = 1;
        }
        reader.join().unwrap();
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
fn a_seq_cell_is_never_torn_for_a_spawned_reader() {
    model(|| {
        let cell = Arc::new(SeqCell::new([1_u64, 1]));
        let other = cell.clone();
        let reader = thread::spawn(move || {
            if let Some([a, b]) = other.try_load() {
                assert_eq!(a, b);
            }
        });
        cell.store([2, 2]);
        cell.store([3, 3]);
        reader.join().unwrap();
    });
}

#[test]
fn the_main_thread_is_woken_when_it_parks() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let putter = thread::spawn(move || other.put());
        things.take_blocking();
        putter.join().unwrap();
    });
}

// ---- the modes of the waiter list --------------------------------------------------------------
// loom has no asymmetric barrier: both of its sides are full ones here, and what is shown is that
// each side has one wherever the modes may lead.

fn relaxed_things() -> Arc<Things> {
    let things = Things {
        ready: AtomicUsize::new(0),
        list: WaitList::with_patience(1),
    };
    // Nobody waits: from here on the list is relaxed.
    things.list.notify(1);
    Arc::new(things)
}

#[test]
fn the_first_waiter_of_a_relaxed_list_is_woken() {
    model(|| {
        let things = relaxed_things();
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        things.ready.store(1, Release);
        things.list.notify(1);
        waiter.join().unwrap();
    });
}

#[test]
fn a_relaxed_list_wakes_the_main_thread_too() {
    model(|| {
        let things = relaxed_things();
        let other = things.clone();
        let putter = thread::spawn(move || {
            other.ready.store(1, Release);
            other.list.notify(1);
        });
        things.take_blocking();
        putter.join().unwrap();
    });
}

/// The list relaxes again while the second waiter comes.
#[test]
fn a_list_that_relaxes_again_wakes_the_next_waiter() {
    model(|| {
        let things = relaxed_things();
        let other = things.clone();
        let waiter = thread::spawn(move || {
            other.take_blocking();
            other.take_blocking();
        });
        things.put();
        things.list.notify(1);
        things.put();
        waiter.join().unwrap();
    });
}

// ---- the bias towards readers ------------------------------------------------------------------
// In a model one counted read turns the bias on, so the second read of a buffer goes by a slot.

fn biased_buffer() -> SharedBuffer<u8> {
    let buffer = SharedBuffer::from_vec(vec![0, 0]);
    drop(buffer.read().unwrap());
    buffer
}

#[test]
fn a_reader_by_slot_and_a_writer_exclude_each_other() {
    model(|| {
        let buffer = biased_buffer();
        let writer = {
            let buffer = buffer.clone();
            thread::spawn(move || {
                let mut guard = buffer.write().unwrap();
                guard[0] = 1;
                guard[1] = 1;
            })
        };
        {
            let guard = buffer.read().unwrap();
            assert_eq!(guard[0], guard[1]);
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_writer_and_a_spawned_reader_by_slot_exclude_each_other() {
    model(|| {
        let buffer = biased_buffer();
        let reader = {
            let buffer = buffer.clone();
            thread::spawn(move || {
                let guard = buffer.read().unwrap();
                assert_eq!(guard[0], guard[1]);
            })
        };
        {
            let mut guard = buffer.write().unwrap();
            guard[0] = 1;
            guard[1] = 1;
        }
        reader.join().unwrap();
    });
}

/// What the writer did is seen by the reader that turns the bias on again, and by one that enters
/// by it on another thread and has met neither.
#[test]
fn the_bias_carries_the_last_write_to_other_threads() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u8]);
        let (writing, reading) = (buffer.clone(), buffer.clone());
        let writer = thread::spawn(move || writing.try_write().map(|mut guard| guard[0] = 1));
        let reader = thread::spawn(move || reading.try_read().map(|guard| guard[0]));
        if let Ok(guard) = buffer.try_read() {
            assert!(guard[0] <= 1);
        }
        assert!(writer.join().is_ok() && reader.join().is_ok());
    });
}

/// A writer that sleeps because of a reader with a slot is woken when that one leaves.
#[test]
fn a_writer_waits_for_a_reader_by_slot() {
    model(|| {
        let buffer = biased_buffer();
        let guard = buffer.read().unwrap();
        let writer = {
            let buffer = buffer.clone();
            thread::spawn(move || buffer.write().unwrap()[0] = 1)
        };
        assert_eq!(guard[0], 0);
        drop(guard);
        writer.join().unwrap();
        // Whoever was summoned has been there: nobody stands back any more.
        assert_eq!(buffer.read().unwrap()[0], 1);
    });
}

/// As above, where the guard is dropped by another thread than the one whose slot it holds.
#[test]
fn a_guard_by_slot_may_be_dropped_elsewhere() {
    model(|| {
        let buffer = biased_buffer();
        let guard = buffer.read_owned().unwrap();
        let other = thread::spawn(move || guard[0]);
        buffer.write().unwrap()[0] = 1;
        assert_eq!(other.join().unwrap(), 0);
    });
}

/// A reader that stood back for a writer gets in although that writer gave up, and although the
/// guard it waited for is never dropped.
#[test]
fn a_writer_that_gives_up_lets_the_readers_in() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u8]);
        std::mem::forget(buffer.try_read().unwrap());
        let reader = {
            let buffer = buffer.clone();
            thread::spawn(move || drop(buffer.read().unwrap()))
        };
        {
            let mut given_up = pin!(buffer.write_async());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(given_up.as_mut().poll(&mut cx).is_pending());
        }
        reader.join().unwrap();
    });
}

#[test]
fn try_write_is_refused_by_a_reader_with_a_slot_only() {
    model(|| {
        let buffer = biased_buffer();
        let guard = buffer.read().unwrap();
        assert!(buffer.try_write().is_err());
        drop(guard);
        assert!(buffer.try_write().is_ok());
    });
}
