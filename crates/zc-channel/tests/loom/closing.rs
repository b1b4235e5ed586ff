//! Closing, and the last of either end.

use std::sync::Arc as StdArc;
use std::sync::atomic::Ordering::Relaxed;

use zc_channel::{State, TryRecvError, TrySendError, bounded};
use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::sync::{block_on, model, thread};

use super::{Item, one_place, one_place_full, race};

/// `Closed` is never said while an item is left: no room between the two checks.
#[test]
fn close_against_try_recv() {
    race(
        one_place,
        |tx| {
            tx.try_send(1).unwrap();
            tx.close();
        },
        |rx| {
            match rx.try_recv() {
                Ok(1) => assert_ne!(rx.try_recv(), Ok(1)),
                Err(TryRecvError::Empty) => {}
                other => panic!("an item was sent before the end: {other:?}"),
            }
            rx
        },
        |(), _rx| {},
    );
}

/// A send that races with `close` is either received or gives its value back.
#[test]
fn close_against_send() {
    race(
        one_place,
        |tx| tx.try_send(1),
        |rx| {
            rx.close();
            (rx.recv_blocking(), rx.state())
        },
        |sent, (received, state)| {
            match sent {
                Ok(()) => assert_eq!(received, Some(1)),
                Err(error) => assert_eq!((error, received), (TrySendError::Closed(1), None)),
            }
            assert_eq!(state, State::Closed);
        },
    );
}

/// Closing wakes a parked receiver.
#[test]
fn close_wakes_a_parked_receiver() {
    race(
        one_place,
        drop,
        |rx| assert_eq!(rx.recv_blocking(), None),
        |(), ()| {},
    );
}

/// Closing wakes a parked sender, whose value comes back.
#[test]
fn close_wakes_a_parked_sender() {
    race(
        one_place_full,
        |tx| assert_eq!(tx.send_blocking(2).unwrap_err().into_inner(), 2),
        |rx| {
            rx.close();
            rx
        },
        |(), rx| assert_eq!(rx.try_recv(), Ok(1)),
    );
}

/// The last receiver drops what is queued; a send that races with it is dropped or refused, once.
#[test]
fn last_receiver_against_send() {
    race(
        || {
            let dropped = StdArc::new(Count::new(0));
            let (tx, rx) = bounded(2);
            tx.try_send(Item(1, StdArc::clone(&dropped))).unwrap();
            ((tx, dropped), rx)
        },
        |(tx, dropped)| {
            if let Err(refused) = tx.try_send(Item(2, StdArc::clone(&dropped))) {
                assert!(refused.is_closed());
                assert_eq!(refused.into_inner().0, 2);
            }
            (tx, dropped)
        },
        drop,
        |(tx, dropped), ()| {
            assert_eq!(dropped.load(Relaxed), 2, "at once, not with the channel");
            assert_eq!((tx.state(), tx.len()), (State::Closed, 0));
        },
    );
}

/// The last receiver wakes a parked sender.
#[test]
fn last_receiver_wakes_a_parked_sender() {
    race(
        one_place_full,
        |tx| assert_eq!(tx.send_blocking(2).unwrap_err().into_inner(), 2),
        drop,
        |(), ()| {},
    );
}

/// Two senders drop at once: one of them closes.
#[test]
fn last_of_two_senders_closes() {
    model(|| {
        let (tx, rx) = bounded::<u32>(1);
        let other = tx.clone();
        let sender = thread::spawn(move || drop(other));
        drop(tx);
        assert_eq!(rx.recv_blocking(), None);
        sender.join().unwrap();
        assert_eq!(rx.state(), State::Closed);
    });
}

/// Two receivers drop at once: what is queued is dropped by one of them.
#[test]
fn last_of_two_receivers_drops_the_items() {
    race(
        || {
            let dropped = StdArc::new(Count::new(0));
            let (tx, rx) = bounded(1);
            tx.try_send(Item(1, StdArc::clone(&dropped))).unwrap();
            ((rx.clone(), tx, dropped), rx)
        },
        |(rx, tx, dropped)| {
            drop(rx);
            (tx, dropped)
        },
        drop,
        |(tx, dropped), ()| {
            assert_eq!(dropped.load(Relaxed), 1);
            assert_eq!(tx.state(), State::Closed);
        },
    );
}

/// An upgrade races with the last sender: a sender that works, or none.
#[test]
fn upgrade_against_last_sender() {
    race(
        || {
            let (tx, rx) = bounded(1);
            ((tx.downgrade(), rx), tx)
        },
        |(weak, rx)| (weak.upgrade(), rx),
        drop,
        |(upgraded, rx), ()| match upgraded {
            Some(tx) => {
                assert_eq!((rx.state(), tx.try_send(1)), (State::Open, Ok(())));
            }
            None => assert_eq!(rx.state(), State::Closed),
        },
    );
}

/// `closed()` is woken by the last receiver.
#[test]
fn closed_is_woken_by_the_last_receiver() {
    race(one_place, |tx| block_on(tx.closed()), drop, |(), ()| {});
}
