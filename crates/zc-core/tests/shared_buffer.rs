//! `SharedBuffer` from the outside: the five scenarios it began with, then every unhappy path.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zc_core::SharedBuffer;
use zc_core::error::{Holder, LockTimeoutError, Poisoned, TryLockError};
use zc_core::sync::atomic::{AtomicBool, Ordering};
use zc_core::sync::block_on;

const SOON: Duration = Duration::from_millis(20);

// ---- the scenarios that the buffer was first written for -------------------------------------

#[test]
fn read_data() {
    let buffer = SharedBuffer::from_vec(vec![1, 2, 3]);
    let all_inside = Barrier::new(4);
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let guard = buffer.read().unwrap();
                all_inside.wait(); // passes only if four readers are inside at once
                assert_eq!(*guard, [1, 2, 3]);
            });
        }
    });
}

#[test]
fn write_data() {
    let buffer = SharedBuffer::from_vec(vec![1, 2, 3]);
    {
        let mut guard = buffer.write().unwrap();
        guard[0] = 10;
        guard.push(4);
        guard.extend_from_slice(&[5, 6]);
    }
    assert_eq!(*buffer.read().unwrap(), [10, 2, 3, 4, 5, 6]);
    assert_eq!(buffer.len(), 6);
}

#[test]
fn write_lock_contention() {
    let buffer = SharedBuffer::from_vec(vec![0]);
    let first = buffer.write().unwrap();
    assert_eq!(
        buffer.try_write().unwrap_err(),
        TryLockError::WouldBlock(Holder::Writer)
    );
    assert_eq!(
        buffer.try_read().unwrap_err(),
        TryLockError::WouldBlock(Holder::Writer)
    );
    drop(first);
    drop(buffer.try_write().unwrap());
    let _reader = buffer.read().unwrap();
    assert_eq!(
        buffer.try_write().unwrap_err(),
        TryLockError::WouldBlock(Holder::Readers)
    );
}

#[test]
fn empty_buffer() {
    let buffer = SharedBuffer::<u64>::new();
    assert!(buffer.is_empty());
    assert_eq!(buffer.capacity(), 0);
    assert_eq!(*buffer.read().unwrap(), []);
    assert!(buffer.snapshot().unwrap().slice(0..0).is_empty());
    buffer.write().unwrap().clear();
    buffer.write().unwrap().push(1);
    assert_eq!(*buffer.read().unwrap(), [1]);
}

#[test]
fn large_data() {
    let n = 4 << 20;
    let buffer: SharedBuffer<u32> = (0..n).collect();
    let address = buffer.read().unwrap().as_ptr().addr();
    thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                let guard = buffer.read().unwrap();
                assert_eq!(
                    guard.as_ptr().addr(),
                    address,
                    "readers see the elements themselves"
                );
                assert!(guard.iter().zip(0..n).all(|(&a, b)| a == b));
            });
        }
    });
    buffer.write().unwrap()[123] = 0;
    assert_eq!(
        buffer.read().unwrap().as_ptr().addr(),
        address,
        "nobody had to copy"
    );
}

// ---- snapshots ------------------------------------------------------------------------------

#[test]
fn a_snapshot_is_the_same_memory_until_somebody_writes() {
    let buffer = SharedBuffer::from_vec(vec![1, 2, 3]);
    let snapshot = buffer.snapshot().unwrap();
    assert_eq!(snapshot.as_ptr(), buffer.read().unwrap().as_ptr());
    let guard = buffer.write().unwrap();
    assert_eq!(
        guard.as_ptr(),
        snapshot.as_ptr(),
        "taking the lock copies nothing"
    );
    drop(guard);
    buffer.write().unwrap()[0] = 9;
    assert_eq!(*snapshot, [1, 2, 3]);
    assert_eq!(*buffer.read().unwrap(), [9, 2, 3]);
}

#[test]
fn a_dropped_snapshot_costs_no_copy() {
    let buffer = SharedBuffer::from_vec(vec![1, 2, 3]);
    let address = buffer.read().unwrap().as_ptr();
    drop(buffer.snapshot().unwrap());
    buffer.write().unwrap()[0] = 9;
    assert_eq!(buffer.read().unwrap().as_ptr(), address);
}

#[test]
fn a_snapshot_outlives_the_buffer_and_becomes_writable_then() {
    let buffer = SharedBuffer::from_vec(vec![String::from("a")]);
    let snapshot = buffer.snapshot().unwrap();
    let snapshot = snapshot.try_into_mut().unwrap_err();
    drop(buffer);
    let mut mine = snapshot.try_into_mut().unwrap();
    mine[0].push('b');
    assert_eq!(*mine, ["ab"]);
}

