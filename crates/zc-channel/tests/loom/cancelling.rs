//! Futures that go away, or stay and are never polled again.

use std::pin::pin;

use zc_channel::bounded;
use zc_core::sync::{model, thread};

use super::{one_place_full, poll_once, race, send_in_thread};

/// A receive that was woken and is cancelled passes the wake on.
#[test]
fn cancelled_receive_passes_the_wake_on() {
    model(|| {
        let (tx, rx) = bounded(1);
        let other = rx.clone();
        // Ahead in the line, and cancelled at some moment.
        let mut cancelled = Box::pin(rx.recv());
        assert!(poll_once(cancelled.as_mut()).is_pending());
        let receiver = thread::spawn(move || other.recv_blocking());
        let sender = send_in_thread(tx, 1);
        drop(cancelled);
        assert_eq!(receiver.join().unwrap(), Some(1));
        drop(sender.join().unwrap());
    });
}

/// A send that was woken and is cancelled passes the wake on, and `take` has its value.
#[test]
fn cancelled_send_passes_the_wake_on() {
    model(|| {
        let (tx, rx) = one_place_full();
        let other = tx.clone();
        let mut cancelled = pin!(tx.send(2));
        assert!(poll_once(cancelled.as_mut()).is_pending());
        let sender = send_in_thread(other, 3);
        let receiver = thread::spawn(move || {
            assert_eq!(rx.try_recv(), Ok(1));
            rx
        });
        assert_eq!(cancelled.as_mut().take(), Some(2));
        drop(sender.join().unwrap());
        assert_eq!(receiver.join().unwrap().try_recv(), Ok(3));
    });
}

/// A wait for a permit that was woken and is cancelled passes the wake on.
#[test]
fn cancelled_reserve_passes_the_wake_on() {
    model(|| {
        let (tx, rx) = one_place_full();
        let other = tx.clone();
        let mut cancelled = Box::pin(tx.reserve());
        assert!(poll_once(cancelled.as_mut()).is_pending());
        let sender = send_in_thread(other, 3);
        let receiver = thread::spawn(move || {
            assert_eq!(rx.try_recv(), Ok(1));
            rx
        });
        drop(cancelled);
        drop(sender.join().unwrap());
        assert_eq!(receiver.join().unwrap().try_recv(), Ok(3));
    });
}

/// A send that is cancelled while its room appears was sent or gives its value back, not both.
#[test]
fn cancel_against_receive() {
    race(
        one_place_full,
        |tx| {
            let mut send = pin!(tx.send(2));
            let sent = poll_once(send.as_mut()).is_ready() || poll_once(send.as_mut()).is_ready();
            assert_eq!(send.as_mut().take(), (!sent).then_some(2));
            sent
        },
        |rx| {
            assert_eq!(rx.try_recv(), Ok(1));
            rx
        },
        |sent, rx| assert_eq!(rx.try_recv().ok(), sent.then_some(2)),
    );
}

/// A woken future that is never polled again does not keep the others asleep: a sender that is
/// about to sleep wakes another receiver.
#[test]
fn sleeping_sender_nudges_past_a_forgotten_receive() {
    model(|| {
        let (tx, rx) = bounded(1);
        let other = rx.clone();
        let mut forgotten = Box::pin(rx.recv());
        assert!(poll_once(forgotten.as_mut()).is_pending());
        let receiver = thread::spawn(move || other.recv_blocking());
        tx.try_send(1).unwrap(); // May wake the forgotten one.
        let mut second = pin!(tx.send(2));
        let _ = poll_once(second.as_mut());
        assert_eq!(receiver.join().unwrap(), Some(1));
        std::mem::forget(forgotten);
    });
}

/// The other way round: a receiver that is about to sleep wakes another sender.
#[test]
fn sleeping_receiver_nudges_past_a_forgotten_send() {
    model(|| {
        let (tx, rx) = one_place_full();
        let other = tx.clone();
        let mut forgotten = Box::pin(tx.reserve());
        assert!(poll_once(forgotten.as_mut()).is_pending());
        let sender = send_in_thread(other, 2);
        assert_eq!(rx.recv_blocking(), Some(1)); // May wake the forgotten one.
        assert_eq!(rx.recv_blocking(), Some(2));
        drop(sender.join().unwrap());
        std::mem::forget(forgotten);
    });
}
