//! Batches on both ends, in every colour.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::pin::pin;
use std::task::Poll;
use std::thread;

use common::{Census, CountingWaker, poll, poll_once};
use zc_channel::{SendError, TryRecvError, TrySendError, bounded};
use zc_core::sync::block_on;

#[test]
fn a_batch_that_fits_goes_at_once() {
    let (tx, rx) = bounded(5);
    tx.try_send_many(vec![1, 2, 3]).unwrap();
    assert_eq!(tx.len(), 3);
    tx.try_send_many([4, 5]).unwrap();
    let mut got = vec![0];
    assert_eq!(rx.try_recv_many(&mut got, 4), Ok(4));
    assert_eq!(rx.try_recv_many(&mut got, 4), Ok(1));
    assert_eq!(rx.try_recv_many(&mut got, 4), Err(TryRecvError::Empty));
    assert_eq!(got, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn what_does_not_fit_comes_back() {
    let (tx, rx) = bounded(3);
    assert_eq!(
        tx.try_send_many(vec![1, 2, 3, 4, 5]),
        Err(TrySendError::Full(vec![4, 5]))
    );
    assert_eq!(tx.try_send_many(vec![6]), Err(TrySendError::Full(vec![6])));
    assert_eq!(tx.try_send_many(Vec::new()), Ok(()));
    rx.close();
    assert_eq!(
        tx.try_send_many(vec![7]),
        Err(TrySendError::Closed(vec![7]))
    );
    assert_eq!(
        tx.send_many_blocking(vec![7, 8]),
        Err(SendError(vec![7, 8]))
    );
    assert_eq!(
        block_on(tx.send_many(vec![7, 8])),
        Err(SendError(vec![7, 8]))
    );
    assert_eq!(rx.drain().collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_larger_batch_goes_in_pieces() {
    let (tx, rx) = bounded(3);
    let (wakes, waker) = CountingWaker::new();
    let mut send = pin!(tx.send_many((0..8).collect::<Vec<_>>()));
    assert!(poll(send.as_mut(), &waker).is_pending());
    let mut got = Vec::new();
    for (round, size) in [(1, 3), (2, 3)] {
        assert_eq!(rx.try_recv_many(&mut got, 9), Ok(size));
        assert_eq!(wakes.wakes(), round);
        if round == 1 {
            assert!(poll(send.as_mut(), &waker).is_pending());
        }
    }
    assert_eq!(poll(send.as_mut(), &waker), Poll::Ready(Ok(())));
    assert_eq!(rx.try_recv_many(&mut got, 9), Ok(2));
    assert!(got.into_iter().eq(0..8));
}

#[test]
fn cancelling_keeps_the_sent_prefix_and_drops_the_rest() {
    let census = Census::default();
    let (tx, rx) = bounded(2);
    {
        let items: Vec<_> = (0..5).map(|i| census.item(i)).collect();
        let mut send = pin!(tx.send_many(items));
        assert!(poll_once(send.as_mut()).is_pending());
        assert_eq!(census.alive(), 5);
    }
    assert_eq!(census.alive(), 2);
    assert_eq!(rx.drain().map(|i| i.id).collect::<Vec<_>>(), [0, 1]);
    let mut send = pin!(tx.send_many((5..9).map(|i| census.item(i))));
    assert!(poll_once(send.as_mut()).is_pending());
    let rest = send.as_mut().take();
    assert_eq!(rest.iter().map(|i| i.id).collect::<Vec<_>>(), [7, 8]);
}

#[test]
fn closing_in_the_middle_gives_the_rest_back() {
    let (tx, rx) = bounded(2);
    let sender = thread::spawn(move || tx.send_many_blocking((0..5).collect::<Vec<_>>()));
    let mut got = Vec::new();
    while got.len() < 2 {
        rx.recv_many_blocking(&mut got, 1);
    }
    rx.close();
    let SendError(rest) = sender.join().unwrap().unwrap_err();
    got.extend(rx.iter());
    got.extend(rest);
    assert!(
        got.into_iter().eq(0..5),
        "nothing is lost, nothing is twice"
    );
}

#[test]
fn recv_many_of_zero_is_zero_at_once_and_zero_otherwise_is_the_end() {
    let (tx, rx) = bounded::<u8>(1);
    let mut got = Vec::new();
    assert_eq!(block_on(rx.recv_many(&mut got, 0)), 0);
    assert_eq!(rx.recv_many_blocking(&mut got, 0), 0);
    assert_eq!(rx.try_recv_many(&mut got, 0), Ok(0));
    assert!(poll_once(pin!(rx.recv_many(&mut got, 1))).is_pending());
    tx.try_send(1).unwrap();
    drop(tx);
    assert_eq!(block_on(rx.recv_many(&mut got, usize::MAX)), 1);
    assert_eq!(block_on(rx.recv_many(&mut got, 1)), 0);
    assert_eq!(rx.recv_many_blocking(&mut got, 1), 0);
    assert_eq!(rx.try_recv_many(&mut got, 1), Err(TryRecvError::Closed));
}

#[test]
fn a_batch_wakes_as_many_as_it_has_items() {
    let (tx, rx) = bounded(4);
    let wakers: Vec<_> = (0..3).map(|_| CountingWaker::new()).collect();
    let mut receives: Vec<_> = wakers.iter().map(|_| Box::pin(rx.recv())).collect();
    for (receive, (_, waker)) in receives.iter_mut().zip(&wakers) {
        assert!(poll(receive.as_mut(), waker).is_pending());
    }
    tx.try_send_many(vec![1, 2]).unwrap();
    let wakes: Vec<_> = wakers.iter().map(|(count, _)| count.wakes()).collect();
    assert_eq!(wakes, [1, 1, 0]);
}

#[test]
fn batches_are_contiguous_under_contention() {
    // Each batch carries its sender and size; a receiver that takes all must see whole batches.
    let (tx, rx) = bounded(1024);
    const BATCHES: usize = 2_000;
    let senders: Vec<_> = (0..3)
        .map(|s| {
            let tx = tx.clone();
            thread::spawn(move || {
                for b in 0..BATCHES {
                    let size = 1 + (b + s) % 5;
                    let mut batch: Vec<_> = (0..size).map(|i| (s, b, i, size)).collect();
                    // All at once or not at all: only what fits is sure to be contiguous.
                    loop {
                        match tx.try_reserve_many(batch.len()) {
                            Ok(permits) => {
                                drop(permits);
                                match tx.try_send_many(batch) {
                                    Ok(()) => break,
                                    Err(error) => batch = error.into_inner(),
                                }
                                if batch.len() < size {
                                    // A piece went: the rest is a piece as well.
                                    tx.send_many_blocking(batch).unwrap();
                                    break;
                                }
                            }
                            Err(_) => thread::yield_now(),
                        }
                    }
                }
            })
        })
        .collect();
    drop(tx);
    let mut got = Vec::new();
    while rx.recv_many_blocking(&mut got, 64) > 0 {}
    senders.into_iter().for_each(|s| s.join().unwrap());
    let expected: usize = (0..3)
        .map(|s| (0..BATCHES).map(|b| 1 + (b + s) % 5).sum::<usize>())
        .sum();
    assert_eq!(got.len(), expected);
    let mut split = 0;
    for pair in got.windows(2) {
        let ((s, b, i, size), next) = (pair[0], pair[1]);
        if i + 1 < size && (next.0, next.1, next.2) != (s, b, i + 1) {
            split += 1;
        }
    }
    // Pieces may be apart only where the channel was full in the middle of one.
    assert!(split <= expected / 100, "{split} batches were split");
    for s in 0..3 {
        let order: Vec<_> = got
            .iter()
            .filter(|g| g.0 == s)
            .map(|g| (g.1, g.2))
            .collect();
        assert!(order.is_sorted(), "order within a sender");
    }
}

#[test]
fn receivers_share_batches_without_loss() {
    let census = Census::default();
    let (tx, rx) = bounded(16);
    let receivers: Vec<_> = (0..3)
        .map(|r| {
            let rx = rx.clone();
            thread::spawn(move || {
                let (mut got, mut sum) = (Vec::with_capacity(8), 0);
                while rx.recv_many_blocking(&mut got, 1 + r) > 0 {
                    sum += got.drain(..).map(|i: common::Item| i.id).sum::<usize>();
                }
                sum
            })
        })
        .collect();
    drop(rx);
    const ITEMS: usize = 20_000;
    for chunk in (0..ITEMS).collect::<Vec<_>>().chunks(10) {
        let batch: Vec<_> = chunk.iter().map(|&i| census.item(i)).collect();
        tx.send_many_blocking(batch).unwrap();
    }
    drop(tx);
    let sum: usize = receivers.into_iter().map(|r| r.join().unwrap()).sum();
    assert_eq!(sum, ITEMS * (ITEMS - 1) / 2);
    assert_eq!((census.made(), census.alive()), (ITEMS, 0));
}
