//! The channel's contract, one promise a test: both colours, timeouts, closing, dropping.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use common::{Census, CountingWaker, poll, poll_once};
use zc_channel::{
    CapacityError, RecvTimeoutError, SendError, SendTimeoutError, State, TryRecvError,
    TrySendError, bounded, try_bounded,
};
use zc_core::sync::block_on;

const SOON: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_secs(60);

#[test]
fn capacity_is_exact() {
    for capacity in [1, 2, 3, 64, 100] {
        let (tx, rx) = bounded(capacity);
        assert_eq!((tx.capacity(), rx.capacity()), (capacity, capacity));
        for i in 0..capacity {
            assert_eq!((tx.len(), tx.is_full()), (i, false));
            tx.try_send(i).unwrap();
        }
        assert!(tx.is_full() && rx.is_full());
        assert_eq!(tx.try_send(7), Err(TrySendError::Full(7)));
        assert_eq!(rx.try_recv(), Ok(0));
        assert!(!tx.is_full());
    }
}

#[test]
fn impossible_capacities_are_refused() {
    assert_eq!(try_bounded::<u8>(0).unwrap_err(), CapacityError::Zero);
    let error = try_bounded::<u64>(usize::MAX / 8).unwrap_err();
    assert!(matches!(error, CapacityError::TooLarge { .. }));
    let error = try_bounded::<[u64; 1 << 20]>(isize::MAX as usize / (8 << 20) + 1).unwrap_err();
    assert!(matches!(error, CapacityError::TooLarge { .. }));
}

#[test]
#[should_panic(expected = "channel capacity must be at least 1, got 0")]
fn bounded_panics_on_zero() {
    drop(bounded::<u8>(0));
}

#[test]
fn blocking_ends_hand_over_in_order() {
    let (tx, rx) = bounded(2);
    let sender = thread::spawn(move || (0..1_000).try_for_each(|i| tx.send_blocking(i)));
    assert!((0..1_000).all(|i| rx.recv_blocking() == Some(i)));
    assert_eq!(rx.recv_blocking(), None);
    assert_eq!(sender.join().unwrap(), Ok(()));
}

#[test]
fn async_ends_hand_over_in_order() {
    let (tx, rx) = bounded(1);
    let sender = thread::spawn(move || {
        block_on(async {
            for i in 0..1_000 {
                tx.send(i).await.unwrap();
            }
        });
    });
    block_on(async {
        for i in 0..1_000 {
            assert_eq!(rx.recv().await, Some(i));
        }
        assert_eq!(rx.recv().await, None);
    });
    sender.join().unwrap();
}

#[test]
fn mixed_ends_hand_over_in_order() {
    let (tx, rx) = bounded(1);
    let tasks = tx.clone();
    let sender = thread::spawn(move || {
        for i in 0..500 {
            tx.send_blocking(2 * i).unwrap();
            block_on(tasks.send(2 * i + 1)).unwrap();
        }
    });
    for i in (0..1_000).step_by(2) {
        assert_eq!(block_on(rx.recv()), Some(i));
        assert_eq!(rx.recv_blocking(), Some(i + 1));
    }
    sender.join().unwrap();
}

#[test]
fn a_full_channel_is_waited_for_and_the_sender_is_woken() {
    let (tx, rx) = bounded(1);
    tx.try_send(1).unwrap();
    let (wakes, waker) = CountingWaker::new();
    let mut send = pin!(tx.send(2));
    assert!(poll(send.as_mut(), &waker).is_pending());
    assert!(poll(send.as_mut(), &waker).is_pending());
    assert_eq!(wakes.wakes(), 0);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(send.as_mut(), &waker), Poll::Ready(Ok(())));
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn take_gives_the_value_of_an_unsent_send_back() {
    let census = Census::default();
    let (tx, rx) = bounded(1);
    tx.try_send(census.item(0)).unwrap();
    let mut send = pin!(tx.send(census.item(1)));
    assert!(poll_once(send.as_mut()).is_pending());
    assert_eq!(send.as_mut().take().map(|item| item.id), Some(1));
    assert_eq!(send.as_mut().take(), None);
    let mut sent = pin!(tx.send(census.item(2)));
    drop(rx.try_recv().unwrap());
    assert!(poll_once(sent.as_mut()).is_ready());
    assert_eq!(sent.as_mut().take(), None, "sent: it is the receiver's now");
    assert_eq!(rx.try_recv().map(|item| item.id), Ok(2));
    assert_eq!(census.alive(), 0);
}

