//! `SharedBuffer` when things go wrong: panics, leaked guards, guards that end elsewhere, timeouts,
//! sizes that are not to be had.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use zc_core::SharedBuffer;
use zc_core::error::{LockTimeoutError, Poisoned, TryLockError};

const SOON: Duration = Duration::from_millis(20);

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
