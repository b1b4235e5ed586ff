//! Streams, sinks, and selecting.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use common::{Census, CountingWaker, poll, poll_once};
use futures_util::stream::FusedStream;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt, select};
use zc_channel::{Select, SinkError, State, TryRecvError, bounded};
use zc_core::sync::block_on;

const SOON: Duration = Duration::from_millis(20);

#[test]
fn a_receiver_is_a_stream() {
    let (tx, rx) = bounded(2);
    let sender = thread::spawn(move || (0..500).try_for_each(|i| tx.send_blocking(i)));
    assert!(!rx.is_terminated());
    let got: Vec<_> = block_on(rx.collect());
    assert!(got.into_iter().eq(0..500));
    assert_eq!(sender.join().unwrap(), Ok(()));
}

#[test]
fn a_stream_ends_when_the_channel_does() {
    let (tx, mut rx) = bounded::<u8>(1);
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut rx).poll_next(&mut cx).is_pending());
    drop(tx);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(Pin::new(&mut rx).poll_next(&mut cx), Poll::Ready(None));
    assert!(rx.is_terminated());
}

#[test]
fn a_stream_that_is_not_polled_again_takes_no_wake_from_a_receive() {
    let (tx, mut rx) = bounded(2);
    let other = rx.clone();
    let mut third = rx.clone();
    // Stale: polled once, as by the `next()` of a `select!` that took another branch.
    assert!(poll_once(pin!(rx.next())).is_pending());
    let (wakes, waker) = CountingWaker::new();
    let mut recv = pin!(other.recv());
    assert!(poll(recv.as_mut(), &waker).is_pending());
    let (stream_wakes, stream_waker) = CountingWaker::new();
    assert!(poll(pin!(third.next()), &stream_waker).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!((wakes.wakes(), stream_wakes.wakes()), (1, 1));
    // The same receiver, used otherwise.
    assert_eq!(rx.try_recv(), Ok(1));
    let mut again = pin!(rx.recv());
    assert!(poll(again.as_mut(), &waker).is_pending());
    tx.try_send(2).unwrap();
    assert_eq!(poll(again.as_mut(), &waker), Poll::Ready(Some(2)));
}

#[test]
fn select_loses_no_item_of_the_branch_not_taken() {
    // Cancels hundreds of receives with an item on its way.
    let (tx, rx) = bounded(1);
    let (other_tx, other_rx) = bounded(1);
    let sender = thread::spawn(move || {
        for i in 0..2_000 {
            tx.send_blocking(i).unwrap();
        }
    });
    let other = thread::spawn(move || {
        for i in 0..2_000 {
            other_tx.send_blocking(i).unwrap();
        }
    });
    let (a, b) = block_on(async {
        let (mut a, mut b) = (0, 0);
        while a + b < 4_000 {
            select! {
                v = rx.recv().fuse() => if v.is_some() { assert_eq!(v, Some(a)); a += 1; },
                v = other_rx.recv().fuse() => if v.is_some() { assert_eq!(v, Some(b)); b += 1; },
            }
        }
        (a, b)
    });
    assert_eq!((a, b), (2_000, 2_000));
    sender.join().unwrap();
    other.join().unwrap();
}

#[test]
fn a_sink_sends_and_closing_it_drops_its_own_sender_only() {
    let (tx, rx) = bounded(2);
    let mut sink = tx.clone().into_sink();
    assert_eq!(tx.sender_count(), 2);
    let receiver = thread::spawn(move || (rx.iter().count(), rx.state()));
    block_on(async {
        for i in 0..100 {
            sink.feed(i).await.unwrap();
        }
        sink.flush().await.unwrap();
        sink.close().await.unwrap();
        assert_eq!((tx.sender_count(), tx.state()), (1, State::Open));
        assert!(sink.sender().is_none());
        assert_eq!(sink.send(7).await, Err(SinkError(None)));
    });
    drop(tx);
    assert_eq!(receiver.join().unwrap(), (100, State::Closed));
}

#[test]
fn a_sink_keeps_an_unused_permit_and_gives_it_back_at_last() {
    let (tx, rx) = bounded::<u8>(1);
    let mut sink = tx.clone().into_sink();
    let (_, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut sink).poll_ready(&mut cx).is_ready());
    assert!(Pin::new(&mut sink).poll_ready(&mut cx).is_ready());
    assert!(tx.is_full() && tx.is_empty());
    assert_eq!(Pin::new(&mut sink).start_send(1), Ok(()));
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut sink).poll_ready(&mut cx).is_pending());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(wakes.wakes(), 1);
    assert!(Pin::new(&mut sink).poll_ready(&mut cx).is_ready());
    drop(sink);
    assert!(!tx.is_full());
}

#[test]
fn a_sink_gives_the_item_back_when_no_receiver_is_left() {
    let census = Census::default();
    let (tx, rx) = bounded(1);
    let mut sink = tx.into_sink();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut sink).poll_ready(&mut cx).is_ready());
    drop(rx);
    let refused = Pin::new(&mut sink).start_send(census.item(3)).unwrap_err();
    assert_eq!(refused.0.map(|item| item.id), Some(3));
    assert!(Pin::new(&mut sink).poll_ready(&mut cx) == Poll::Ready(Err(SinkError(None))));
}

#[test]
#[should_panic(expected = "start_send without a poll_ready")]
fn a_sink_wants_to_be_asked_first() {
    let (tx, _rx) = bounded(1);
    let mut sink = tx.into_sink();
    let _ = Pin::new(&mut sink).start_send(1);
}

#[test]
fn selecting_finds_the_ready_one_and_goes_round() {
    let (tx_a, rx_a) = bounded::<u32>(4);
    let (tx_b, rx_b) = bounded::<String>(4);
    let mut select = Select::new();
    assert_eq!((select.add(&rx_a), select.add(&rx_b)), (0, 1));
    assert_eq!(select.try_ready(), None);
    assert_eq!(select.ready_timeout(SOON), None);
    tx_a.try_send(1).unwrap();
    tx_b.try_send("x".into()).unwrap();
    let first = select.ready();
    assert_eq!(first + select.ready(), 1, "each of the two is named");
    assert_eq!((rx_a.try_recv(), rx_b.try_recv()), (Ok(1), Ok("x".into())));
    let sender = thread::spawn(move || {
        thread::sleep(SOON);
        tx_b.send_blocking("y".into()).unwrap();
        tx_b
    });
    assert_eq!(select.ready(), 1);
    assert_eq!(rx_b.try_recv(), Ok("y".into()));
    drop(sender.join().unwrap());
    assert_eq!(select.ready(), 1, "the end is ready too");
    assert_eq!(rx_b.try_recv(), Err(TryRecvError::Closed));
    drop(tx_a);
}

#[test]
#[should_panic(expected = "selecting among no receivers")]
fn selecting_among_nothing_panics() {
    Select::new().ready();
}

#[test]
fn a_select_that_takes_nothing_passes_its_wakes_on() {
    let (tx, rx) = bounded(1);
    let other = rx.clone();
    let selecting = thread::spawn(move || {
        let mut select = Select::new();
        select.add(&rx);
        assert_eq!(select.ready(), 0);
        drop(select);
        rx
    });
    thread::sleep(SOON); // The selecting thread is first in line.
    let receiver = thread::spawn(move || other.recv_blocking());
    thread::sleep(SOON);
    tx.try_send(1).unwrap();
    assert_eq!(receiver.join().unwrap(), Some(1));
    drop(selecting.join().unwrap());
}