#[test]
fn time_limits_are_kept_and_give_the_value_back() {
    let (tx, rx) = bounded(1);
    let began = Instant::now();
    assert_eq!(rx.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
    assert_eq!(rx.recv_deadline(began), Err(RecvTimeoutError::Timeout));
    assert_eq!(tx.send_timeout(1, SOON), Ok(()));
    assert_eq!(tx.send_timeout(2, SOON), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(
        tx.send_deadline(3, began),
        Err(SendTimeoutError::Timeout(3))
    );
    assert!(began.elapsed() >= 2 * SOON);
    // A deadline in the past still takes what is there, and a limit beyond time is no limit.
    assert_eq!(rx.recv_deadline(began), Ok(1));
    assert_eq!(tx.send_deadline(4, began), Ok(()));
    assert_eq!(rx.recv_timeout(Duration::MAX), Ok(4));
    drop(rx);
    assert_eq!(tx.send_timeout(5, LATE), Err(SendTimeoutError::Closed(5)));
    let (tx, rx) = bounded::<u8>(1);
    drop(tx);
    assert_eq!(rx.recv_timeout(LATE), Err(RecvTimeoutError::Closed));
}

#[test]
fn async_time_limit_gives_the_value_back() {
    block_on(async {
        let (tx, rx) = bounded(1);
        assert_eq!(
            tx.send_timeout_async(1, std::future::pending::<()>()).await,
            Ok(())
        );
        let timer = std::future::ready(());
        assert_eq!(
            tx.send_timeout_async(2, timer).await,
            Err(SendTimeoutError::Timeout(2))
        );
        rx.close();
        let timer = std::future::pending::<()>();
        assert_eq!(
            tx.send_timeout_async(3, timer).await,
            Err(SendTimeoutError::Closed(3))
        );
    });
}

#[test]
fn close_lets_what_was_sent_be_received() {
    let (tx, rx) = bounded(4);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    assert_eq!(tx.state(), State::Open);
    assert!(tx.close());
    assert!(!tx.close() && !rx.close(), "only the first call did it");
    assert_eq!(
        (tx.state(), tx.is_closed(), rx.is_closed()),
        (State::Closing, true, true)
    );
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(tx.send_blocking(3), Err(SendError(3)));
    assert_eq!(block_on(tx.send(3)), Err(SendError(3)));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.recv_blocking(), Some(2));
    assert_eq!(rx.state(), State::Closed);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(rx.recv_blocking(), None);
    assert_eq!(block_on(rx.recv()), None);
}

#[test]
fn the_last_sender_closes() {
    let (tx, rx) = bounded(2);
    let other = tx.clone();
    assert_eq!((tx.sender_count(), rx.sender_count()), (2, 2));
    other.try_send(1).unwrap();
    drop(other);
    assert_eq!(rx.state(), State::Open);
    assert_eq!(rx.sender_count(), 1);
    drop(tx);
    assert_eq!((rx.state(), rx.sender_count()), (State::Closing, 0));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn the_last_receiver_drops_what_is_queued_at_once() {
    let census = Census::default();
    let (tx, rx) = bounded(4);
    let other = rx.clone();
    assert_eq!(tx.receiver_count(), 2);
    for i in 0..3 {
        tx.try_send(census.item(i)).unwrap();
    }
    drop(rx);
    assert_eq!((census.alive(), tx.state()), (3, State::Open));
    drop(other);
    assert_eq!((census.alive(), tx.state()), (0, State::Closed));
    assert_eq!((tx.len(), tx.receiver_count()), (0, 0));
    let refused = tx.try_send(census.item(9)).unwrap_err();
    assert!(refused.is_closed());
    assert_eq!(refused.into_inner().id, 9);
}

#[test]
fn closing_wakes_everybody_who_waits() {
    let (tx, rx) = bounded::<u8>(1);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let rx = rx.clone();
            thread::spawn(move || rx.recv_blocking())
        })
        .collect();
    let (wakes, waker) = CountingWaker::new();
    let mut recv = pin!(rx.recv());
    assert!(poll(recv.as_mut(), &waker).is_pending());
    thread::sleep(SOON);
    drop(tx);
    assert!(receivers.into_iter().all(|r| r.join().unwrap().is_none()));
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(recv.as_mut(), &waker), Poll::Ready(None));

    let (tx, rx) = bounded::<u8>(1);
    tx.try_send(0).unwrap();
    let senders: Vec<_> = (1..4)
        .map(|i| {
            let tx = tx.clone();
            thread::spawn(move || tx.send_blocking(i))
        })
        .collect();
    thread::sleep(SOON);
    rx.close();
    let mut back: Vec<_> = senders
        .into_iter()
        .map(|s| s.join().unwrap().unwrap_err().into_inner())
        .collect();
    back.sort_unstable();
    assert_eq!(back, [1, 2, 3], "every value comes back");
}

