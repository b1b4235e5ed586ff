//! `SharedBuffer` from the outside: the five scenarios it began with, snapshots, parts of the elements.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::sync::Barrier;
use std::thread;

use zc_core::SharedBuffer;
use zc_core::error::{Holder, TryLockError};

// ---- the scenarios that the buffer was first written for ----------------------------------------

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

// ---- snapshots ----------------------------------------------------------------------------------

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

// ---- parts of the elements ----------------------------------------------------------------------

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
fn narrowing_keeps_the_length_that_was_written() {
    let buffer = SharedBuffer::from_vec(vec![1]);
    let mut guard = buffer.write().unwrap();
    guard.push(2);
    let part = guard.slice(..1);
    assert_eq!(buffer.len(), 2);
    drop(part);
    assert_eq!(*buffer.read().unwrap(), [1, 2]);
}

// ---- sizes --------------------------------------------------------------------------------------

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
