//! One test for every class of defect that channels in the field have had.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{Census, CountingWaker, Item, PanickingWaker, poll, poll_once};
use futures_util::{StreamExt, stream::FuturesUnordered};
use zc_channel::{Select, State, TryRecvError, bounded, spsc};
use zc_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use zc_core::sync::block_on;

const SOON: Duration = Duration::from_millis(20);

/// A receive is cancelled after the item was sent to it.
#[test]
fn value_lost_on_a_cancelled_receive_after_hand_off() {
    let census = Census::default();
    let (tx, rx) = bounded(1);
    for i in 0..200 {
        let (wakes, waker) = CountingWaker::new();
        {
            let mut recv = pin!(rx.recv());
            assert!(poll(recv.as_mut(), &waker).is_pending());
            tx.try_send(census.item(i)).unwrap();
            assert_eq!(wakes.wakes(), 1, "the receive was woken for the item …");
        } // … and is dropped.
        assert_eq!(rx.try_recv().unwrap().id, i);
    }
    assert_eq!((census.made(), census.alive()), (200, 0));
}

/// A woken waiter is cancelled; the next in line must get its wake.
#[test]
fn wake_lost_on_cancel() {
    let (tx, rx) = bounded(1);
    let (wakes, waker) = CountingWaker::new();
    let mut first = Box::pin(rx.recv());
    let mut second = pin!(rx.recv());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll(second.as_mut(), &waker).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(wakes.wakes(), 0);
    drop(first);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(second.as_mut(), &waker), Poll::Ready(Some(1)));

    // The same with senders, of every kind.
    for kind in 0..3 {
        let (tx, rx) = bounded(1);
        tx.try_send(0).unwrap();
        let (wakes, waker) = CountingWaker::new();
        let mut first: Pin<Box<dyn Future<Output = ()>>> = match kind {
            0 => Box::pin(async { tx.send(1).await.unwrap() }),
            1 => Box::pin(async { drop(tx.reserve().await) }),
            _ => Box::pin(async { tx.send_many(vec![1]).await.unwrap() }),
        };
        let mut second = pin!(tx.send(2));
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        assert_eq!(rx.try_recv(), Ok(0));
        drop(first);
        assert_eq!(wakes.wakes(), 1);
        assert!(poll(second.as_mut(), &waker).is_ready());
    }
}

/// A receiver finds the queue empty, then the channel closed; an item came in between.
#[test]
fn close_races_with_try_recv() {
    for _ in 0..2_000 {
        let (tx, rx) = bounded(1);
        let sender = thread::spawn(move || tx.try_send(7).unwrap());
        let mut got = Vec::new();
        loop {
            match rx.try_recv() {
                Ok(value) => got.push(value),
                Err(TryRecvError::Empty) => thread::yield_now(),
                Err(TryRecvError::Closed) => break,
            }
        }
        sender.join().unwrap();
        assert_eq!(got, [7]);
    }
}

/// A sender sends its last item and goes, between two checks of a receiver that is falling asleep.
#[test]
fn last_item_lost_when_the_sender_goes_between_two_checks() {
    for round in 0..2_000 {
        let (tx, rx) = bounded(1);
        let sender = thread::spawn(move || block_on(tx.send(round)).unwrap());
        let got = if round % 2 == 0 {
            block_on(async { (rx.recv().await, rx.recv().await) })
        } else {
            (rx.recv_blocking(), rx.recv_blocking())
        };
        sender.join().unwrap();
        assert_eq!(got, (Some(round), None));
    }
}

