//! Permits, forced sends, weak ends.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::{Census, CountingWaker, Item, poll, poll_once};
use zc_channel::{
    ForceSendError, ReserveError, State, TryRecvError, TryReserveError, TrySendError, bounded,
};
use zc_core::sync::block_on;

#[test]
fn a_permit_is_room_and_counts_as_such() {
    let (tx, rx) = bounded(2);
    let permit = tx.try_reserve().unwrap();
    assert_eq!((tx.len(), tx.is_empty(), tx.is_full()), (0, true, false));
    tx.try_send(1).unwrap();
    assert_eq!((tx.len(), tx.is_full()), (1, true));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(tx.try_reserve().unwrap_err(), TryReserveError::Full);
    permit.send(3);
    assert_eq!(
        rx.drain().collect::<Vec<_>>(),
        [1, 3],
        "its place is taken when it is used"
    );
}

#[test]
fn an_idle_permit_delays_nobody() {
    let (tx, rx) = bounded(2);
    let permit = tx.try_reserve().unwrap();
    for i in 0..100 {
        tx.try_send(i).unwrap();
        assert_eq!(rx.try_recv(), Ok(i));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
    permit.send(100);
    assert_eq!(rx.try_recv(), Ok(100));
}

#[test]
fn a_dropped_permit_gives_its_room_to_a_waiting_sender() {
    let (tx, rx) = bounded(1);
    let permit = tx.try_reserve().unwrap();
    let (wakes, waker) = CountingWaker::new();
    let mut send = pin!(tx.send(1));
    assert!(poll(send.as_mut(), &waker).is_pending());
    drop(permit);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(send.as_mut(), &waker), Poll::Ready(Ok(())));
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn reserve_waits_in_every_colour() {
    let (tx, rx) = bounded(1);
    for round in 0..50 {
        tx.send_blocking(round).unwrap();
        thread::scope(|s| {
            s.spawn(|| tx.reserve_blocking().unwrap().send(100 + round));
            assert_eq!(rx.recv_blocking(), Some(round));
        });
        thread::scope(|s| {
            s.spawn(|| block_on(tx.reserve()).unwrap().send(200 + round));
            assert_eq!(rx.recv_blocking(), Some(100 + round));
        });
        thread::scope(|s| {
            s.spawn(|| drop(block_on(tx.reserve_owned()).unwrap().send(300 + round)));
            assert_eq!(rx.recv_blocking(), Some(200 + round));
        });
        assert_eq!(rx.recv_blocking(), Some(300 + round));
    }
    assert_eq!((tx.sender_count(), tx.len()), (1, 0));
    assert!(!tx.is_full());
}

#[test]
fn reserve_many_is_all_or_none_and_holds_nothing_while_it_waits() {
    let (tx, rx) = bounded(3);
    tx.try_send(0).unwrap();
    assert_eq!(tx.try_reserve_many(3).unwrap_err(), TryReserveError::Full);
    let (wakes, waker) = CountingWaker::new();
    let mut reserve = pin!(tx.reserve_many(3));
    assert!(poll(reserve.as_mut(), &waker).is_pending());
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    for i in 0..3 {
        assert!(
            poll(reserve.as_mut(), &waker).is_pending(),
            "{i} of 3 are free"
        );
        assert_eq!(rx.try_recv(), Ok(i));
    }
    assert_eq!(wakes.wakes(), 3);
    let Poll::Ready(Ok(mut permits)) = poll(reserve.as_mut(), &waker) else {
        panic!("all are free");
    };
    assert_eq!((permits.len(), tx.is_full()), (3, true));
    permits.next().unwrap().send(7);
    drop(permits);
    assert_eq!((tx.len(), tx.is_full()), (1, false));
}

#[test]
fn reserve_many_beyond_the_capacity_is_an_error_at_once() {
    let (tx, _rx) = bounded::<u8>(3);
    let too_many = ReserveError::TooMany {
        requested: 4,
        capacity: 3,
    };
    assert_eq!(block_on(tx.reserve_many(4)).unwrap_err(), too_many);
    assert_eq!(tx.reserve_many_blocking(4).unwrap_err(), too_many);
    assert_eq!(tx.try_reserve_many(4).unwrap_err(), too_many.into());
    assert!(
        too_many.to_string().contains("4 permits") && too_many.to_string().contains("capacity 3")
    );
    assert!(block_on(tx.reserve_many(0)).unwrap().is_empty());
    tx.close();
    assert_eq!(
        block_on(tx.reserve_many(2)).unwrap_err(),
        ReserveError::Closed
    );
    assert_eq!(tx.reserve_blocking().unwrap_err(), ReserveError::Closed);
}

#[test]
fn two_waits_for_many_do_not_starve_a_single_one() {
    // A wait for several that is woken in vain must not swallow the wake of a single send.
    let (tx, rx) = bounded(2);
    tx.try_send(0).unwrap();
    tx.try_send(1).unwrap();
    let mut many = pin!(tx.reserve_many(2));
    assert!(poll_once(many.as_mut()).is_pending());
    let (wakes, waker) = CountingWaker::new();
    let mut send = pin!(tx.send(2));
    assert!(poll(send.as_mut(), &waker).is_pending());
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(wakes.wakes(), 1);
}

#[test]
fn permits_outlive_close_and_the_receiver_ends_after_them() {
    let (tx, rx) = bounded(3);
    let mut permits = tx.try_reserve_many(3).unwrap();
    tx.close();
    assert_eq!(tx.state(), State::Closing);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "a permit is out");
    let (wakes, waker) = CountingWaker::new();
    let mut recv = pin!(rx.recv());
    assert!(poll(recv.as_mut(), &waker).is_pending());
    permits.next().unwrap().send(1);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(recv.as_mut(), &waker), Poll::Ready(Some(1)));
    assert!(poll(recv.as_mut(), &waker).is_pending());
    drop(permits.next());
    assert!(poll(recv.as_mut(), &waker).is_pending());
    assert_eq!((wakes.wakes(), tx.state()), (1, State::Closing));
    drop(permits);
    assert_eq!((wakes.wakes(), tx.state()), (2, State::Closed));
    assert_eq!(poll(recv.as_mut(), &waker), Poll::Ready(None));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn the_last_permit_after_close_wakes_every_receiver() {
    for used in [true, false] {
        let (tx, rx) = bounded(1);
        let permit = tx.try_reserve().unwrap();
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let rx = rx.clone();
                thread::spawn(move || rx.recv_blocking())
            })
            .collect();
        tx.close();
        thread::sleep(Duration::from_millis(20));
        if used {
            permit.send(7);
        } else {
            drop(permit);
        }
        let got: Vec<_> = receivers
            .into_iter()
            .filter_map(|r| r.join().unwrap())
            .collect();
        assert_eq!(got, if used { vec![7] } else { vec![] });
    }
}

