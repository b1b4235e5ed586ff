//! The bias towards readers. In a model one counted read turns it on, so the second read of a buffer
//! goes by a slot.

use zc_core::SharedBuffer;
use zc_core::sync::{model, thread};

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