/// A future that was woken is leaked, or never polled again.
#[test]
fn forgotten_notified_future() {
    let (tx, rx) = bounded(1);
    let mut leaked = Box::pin(rx.recv());
    assert!(poll_once(leaked.as_mut()).is_pending());
    std::mem::forget(leaked);
    let other = rx.clone();
    let receiver = thread::spawn(move || (0..2).map(|_| other.recv_blocking()).collect::<Vec<_>>());
    thread::sleep(SOON);
    tx.send_blocking(1).unwrap(); // Wakes the leaked one.
    tx.send_blocking(2).unwrap(); // Cannot sleep before somebody else is awake.
    assert_eq!(receiver.join().unwrap(), [Some(1), Some(2)]);
}

/// The last permit of a closed channel comes back unused.
#[test]
fn permit_drop_fails_to_wake_a_closing_receiver() {
    for many in [false, true] {
        let (tx, rx) = bounded::<u8>(2);
        let (wakes, waker) = CountingWaker::new();
        let mut recv = pin!(rx.recv());
        assert!(poll(recv.as_mut(), &waker).is_pending());
        if many {
            let permits = tx.try_reserve_many(2).unwrap();
            tx.close();
            assert!(poll(recv.as_mut(), &waker).is_pending());
            drop(permits);
        } else {
            let permit = tx.try_reserve_owned().unwrap();
            tx.close();
            assert!(poll(recv.as_mut(), &waker).is_pending());
            drop(permit.release());
        }
        assert_eq!(wakes.wakes(), 2, "once for closing, once for the permits");
        assert_eq!(poll(recv.as_mut(), &waker), Poll::Ready(None));
    }
}

/// A wait for permits is cancelled while the channel closes: it holds nothing.
#[test]
fn cancelled_reserve_many_delays_no_end() {
    let (tx, rx) = bounded::<u8>(2);
    tx.try_send(1).unwrap();
    let mut reserve = Box::pin(tx.reserve_many(2));
    assert!(poll_once(reserve.as_mut()).is_pending());
    tx.close();
    drop(reserve);
    assert_eq!((rx.recv_blocking(), rx.recv_blocking()), (Some(1), None));
}

/// A reserved slot that is not filled must not stall the receivers behind it.
#[test]
fn idle_slot_reference_stalls_receivers() {
    let (tx, rx) = bounded(3);
    let permits = tx.try_reserve_many(2).unwrap();
    let receiver = thread::spawn(move || rx.iter().take(1_000).sum::<u32>());
    for i in 0..1_000 {
        tx.send_blocking(i).unwrap();
    }
    assert_eq!(receiver.join().unwrap(), 499_500);
    drop(permits);
}

/// Guards and futures that are leaked block nobody and corrupt nothing.
#[test]
fn leaked_guards() {
    let census = Census::default();
    let (tx, rx) = bounded(4);
    std::mem::forget(tx.try_reserve().unwrap());
    let mut send = Box::pin(tx.send(census.item(0)));
    assert!(poll_once(send.as_mut()).is_ready());
    std::mem::forget(send);
    for i in 1..3 {
        tx.try_send(census.item(i)).unwrap();
    }
    assert!(tx.is_full());
    assert!((0..3).all(|i| rx.try_recv().unwrap().id == i));
    drop(rx);
    assert_eq!(census.alive(), 0);
}

/// What a thread selects with is leaked, after it has waited.
#[test]
fn leaked_select() {
    let (tx, rx) = bounded(1);
    let mut select = Select::new();
    select.add(&rx);
    assert_eq!(select.ready_timeout(SOON), None);
    std::mem::forget(select);
    let receiver = thread::spawn({
        let rx = rx.clone();
        move || rx.recv_blocking()
    });
    tx.send_blocking(1).unwrap();
    assert_eq!(receiver.join().unwrap(), Some(1));
}

/// The other end goes away while items are being read in place.
#[test]
fn closing_while_a_slot_is_being_read() {
    let census = Census::default();
    let (mut tx, mut rx) = spsc::channel(2);
    (0..2).for_each(|i| tx.push(census.item(i)).unwrap());
    let chunk = rx.read_chunk(2).unwrap();
    drop(tx);
    assert!(chunk.as_slices().0.iter().map(|item| item.id).eq(0..2));
    chunk.commit(1);
    assert_eq!(census.alive(), 1);
    assert_eq!(rx.pop_blocking().unwrap().id, 1);
    assert!(rx.pop_blocking().is_none());
    assert_eq!((census.made(), census.alive()), (2, 0));
}