// ---- poisoning, leaks, timeouts -------------------------------------------------------------

#[test]
fn a_panicking_writer_poisons_and_clear_poison_is_the_way_back() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = buffer.write().unwrap();
        guard[0] = 2;
        panic!("in the middle");
    }));
    assert!(panicked.is_err());
    assert!(buffer.is_poisoned());
    assert_eq!(buffer.read().unwrap_err(), Poisoned);
    assert_eq!(buffer.write().unwrap_err(), Poisoned);
    assert_eq!(buffer.snapshot().unwrap_err(), Poisoned);
    assert_eq!(buffer.try_read().unwrap_err(), TryLockError::Poisoned);
    assert_eq!(buffer.try_write().unwrap_err(), TryLockError::Poisoned);
    assert_eq!(
        buffer.read_timeout(SOON).unwrap_err(),
        LockTimeoutError::Poisoned
    );
    assert_eq!(
        buffer.write_timeout(SOON).unwrap_err(),
        LockTimeoutError::Poisoned
    );
    buffer.clear_poison();
    assert_eq!(*buffer.read().unwrap(), [2]);
}

#[test]
fn a_panicking_reader_poisons_nothing() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _guard = buffer.read().unwrap();
        panic!("while reading");
    }));
    assert!(panicked.is_err());
    drop(buffer.write().unwrap());
}

#[test]
fn a_writer_that_starts_during_a_panic_poisons_nothing() {
    struct WritesOnDrop<'a>(&'a SharedBuffer<u8>);
    impl Drop for WritesOnDrop<'_> {
        fn drop(&mut self) {
            self.0.write().unwrap()[0] = 5;
        }
    }
    let buffer = SharedBuffer::from_vec(vec![1]);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _writes = WritesOnDrop(&buffer);
        panic!("elsewhere");
    }));
    assert!(panicked.is_err());
    assert_eq!(*buffer.read().unwrap(), [5]);
}

#[test]
fn a_leaked_read_guard_makes_writers_time_out() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    std::mem::forget(buffer.read().unwrap());
    let start = Instant::now();
    assert_eq!(
        buffer.write_timeout(SOON).unwrap_err(),
        LockTimeoutError::Timeout
    );
    assert!(start.elapsed() >= SOON);
    drop(buffer.read().unwrap()); // the writer that gave up bars nobody
}

#[test]
fn a_leaked_write_guard_makes_everybody_time_out() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    std::mem::forget(buffer.write().unwrap());
    assert_eq!(
        buffer.read_timeout(SOON).unwrap_err(),
        LockTimeoutError::Timeout
    );
    assert_eq!(
        buffer.write_timeout(SOON).unwrap_err(),
        LockTimeoutError::Timeout
    );
    assert_eq!(buffer.len(), 1, "asking for the length waits for nobody");
}

#[test]
fn an_endless_timeout_is_no_overflow() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    drop(buffer.write_timeout(Duration::MAX).unwrap());
    drop(buffer.read_timeout(Duration::MAX).unwrap());
}

#[test]
fn guards_may_be_dropped_on_another_thread() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    thread::scope(|s| {
        let guard = buffer.read().unwrap();
        s.spawn(move || drop(guard));
    });
    let guard = buffer.write_owned().unwrap();
    thread::spawn(move || drop(guard)).join().unwrap();
    drop(buffer.try_write().unwrap());
}

#[test]
fn downgrade_lets_readers_in_and_writers_not() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let mut writer = buffer.write().unwrap();
    writer.push(2);
    let reader = writer.downgrade();
    assert_eq!(*buffer.try_read().unwrap(), [1, 2]);
    assert!(buffer.try_write().is_err());
    drop(reader);
    let reader = buffer.write_owned().unwrap().downgrade();
    assert_eq!(*reader, [1, 2]);
    drop(reader);
    assert!(buffer.try_write().is_ok());
}

#[test]
fn an_owned_guard_outlives_every_handle() {
    let buffer = SharedBuffer::from_vec(vec![1, 2]);
    let guard = buffer.read_owned().unwrap();
    drop(buffer);
    assert_eq!(*guard, [1, 2]);
}

