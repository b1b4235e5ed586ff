//! One producer, one consumer.

use std::sync::Arc as StdArc;
use std::sync::atomic::Ordering::Relaxed;

use zc_channel::spsc;
use zc_core::sync::unmodelled::AtomicUsize as Count;

use super::{Item, race};

/// channel.spsc_publish: what the producer wrote is what the consumer reads.
#[test]
fn spsc_publish_then_consume() {
    race(
        || spsc::channel::<Box<u32>>(1),
        |mut tx| tx.push(Box::new(7)).is_ok(),
        |mut rx| (rx.pop(), rx),
        |pushed, (popped, mut rx)| {
            assert!(pushed);
            assert_eq!(popped.or_else(|| rx.pop()), Some(Box::new(7)));
        },
    );
}

/// channel.spsc_free: a slot is written again only after its reader is done.
#[test]
fn spsc_free_then_reuse() {
    race(
        || {
            let (mut tx, rx) = spsc::channel::<Box<u32>>(1);
            tx.push(Box::new(1)).unwrap();
            (tx, rx)
        },
        |mut tx| {
            let pushed = tx.push(Box::new(2)).is_ok();
            (tx, pushed)
        },
        |mut rx| (rx.pop().unwrap(), rx),
        |(_tx, pushed), (first, mut rx)| {
            assert_eq!(*first, 1);
            assert_eq!(rx.pop(), pushed.then(|| Box::new(2)));
        },
    );
}

/// A parked consumer is woken by a push, a parked producer by a pop.
#[test]
fn spsc_wakes_both_ways() {
    race(
        || {
            let (mut tx, rx) = spsc::channel(1);
            tx.push(1).unwrap();
            (tx, rx)
        },
        |mut tx| {
            tx.push_blocking(2).unwrap();
            tx
        },
        |mut rx| (rx.pop_blocking(), rx.pop_blocking(), rx),
        |_tx, (first, second, _rx)| assert_eq!((first, second), (Some(1), Some(2))),
    );
}

/// A consumer that waits learns that the producer is gone, and gets what it pushed before.
#[test]
fn spsc_producer_goes() {
    race(
        || spsc::channel(2),
        |mut tx| tx.push(1).unwrap(),
        |mut rx| (rx.wait_items_blocking(2), rx.pop(), rx.pop_blocking()),
        |(), got| assert_eq!(got, (1, Some(1), None)),
    );
}

/// A push races with the consumer's end: its value is refused or dropped, once.
#[test]
fn spsc_consumer_goes() {
    race(
        || {
            let dropped = StdArc::new(Count::new(0));
            let (tx, rx) = spsc::channel(1);
            ((tx, dropped), rx)
        },
        |(mut tx, dropped)| {
            drop(tx.push(Item(1, StdArc::clone(&dropped))));
            (tx, dropped)
        },
        drop,
        |(tx, dropped), ()| {
            drop(tx);
            assert_eq!(dropped.load(Relaxed), 1);
        },
    );
}

/// A chunk becomes visible at once.
#[test]
fn spsc_chunk_becomes_visible_at_once() {
    race(
        || spsc::channel::<u32>(2),
        |mut tx| {
            let mut chunk = tx.write_chunk(2).unwrap();
            let (slots, _) = chunk.as_mut_slices();
            slots.copy_from_slice(&[1, 2]);
            chunk.commit_all();
        },
        |mut rx| {
            let count = rx.len();
            assert!(count == 0 || count == 2);
            assert_eq!(
                rx.read_chunk(count).unwrap().as_slices().0,
                &[1, 2][..count]
            );
            rx
        },
        |(), _rx| {},
    );
}
