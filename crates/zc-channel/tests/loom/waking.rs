//! Who sleeps is woken: parked threads, futures, streams, selecting threads.

use std::task::{Context, Waker};

use futures_core::Stream;
use zc_channel::{Select, bounded};
use zc_core::sync::block_on;

use super::{one_place, one_place_full, race};

/// A parked receiver is woken by a send.
#[test]
fn send_wakes_a_parked_receiver() {
    race(
        one_place,
        |tx| {
            tx.try_send(5).unwrap();
            tx
        },
        |rx| assert_eq!(rx.recv_blocking(), Some(5)),
        |_tx, ()| {},
    );
}

/// A waiting receive future is woken by a send.
#[test]
fn send_wakes_a_waiting_future() {
    race(
        one_place,
        |tx| {
            tx.try_send(5).unwrap();
            tx
        },
        |rx| assert_eq!(block_on(rx.recv()), Some(5)),
        |_tx, ()| {},
    );
}

/// Full against receive: a sender that finds no room is woken by the receive that makes some.
#[test]
fn receive_wakes_a_sender_that_found_it_full() {
    race(
        one_place_full,
        |tx| {
            tx.send_blocking(2).unwrap();
            tx
        },
        |rx| {
            assert_eq!(rx.try_recv(), Ok(1));
            rx
        },
        |_tx, rx| assert_eq!(rx.try_recv(), Ok(2)),
    );
}

/// The same with a future on the sending side.
#[test]
fn receive_wakes_a_send_future_that_found_it_full() {
    race(
        one_place_full,
        |tx| {
            block_on(tx.send(2)).unwrap();
            tx
        },
        |rx| {
            assert_eq!(rx.try_recv(), Ok(1));
            rx
        },
        |_tx, rx| assert_eq!(rx.try_recv(), Ok(2)),
    );
}

/// Both may park: each end waits for what the other does.
#[test]
fn both_ends_may_park() {
    race(
        one_place_full,
        |tx| {
            tx.send_blocking(2).unwrap();
            tx
        },
        |rx| (rx.recv_blocking(), rx.recv_blocking()),
        |_tx, got| assert_eq!(got, (Some(1), Some(2))),
    );
}

/// A batch that does not fit goes in pieces: its sender parks in the middle of it.
#[test]
fn batch_in_pieces() {
    race(
        || {
            let (tx, rx) = bounded(2);
            tx.try_send(1).unwrap();
            (tx, rx)
        },
        |tx| tx.send_many_blocking(vec![2, 3]).unwrap(),
        |rx| {
            let mut got = Vec::with_capacity(4);
            assert_eq!(rx.try_recv_many(&mut got, 1), Ok(1));
            (rx, got)
        },
        |(), (rx, mut got)| {
            assert_eq!(rx.try_recv_many(&mut got, 3), Ok(2));
            assert_eq!(got, [1, 2, 3]);
        },
    );
}

/// A stream that is not polled any more takes no wake from a receive.
#[test]
fn stale_stream_takes_no_wake() {
    race(
        || {
            let (tx, mut rx) = one_place();
            let stream = std::pin::Pin::new(&mut rx);
            let mut cx = Context::from_waker(Waker::noop());
            assert!(stream.poll_next(&mut cx).is_pending());
            (tx, rx)
        },
        |tx| {
            tx.try_send(1).unwrap();
            tx
        },
        |rx| assert_eq!(rx.recv_blocking(), Some(1)),
        |_tx, ()| {},
    );
}

/// A thread that selects is woken by a send to either receiver.
#[test]
fn send_wakes_a_selecting_thread() {
    race(
        || {
            let ((tx, rx), (other_tx, other_rx)) = (one_place(), one_place());
            (tx, (rx, other_rx, other_tx))
        },
        |tx| {
            tx.try_send(1).unwrap();
            tx
        },
        |(rx, other_rx, other_tx)| {
            let mut select = Select::new();
            let (_, index) = (select.add(&other_rx), select.add(&rx));
            assert_eq!(select.ready(), index);
            assert_eq!(rx.try_recv(), Ok(1));
            other_tx
        },
        |_tx, _other_tx| {},
    );
}