#[cfg(all(debug_assertions, not(zc_tsan)))]
#[test]
fn reading_twice_while_a_writer_waits_is_found_in_debug_builds() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let guard = buffer.read().unwrap();
    thread::scope(|s| {
        s.spawn(|| drop(buffer.write().unwrap()));
        // `try_read` overtakes waiting writers and never gets stuck; `read_timeout` gives up.
        while buffer.read_timeout(Duration::from_millis(1)).is_ok() {
            thread::yield_now();
        }
        drop(buffer.try_read().unwrap());
        let recursive = catch_unwind(AssertUnwindSafe(|| drop(buffer.read())));
        assert!(recursive.is_err());
        drop(guard);
    });
}

// ---- parts of the elements ---------------------------------------------------------------------

#[test]
fn guards_can_be_narrowed_and_still_hold_the_lock() {
    let buffer = SharedBuffer::from_vec(vec![(1, 'a'), (2, 'b'), (3, 'c')]);
    let letter = buffer
        .read()
        .unwrap()
        .slice(1..)
        .slice(1..)
        .map(|s| &s[0].1);
    assert_eq!(*letter, 'c');
    assert_eq!(
        buffer.try_write().unwrap_err(),
        TryLockError::WouldBlock(Holder::Readers)
    );
    drop(letter);

    let mut number = buffer.write().unwrap().slice(..2).map(|s| &mut s[1].0);
    *number = 20;
    assert!(buffer.try_read().is_err());
    drop(number);

    let mut owned = buffer
        .write_owned()
        .unwrap()
        .map(|s| &mut s[0])
        .map(|pair| &mut pair.0);
    *owned = 10;
    std::thread::spawn(move || drop(owned)).join().unwrap();
    let owned = buffer.read_owned().unwrap().slice(..2);
    drop(buffer);
    assert_eq!(*owned, [(10, 'a'), (20, 'b')]);
    assert_eq!(*owned.map(|s| &s[1].1), 'b');
}

#[test]
fn try_map_gives_the_guard_back() {
    let buffer = SharedBuffer::from_vec(vec![1, 2]);
    let guard = buffer.read().unwrap().try_map(|s| s.get(5)).unwrap_err();
    assert_eq!(*guard.try_map(|s| s.get(1)).unwrap(), 2);
    let guard = buffer
        .write()
        .unwrap()
        .try_map(|s| s.get_mut(5))
        .unwrap_err();
    *guard.try_map(|s| s.get_mut(1)).unwrap() = 3;
    let guard = buffer
        .read_owned()
        .unwrap()
        .try_map(|s| s.get(5))
        .unwrap_err();
    assert_eq!(*guard.try_map(|s| s.get(1)).unwrap(), 3);
    drop(buffer.try_write().unwrap());
}

#[test]
fn a_panic_while_narrowing_a_write_guard_poisons_and_of_a_read_guard_does_not() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let outside = catch_unwind(AssertUnwindSafe(|| drop(buffer.read().unwrap().slice(2..))));
    assert!(outside.is_err());
    assert!(!buffer.is_poisoned());
    let outside = catch_unwind(AssertUnwindSafe(|| {
        drop(buffer.write().unwrap().slice(2..))
    }));
    assert!(outside.is_err());
    assert!(buffer.is_poisoned());
    buffer.clear_poison();
    let mapped = catch_unwind(AssertUnwindSafe(|| {
        let _part = buffer.write().unwrap().slice(..1);
        panic!("while holding a part");
    }));
    assert!(mapped.is_err());
    assert!(buffer.is_poisoned());
}

#[test]
fn narrowing_keeps_the_length_that_was_written() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let mut guard = buffer.write().unwrap();
    guard.push(2);
    let part = guard.slice(..1);
    assert_eq!(buffer.len(), 2);
    drop(part);
    assert_eq!(*buffer.read().unwrap(), [1, 2]);
}

// ---- async ------------------------------------------------------------------------------------