/// Closing or dropping with items queued: each is dropped once.
#[test]
fn slot_dropped_twice_on_close() {
    for queued in 0..=3 {
        let census = Census::default();
        let (tx, rx) = bounded(3);
        for i in 0..queued {
            tx.try_send(census.item(i)).unwrap();
        }
        tx.close();
        rx.close();
        drop(tx);
        assert_eq!(census.alive(), queued);
        drop(rx.try_recv().ok());
        drop(rx);
        assert_eq!((census.made(), census.alive()), (queued, 0));
    }
}

/// A stream polled by several tasks in turn, cancelled in the middle: nothing doubled.
#[test]
fn buffered_stream_of_futures_doubles_nothing() {
    let census = Census::default();
    let (tx, rx) = bounded(1);
    let sender = thread::spawn({
        let census = census.clone();
        move || (0..500).for_each(|i| tx.send_blocking(census.item(i)).unwrap())
    });
    let got = block_on(async {
        let mut got = Vec::new();
        loop {
            let mut receives: FuturesUnordered<_> = (0..3).map(|_| rx.recv()).collect();
            match receives.next().await {
                Some(Some(item)) => got.push(item.id),
                _ => return got,
            }
        } // Two receives are cancelled each time.
    });
    sender.join().unwrap();
    assert!(got.into_iter().eq(0..500));
    assert_eq!((census.made(), census.alive()), (500, 0));
}

/// A send that was never polled, or is cancelled, drops its value once.
#[test]
fn unpolled_send_future_leaks_nothing() {
    let census = Census::default();
    let (tx, _rx) = bounded(1);
    drop(tx.send(census.item(0)));
    drop(tx.send_many(vec![census.item(1), census.item(2)]));
    assert_eq!((census.made(), census.alive()), (3, 0));
    tx.try_send(census.item(3)).unwrap();
    let mut send = Box::pin(tx.send(census.item(4)));
    assert!(poll_once(send.as_mut()).is_pending());
    drop(send);
    assert_eq!(census.alive(), 1);
}

/// A waker that panics is no business of the one who wakes it, nor of the other waiters.
#[test]
fn panicking_waker_poisons_nothing() {
    let (tx, rx) = bounded(2);
    let waker = Waker::from(Arc::new(PanickingWaker));
    let (wakes, good) = CountingWaker::new();
    let mut bad = pin!(rx.recv());
    let mut well = pin!(rx.recv());
    assert!(poll(bad.as_mut(), &waker).is_pending());
    assert!(poll(well.as_mut(), &good).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(tx.try_send(2), Ok(()));
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(well.as_mut(), &good), Poll::Ready(Some(1)));
    assert_eq!(poll(bad.as_mut(), &waker), Poll::Ready(Some(2)));
    assert!(poll(bad.as_mut(), &waker).is_pending());
    assert!(tx.close());
    assert_eq!(rx.state(), State::Closed);
}