#[test]
fn a_leaked_permit_keeps_its_room_and_the_end() {
    let (tx, rx) = bounded(2);
    std::mem::forget(tx.try_reserve().unwrap());
    tx.try_send(1).unwrap();
    assert!(tx.try_send(2).unwrap_err().is_full());
    tx.close();
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(rx.state(), State::Closing);
    assert!(poll_once(pin!(rx.recv())).is_pending());
}

#[test]
fn without_receivers_a_permit_drops_its_value_at_once() {
    let census = Census::default();
    let (tx, rx) = bounded(2);
    let (one, two) = (tx.try_reserve().unwrap(), tx.try_reserve_owned().unwrap());
    drop(rx);
    assert_eq!(tx.state(), State::Closed);
    one.send(census.item(1));
    assert_eq!((census.made(), census.alive(), tx.len()), (1, 0, 0));
    drop(two.send(census.item(2)));
    assert_eq!((census.made(), census.alive()), (2, 0));
}

#[test]
fn an_owned_permit_counts_as_a_sender() {
    let (tx, rx) = bounded(1);
    let permit = tx.try_reserve_owned().unwrap();
    assert_eq!(tx.sender_count(), 2);
    drop(tx);
    assert_eq!(rx.state(), State::Open);
    let tx = permit.release();
    assert_eq!((tx.is_full(), tx.sender_count()), (false, 1));
    drop(tx.try_reserve_owned().unwrap().write(|v| *v = 9));
    drop(tx);
    assert_eq!(rx.iter().collect::<Vec<_>>(), [9]);
}

