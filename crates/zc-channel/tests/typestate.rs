//! The life of a channel in its type. What must not compile stands in the documentation of
//! `Channel`, as `compile_fail` examples.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::pin::pin;
use std::thread;

use common::{Census, CountingWaker, poll};
use zc_channel::{Channel, Open, State};
use zc_core::sync::block_on;

#[test]
fn open_counts_as_one_of_each() {
    let channel = Channel::<u8, Open>::bounded(1);
    let tx = channel.sender();
    assert_eq!((tx.sender_count(), tx.receiver_count()), (2, 1));
    let (own_tx, rx) = channel.split();
    assert!(own_tx.same_channel(&tx));
    assert_eq!((tx.sender_count(), tx.receiver_count()), (2, 1));
    drop((own_tx, rx));
    assert_eq!(tx.state(), State::Closed);
    assert!(Channel::<u8, Open>::try_bounded(0).is_err());
}

#[test]
fn closing_drains_and_finishes() {
    let channel = Channel::bounded(4);
    let tx = channel.sender();
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    let channel = channel.close();
    assert_eq!(tx.sender_count(), 1, "the channel's own sender is gone");
    assert!(tx.try_send(3).is_err());
    let channel = channel.try_finish().expect_err("two items are queued");
    assert_eq!(channel.state(), State::Closing);
    assert_eq!(channel.drain().collect::<Vec<_>>(), [1, 2]);
    let summary = channel.try_finish().expect("nothing is left").summary();
    assert_eq!((summary.sent, summary.received, summary.dropped), (2, 2, 0));
}

#[test]
fn finish_waits_for_the_other_receivers() {
    let channel = Channel::bounded(4);
    let (tx, rx) = (channel.sender(), channel.receiver());
    for i in 0..3 {
        tx.try_send(i).unwrap();
    }
    let (wakes, waker) = CountingWaker::new();
    let mut finish = pin!(channel.close().finish());
    assert!(poll(finish.as_mut(), &waker).is_pending());
    assert_eq!(rx.recv_blocking(), Some(0));
    assert!(wakes.wakes() > 0);
    assert!(poll(finish.as_mut(), &waker).is_pending());
    assert_eq!(rx.iter().count(), 2);
    let std::task::Poll::Ready(closed) = poll(finish.as_mut(), &waker) else {
        panic!("drained");
    };
    let summary = closed.summary();
    assert_eq!((summary.sent, summary.received, summary.dropped), (3, 3, 0));
}

#[test]
fn finish_drops_what_nobody_else_can_take() {
    let census = Census::default();
    let channel = Channel::bounded(4);
    let (tx, rx) = (channel.sender(), channel.receiver());
    for i in 0..3 {
        tx.try_send(census.item(i)).unwrap();
    }
    drop(rx.recv_blocking());
    let finisher = thread::spawn(move || block_on(channel.close().finish()));
    drop(rx); // From here on the finisher is the only receiver.
    let closed = finisher.join().unwrap();
    let summary = closed.summary();
    assert_eq!((summary.sent, summary.received, summary.dropped), (3, 1, 2));
    assert_eq!(census.alive(), 0);
    assert_eq!(closed.state(), State::Closed);
}

#[test]
fn dropping_it_is_dropping_its_ends() {
    let census = Census::default();
    let channel = Channel::bounded(1);
    let tx = channel.sender();
    tx.try_send(census.item(0)).unwrap();
    drop(channel.close());
    assert_eq!((census.alive(), tx.state()), (0, State::Closed));
}