#[test]
fn async_readers_and_writers_get_in() {
    let buffer = SharedBuffer::from_vec(vec![0_u32]);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let buffer = buffer.clone();
            thread::spawn(move || {
                block_on(async {
                    for _ in 0..100 {
                        buffer.write_async().await.unwrap()[0] += 1;
                        assert!(buffer.read_async().await.unwrap()[0] > 0);
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*buffer.read().unwrap(), [400]);
}

#[test]
fn a_forgotten_pending_writer_bars_nobody_once_the_lock_is_free() {
    let buffer: &'static SharedBuffer<u8> = Box::leak(Box::new(vec![1].into()));
    let reader = buffer.read().unwrap();
    let mut pending = Box::pin(buffer.write_async());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(Future::poll(pending.as_mut(), &mut cx).is_pending());
    std::mem::forget(pending);
    let (tell, told) = mpsc::channel();
    let second = thread::spawn(move || {
        tell.send(()).unwrap();
        drop(buffer.read().unwrap()); // stands back for the writer while the lock is held
    });
    told.recv().unwrap();
    drop(reader);
    second.join().unwrap();
    drop(buffer.write().unwrap());
    drop(buffer.read().unwrap());
}

#[test]
fn readers_that_come_again_and_again_do_not_starve_a_writer() {
    let buffer = SharedBuffer::from_vec(vec![0_u64; 8]);
    let done = zc_core::sync::atomic::AtomicBool::new(false);
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while !done.load(zc_core::sync::atomic::Ordering::Relaxed) {
                    let guard = buffer.read().unwrap();
                    assert!(guard.iter().all(|&x| x == guard[0]), "torn");
                }
            });
        }
        for _ in 0..200 {
            buffer.write().unwrap().iter_mut().for_each(|x| *x += 1);
        }
        done.store(true, zc_core::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(buffer.read().unwrap()[0], 200);
}

// ---- sizes --------------------------------------------------------------------------------------

#[test]
fn too_much_capacity_is_an_error_or_a_panic_and_loses_nothing() {
    assert!(SharedBuffer::<u64>::try_with_capacity(usize::MAX / 8).is_err());
    let buffer = SharedBuffer::from_vec(vec![1_u64]);
    {
        let mut guard = buffer.write().unwrap();
        let error = guard.try_reserve(usize::MAX / 8).unwrap_err();
        assert_eq!(error.element_size, 8);
        assert_eq!(*guard, [1]);
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        buffer.write().unwrap().resize(usize::MAX / 2, 0);
    }));
    assert!(panicked.is_err());
    buffer.clear_poison();
    assert_eq!(*buffer.read().unwrap(), [1]);
}

#[test]
fn zero_sized_elements_work() {
    let buffer = SharedBuffer::from_vec(vec![(); 3]);
    let snapshot = buffer.snapshot().unwrap();
    buffer.write().unwrap().push(());
    assert_eq!((buffer.len(), snapshot.len()), (4, 3));
    assert_eq!(snapshot.slice(1..).len(), 2);
}

#[test]
fn handles_are_counted_and_debug_does_not_wait() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let other = buffer.clone();
    assert_eq!(buffer.handle_count(), 2);
    drop(other);
    assert_eq!(buffer.handle_count(), 1);
    assert_eq!(format!("{buffer:?}"), "SharedBuffer { elements: [1] }");
    let _guard = buffer.write().unwrap();
    assert!(format!("{buffer:?}").contains("held by a writer"));
}

/// A guard by slot that is leaked leaves its slot behind; a new lock at the same address must not
/// take it for a reader of its own, and the thread gets its slot back.
#[test]
fn a_leaked_guard_by_slot_does_not_outlive_its_buffer() {
    for _ in 0..100 {
        let buffer = SharedBuffer::from_vec(vec![1]);
        drop(buffer.read().unwrap());
        std::mem::forget(buffer.read().unwrap());
        assert!(buffer.try_write().is_err());
        assert!(buffer.write_timeout(Duration::from_millis(1)).is_err());
        drop(buffer);
        assert!(SharedBuffer::from_vec(vec![1]).try_write().is_ok());
    }
}

/// More guards than a thread has slots, some of them dropped on other threads, in any order.
#[test]
fn guards_beyond_the_slots_of_a_thread_are_counted() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let mut guards: Vec<_> = (0..50).map(|_| buffer.read_owned().unwrap()).collect();
    let elsewhere = guards.split_off(20);
    let other = thread::spawn(move || drop(elsewhere));
    while let Some(guard) = guards.pop() {
        assert!(buffer.try_write().is_err());
        drop(guard);
    }
    other.join().unwrap();
    assert!(buffer.try_write().is_ok());
}

/// Four readers in a loop and a writer each millisecond: no write waits for long (the figure is the
/// bench's; the bound here is only there to see starvation), and no write is torn.
#[test]
fn readers_in_a_loop_do_not_starve_a_writer() {
    let buffer = SharedBuffer::from_vec(vec![0_u64; 8]);
    let done = AtomicBool::new(false);
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let guard = buffer.read().unwrap();
                    assert!(guard.iter().all(|&x| x == guard[0]));
                }
            });
        }
        for i in 0..50 {
            thread::sleep(Duration::from_millis(1));
            let written = buffer.write_timeout(Duration::from_secs(20));
            written.expect("starved").fill(i);
        }
        done.store(true, Ordering::Relaxed);
    });
}