#[test]
fn write_gets_a_default_and_may_use_the_channel() {
    let (tx, rx) = bounded::<Vec<u8>>(2);
    let other = tx.clone();
    tx.try_reserve().unwrap().write(|v| {
        assert!(v.is_empty());
        // Nobody waits for this closure, itself least of all.
        other.try_send(vec![1]).unwrap();
        assert_eq!(rx.try_recv(), Ok(vec![1]));
        v.push(2);
    });
    assert_eq!(rx.try_recv(), Ok(vec![2]));
    // SAFETY: the closure writes a value.
    unsafe {
        tx.try_reserve().unwrap().write_uninit(|v| {
            v.write(vec![3]);
        });
    }
    assert_eq!(rx.try_recv(), Ok(vec![3]));
}

#[test]
fn a_panic_in_write_gives_the_permit_back() {
    #[derive(Default)]
    struct Payload(Option<Item>);
    let census = Census::default();
    let (tx, rx) = bounded::<Payload>(1);
    let permit = tx.try_reserve().unwrap();
    let raised = catch_unwind(AssertUnwindSafe(|| {
        permit.write(|payload| {
            payload.0 = Some(census.item(1));
            panic!("a writer that panics, on purpose");
        });
    }));
    assert!(raised.is_err());
    assert_eq!((census.made(), census.alive()), (1, 0));
    assert!(tx.is_empty() && !tx.is_full());
    tx.try_send(Payload::default()).ok().unwrap();
    assert!(rx.try_recv().unwrap().0.is_none());
}

#[test]
fn force_send_overwrites_the_oldest() {
    let census = Census::default();
    let (tx, rx) = bounded(2);
    assert_eq!(tx.force_send(census.item(0)), Ok(None));
    assert_eq!(tx.force_send(census.item(1)), Ok(None));
    assert_eq!(tx.force_send(census.item(2)).unwrap().unwrap().id, 0);
    assert_eq!(tx.force_send(census.item(3)).unwrap().unwrap().id, 1);
    assert_eq!(rx.drain().map(|i| i.id).collect::<Vec<_>>(), [2, 3]);
    rx.close();
    let error = tx.force_send(census.item(4)).unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.into_inner().id, 4);
    assert_eq!((census.made(), census.alive()), (5, 0));
}

#[test]
fn force_send_never_takes_reserved_room() {
    let (tx, rx) = bounded(2);
    let permits = tx.try_reserve_many(2).unwrap();
    assert_eq!(tx.force_send(1), Err(ForceSendError::Reserved(1)));
    drop(permits);
    let permit = tx.try_reserve().unwrap();
    assert_eq!(tx.force_send(1), Ok(None));
    assert_eq!(tx.force_send(2), Ok(Some(1)));
    permit.send(3);
    assert_eq!(rx.drain().collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn weak_ends_keep_nothing_open() {
    let census = Census::default();
    let (tx, rx) = bounded(1);
    let (weak_tx, weak_rx) = (tx.downgrade(), rx.downgrade());
    assert_eq!((tx.sender_count(), rx.receiver_count()), (1, 1));
    weak_tx
        .clone()
        .upgrade()
        .unwrap()
        .try_send(census.item(1))
        .unwrap();
    assert_eq!(weak_rx.clone().upgrade().unwrap().try_recv().unwrap().id, 1);
    tx.try_send(census.item(2)).unwrap();
    drop(rx);
    assert_eq!((census.alive(), tx.state()), (0, State::Closed));
    assert!(weak_rx.upgrade().is_none());
    assert!(weak_tx.upgrade().is_some(), "there still is a sender");
    drop(tx);
    assert!(weak_tx.upgrade().is_none());
}
