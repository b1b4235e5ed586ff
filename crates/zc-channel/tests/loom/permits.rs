//! Permits: used, dropped, idle, at the end.

use std::pin::pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use zc_channel::{State, bounded};
use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::sync::{model, thread};

use super::{Item, poll_once, race};

/// A permit that is dropped wakes a sender that waits for its room.
#[test]
fn permit_drop_wakes_a_parked_sender() {
    race(
        || {
            let (tx, rx) = bounded(1);
            let permit = tx.try_reserve_owned().unwrap();
            (tx, (permit, rx))
        },
        |tx| {
            tx.send_blocking(1).unwrap();
            tx
        },
        |(permit, rx)| (permit.release(), rx),
        |_tx, (_also, rx)| assert_eq!(rx.try_recv(), Ok(1)),
    );
}

/// The last permit of a closed channel, dropped, ends a parked receiver.
#[test]
fn last_permit_drop_ends_a_parked_receiver() {
    race(
        || {
            let (tx, rx) = bounded::<u32>(1);
            let permit = tx.try_reserve_owned().unwrap();
            tx.close();
            (permit, rx)
        },
        |permit| permit.release(),
        |rx| assert_eq!(rx.recv_blocking(), None),
        |_tx, ()| {},
    );
}

/// The last permit of a closed channel, used, wakes every receiver: one gets the item, the others
/// the end.
#[test]
fn last_permit_used_ends_every_receiver() {
    model(|| {
        let (tx, rx) = bounded::<u32>(1);
        let permit = tx.try_reserve_owned().unwrap();
        tx.close();
        let other = rx.clone();
        // First in line, and never polled until the item is gone.
        let mut first = pin!(rx.recv());
        assert!(poll_once(first.as_mut()).is_pending());
        let receiver = thread::spawn(move || other.recv_blocking());
        let _tx = permit.send(1);
        assert_eq!(receiver.join().unwrap(), Some(1));
        assert_eq!(poll_once(first.as_mut()), Poll::Ready(None));
    });
}

/// A permit races with `close`: granted permits are waited for, whenever the close comes.
#[test]
fn permit_use_against_close() {
    race(
        || {
            let (tx, rx) = bounded(1);
            (tx.try_reserve_owned().unwrap(), rx)
        },
        |permit| permit.send(1),
        |rx| {
            rx.close();
            (rx.recv_blocking(), rx.recv_blocking())
        },
        |_tx, got| assert_eq!(got, (Some(1), None)),
    );
}

/// A permit races with the last receiver: its value is dropped once, at once.
#[test]
fn permit_use_against_last_receiver() {
    race(
        || {
            let dropped = StdArc::new(Count::new(0));
            let (tx, rx) = bounded(1);
            ((tx.try_reserve_owned().unwrap(), dropped), rx)
        },
        |(permit, dropped)| (permit.send(Item(1, StdArc::clone(&dropped))), dropped),
        drop,
        |(tx, dropped), ()| {
            assert_eq!(dropped.load(Relaxed), 1);
            assert_eq!((tx.state(), tx.len()), (State::Closed, 0));
        },
    );
}

/// An idle permit stalls nobody: an item passes it.
#[test]
fn idle_permit_stalls_no_receive() {
    race(
        || {
            let (tx, rx) = bounded(2);
            ((tx.try_reserve_owned().unwrap(), tx), rx)
        },
        |(permit, tx)| {
            tx.try_send(1).unwrap();
            (permit, tx)
        },
        |rx| assert_eq!(rx.recv_blocking(), Some(1)),
        |_, ()| {},
    );
}

/// Two permits at once are granted when two places are free, and nothing before.
#[test]
fn reserve_many_waits_for_all() {
    race(
        || {
            let (tx, rx) = bounded(2);
            tx.try_send(1).unwrap();
            tx.try_send(2).unwrap();
            (tx, rx)
        },
        |tx| {
            let permits = tx.reserve_many_blocking(2).unwrap();
            assert!(tx.is_full() && tx.is_empty());
            drop(permits);
            tx
        },
        |rx| {
            assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2)));
            rx
        },
        |_tx, _rx| {},
    );
}