#[test]
fn closed_is_ready_when_no_send_can_succeed() {
    let (tx, rx) = bounded::<u8>(1);
    let (wakes, waker) = CountingWaker::new();
    let mut closed = pin!(tx.closed());
    assert!(poll(closed.as_mut(), &waker).is_pending());
    drop(rx);
    assert_eq!(wakes.wakes(), 1);
    assert!(poll(closed.as_mut(), &waker).is_ready());
    let (tx, _rx) = bounded::<u8>(1);
    tx.close();
    block_on(tx.closed());
}

#[test]
fn iterators() {
    let (tx, rx) = bounded(8);
    for i in 0..6 {
        tx.try_send(i).unwrap();
    }
    assert_eq!(rx.drain().take(2).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(rx.len(), 4, "what was not taken stays");
    assert_eq!(rx.try_iter().take(2).collect::<Vec<_>>(), [2, 3]);
    let mut drain = rx.drain();
    tx.try_send(6).unwrap();
    assert_eq!(
        drain.by_ref().collect::<Vec<_>>(),
        [4, 5],
        "what was there when it was made"
    );
    assert_eq!(drain.next(), None);
    tx.try_send(7).unwrap();
    drop(tx);
    assert_eq!(rx.iter().collect::<Vec<_>>(), [6, 7]);
    assert_eq!((&rx).into_iter().next(), None);
    assert_eq!(rx.into_iter().next(), None);
}

#[test]
fn handles_know_their_channel() {
    let (tx, rx) = bounded::<u8>(1);
    let (other_tx, other_rx) = bounded::<u8>(1);
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other_tx));
    assert!(rx.same_channel(&rx.clone()) && !rx.same_channel(&other_rx));
    assert!(format!("{tx:?} {rx:?}").contains("capacity: 1"));
}

#[test]
fn errors_say_what_happened_for_items_that_cannot_be_printed() {
    struct Opaque;
    let (tx, rx) = bounded(1);
    tx.try_send(Opaque).ok().unwrap();
    let full = tx.try_send(Opaque).unwrap_err();
    assert_eq!(
        format!("{full} {full:?}"),
        "sending on a full channel Full(..)"
    );
    rx.close();
    let closed = tx.send_blocking(Opaque).unwrap_err();
    assert_eq!(
        format!("{closed} {closed:?}"),
        "sending on a closed channel SendError(..)"
    );
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(closed);
    assert!(boxed.source().is_none());
}

#[test]
fn ends_may_go_where_items_may() {
    fn sendable<T: Send>(_: &T) {}
    fn shareable<T: Send + Sync>(_: &T) {}
    // `Cell` is Send and not Sync: no `&T` is ever handed out.
    let (tx, rx) = bounded::<std::cell::Cell<u8>>(1);
    shareable(&tx);
    shareable(&rx);
    sendable(&tx.send(std::cell::Cell::new(1)));
    sendable(&rx.recv());
    sendable(&tx.closed());
}