/// An item whose `Drop` panics: the others are dropped, the panic comes once, the channel works.
#[test]
fn panicking_drop_loses_nothing_else_though_a_payload_is_leaked() {
    #[derive(Debug)]
    struct Bomb(usize, Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
            assert!(
                self.0.is_multiple_of(2),
                "an item that panics when dropped, on purpose"
            );
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = bounded(4);
    for i in 0..4 {
        tx.try_send(Bomb(i, Arc::clone(&dropped))).unwrap();
    }
    let raised = catch_unwind(AssertUnwindSafe(|| drop(rx))).unwrap_err();
    assert!(
        raised
            .downcast_ref::<&str>()
            .is_some_and(|m| m.contains("on purpose"))
    );
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
    assert_eq!((tx.state(), tx.len()), (State::Closed, 0));
    assert!(tx.try_send(Bomb(0, dropped)).is_err());
}

/// The wake of a full channel goes to somebody although the first in line only wants many.
#[test]
fn two_reasons_to_wait_do_not_share_a_wake() {
    let (tx, rx) = bounded(2);
    tx.try_send_many(vec![1, 2]).unwrap();
    let waiting = tx.clone();
    let many = thread::spawn(move || drop(waiting.reserve_many_blocking(2).unwrap()));
    thread::sleep(SOON);
    let waiting = tx.clone();
    let single = thread::spawn(move || waiting.send_blocking(3).unwrap());
    thread::sleep(SOON);
    assert_eq!(rx.recv_blocking(), Some(1));
    single.join().unwrap();
    assert_eq!((rx.recv_blocking(), rx.recv_blocking()), (Some(2), Some(3)));
    many.join().unwrap();
}

/// The channel is dropped while waiters come and go: nobody hangs.
#[test]
fn ends_that_vanish_under_load_hang_nobody() {
    let began = Instant::now();
    for round in 0..200 {
        let census = Census::default();
        let (tx, rx) = bounded(1 + round % 3);
        let senders: Vec<_> = (0..2)
            .map(|s| {
                let (tx, census) = (tx.clone(), census.clone());
                thread::spawn(move || {
                    (0..)
                        .take_while(|i| tx.send_blocking(census.item(s + 2 * i)).is_ok())
                        .count()
                })
            })
            .collect();
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let rx = rx.clone();
                thread::spawn(move || block_on(rx.take(10).collect::<Vec<Item>>()).len())
            })
            .collect();
        drop((tx, rx));
        let received: usize = receivers.into_iter().map(|r| r.join().unwrap()).sum();
        let sent: usize = senders.into_iter().map(|s| s.join().unwrap()).sum();
        assert!(received <= 20 && sent >= received);
        assert_eq!(census.alive(), 0);
    }
    assert!(began.elapsed() < Duration::from_secs(60));
}

/// A receiver that waits costs no processor time; one that is woken comes at once.
#[test]
fn waiting_threads_sleep() {
    let (tx, rx) = bounded::<u8>(1);
    let stop = Arc::new(AtomicBool::new(false));
    let receivers: Vec<_> = (0..8)
        .map(|_| {
            let (rx, stop) = (rx.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                assert_eq!(rx.recv_blocking(), None);
                assert!(stop.load(Ordering::SeqCst));
            })
        })
        .collect();
    thread::sleep(SOON); // They have gone to sleep by now, or soon will.
    let before = cpu_time();
    thread::sleep(10 * SOON);
    let spent = cpu_time().zip(before).map(|(after, before)| after - before);
    stop.store(true, Ordering::SeqCst);
    drop(tx);
    receivers.into_iter().for_each(|r| r.join().unwrap());
    // Other tests run in the same process: only a spin of eight threads would show as this much.
    if let Some(spent) = spent {
        assert!(
            spent < Duration::from_secs(2),
            "{spent:?} for eight sleeping threads"
        );
    }
}

/// Processor time of this process so far, where the system tells.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// The context of the last poll is the one that is woken.
#[test]
fn a_future_that_moves_between_tasks_wakes_the_last_one() {
    let (tx, rx) = bounded(1);
    let ((first, a), (second, b)) = (CountingWaker::new(), CountingWaker::new());
    let mut recv = pin!(rx.recv());
    assert!(
        recv.as_mut()
            .poll(&mut Context::from_waker(&a))
            .is_pending()
    );
    assert!(
        recv.as_mut()
            .poll(&mut Context::from_waker(&b))
            .is_pending()
    );
    tx.try_send(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert!(recv.as_mut().poll(&mut Context::from_waker(&b)).is_ready());
}
