//! The lock of a shared buffer, with readers that are counted in it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use zc_core::SharedBuffer;
use zc_core::sync::{block_on, model, thread};

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
fn an_owned_guard_outlives_its_handle() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![7_u8]);
        let guard = buffer.read_owned().unwrap();
        let reader = thread::spawn(move || guard[0]);
        drop(buffer);
        assert_eq!(reader.join().unwrap(), 7);
    });
}

/// Owned guards go to other threads, and keep everybody else out until they are dropped there.
#[test]
fn an_owned_guard_keeps_others_out_wherever_it_is_dropped() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![7_u8]);
        let guard = buffer.read_owned().unwrap();
        let reader = thread::spawn(move || guard[0]);
        let mut guard = buffer.write_owned().unwrap();
        guard[0] = 8;
        let writer = thread::spawn(move || guard[0] += 1);
        assert_eq!(*buffer.read().unwrap(), [9]);
        assert_eq!(reader.join().unwrap(), 7);
        writer.join().unwrap();
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

/// A task that waits to write has come in vain once; the last reader leaves, and a reader comes again
/// at once. It stands back until the task has been there.
#[test]
fn a_task_that_has_come_in_vain_is_not_passed_again() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u8]);
        let guard = buffer.read_owned().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut writing = pin!(buffer.write_async());
        assert!(writing.as_mut().poll(&mut cx).is_pending());
        assert!(writing.as_mut().poll(&mut cx).is_pending());
        let reader = {
            let buffer = buffer.clone();
            thread::spawn(move || {
                drop(guard);
                let mut cx = Context::from_waker(Waker::noop());
                let mut reading = pin!(buffer.read_async());
                if let Poll::Ready(guard) = reading.as_mut().poll(&mut cx) {
                    assert_eq!(guard.unwrap()[0], 1, "the writer was passed");
                }
            })
        };
        block_on(writing).unwrap()[0] = 1;
        reader.join().unwrap();
    });
}

/// As above, but the task never comes again, as one whose future has been forgotten. Readers do not
/// stand back for it for ever, whether they came before the last reader left or after.
#[test]
fn a_task_that_never_comes_again_bars_nobody() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u8]);
        let guard = buffer.read_owned().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut forgotten = pin!(buffer.write_async());
        assert!(forgotten.as_mut().poll(&mut cx).is_pending());
        assert!(forgotten.as_mut().poll(&mut cx).is_pending());
        let reader = {
            let buffer = buffer.clone();
            thread::spawn(move || drop(buffer.read().unwrap()))
        };
        drop(guard);
        reader.join().unwrap();
        drop(buffer.try_write().unwrap());
    });
}
