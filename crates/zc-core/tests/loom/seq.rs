//! The sequence cell.

use zc_core::SeqCell;
use zc_core::sync::{Arc, model, thread};

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
