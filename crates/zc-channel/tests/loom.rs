//! Every interleaving of small models. Named after the edge or the race each proves.
//!
//! loom's partial-order reduction remembers one last access per atomic. "Thread A loads; thread B
//! loads, then compare-exchanges" therefore hides that B's exchange could have come before A's
//! load. A model in which A and B swap roles does see it: [`race`] explores both.
#![cfg(zc_loom)]

use std::pin::pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use zc_channel::{Receiver, RingBuffer, Sender, State, TryRecvError, TrySendError, bounded};
use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::sync::{Arc, block_on, model, thread};

/// An item that is counted when it is dropped. The counter is no part of the model.
#[derive(Debug)]
struct Item(u32, StdArc<Count>);

impl Drop for Item {
    fn drop(&mut self) {
        self.1.fetch_add(1, Relaxed);
    }
}

/// Runs `a` and `b` against each other on what `setup` makes, each in the first thread once.
fn race<L: 'static, R: 'static, X: 'static, Y: 'static>(
    setup: fn() -> (L, R),
    a: fn(L) -> X,
    b: fn(R) -> Y,
    check: fn(X, Y),
) where
    (L, R, X, Y): Send,
{
    model(move || {
        let (left, right) = setup();
        let spawned = thread::spawn(move || b(right));
        let x = a(left);
        check(x, spawned.join().unwrap());
    });
    model(move || {
        let (left, right) = setup();
        let spawned = thread::spawn(move || a(left));
        let y = b(right);
        check(spawned.join().unwrap(), y);
    });
}

fn one_place() -> (Sender<u32>, Receiver<u32>) {
    bounded(1)
}

/// One place, taken by a 1.
fn one_place_full() -> (Sender<u32>, Receiver<u32>) {
    let (tx, rx) = bounded(1);
    tx.try_send(1).unwrap();
    (tx, rx)
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Sends, and keeps the sender: closing would wake everybody.
fn send_in_thread(tx: Sender<u32>, value: u32) -> thread::JoinHandle<Sender<u32>> {
    thread::spawn(move || {
        tx.send_blocking(value).unwrap();
        tx
    })
}

/// channel.publish: what the sender wrote is what the receiver reads.
#[test]
fn publish_then_consume() {
    race(
        || bounded::<Box<u32>>(1),
        |tx| tx.try_send(Box::new(7)).unwrap(),
        |rx| {
            match rx.try_recv() {
                Ok(value) => assert_eq!(*value, 7),
                Err(error) => assert_eq!(error, TryRecvError::Empty, "the end comes later"),
            }
            rx
        },
        |(), _rx| {},
    );
}

/// channel.free: a slot is written again only after its reader is done.
#[test]
fn free_then_reuse() {
    race(
        || {
            let (tx, rx) = bounded::<Box<u32>>(1);
            tx.try_send(Box::new(1)).unwrap();
            (tx, rx)
        },
        |tx| {
            let sent = tx.try_send(Box::new(2));
            (tx, sent.is_ok())
        },
        |rx| (*rx.try_recv().unwrap(), rx),
        |(tx, sent), (first, rx)| {
            assert_eq!(first, 1);
            assert_eq!((tx.len(), tx.is_full()), (usize::from(sent), sent));
            drop(tx);
            assert_eq!(rx.try_recv().ok(), sent.then(|| Box::new(2)));
        },
    );
}

/// The bare buffer: two pushers, one place, one popper; nothing lost, nothing twice.
#[test]
fn ring_buffer_two_pushers_one_place() {
    model(|| {
        let buffer = Arc::new(RingBuffer::new(1));
        let pushers = [1_u32, 2].map(|v| {
            let buffer = Arc::clone(&buffer);
            thread::spawn(move || buffer.push(v).is_ok())
        });
        let first = buffer.pop();
        let pushed = pushers.map(|p| p.join().unwrap());
        let rest = [buffer.pop(), buffer.pop()];
        let popped = first.iter().chain(rest.iter().flatten()).count();
        assert_eq!(popped, pushed.iter().filter(|&&p| p).count());
        assert!(pushed[0] || pushed[1]);
        if pushed == [true, true] {
            assert_eq!(first.unwrap() + rest[0].unwrap(), 3);
        }
    });
}

/// Two receivers, one item each at most, each item once.
#[test]
fn two_receivers_share_two_items() {
    model(|| {
        let (tx, rx) = bounded::<u32>(2);
        tx.try_send(1).unwrap();
        tx.try_send(2).unwrap();
        let other = rx.clone();
        let receiver = thread::spawn(move || other.try_recv().unwrap());
        let mine = rx.try_recv().unwrap();
        assert_eq!(mine + receiver.join().unwrap(), 3);
        assert!(rx.is_empty());
    });
}

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

/// A batch that fits becomes visible at once.
#[test]
fn batch_becomes_visible_at_once() {
    race(
        || bounded::<u32>(2),
        |tx| tx.try_send_many(vec![1, 2]).unwrap(),
        |rx| {
            let mut got = Vec::with_capacity(2);
            match rx.try_recv_many(&mut got, 2) {
                Ok(_) => assert_eq!(got, [1, 2]),
                Err(error) => assert_eq!(error, TryRecvError::Empty),
            }
            rx
        },
        |(), _rx| {},
    );
}

/// A batch larger than the channel goes in pieces against a batch receiver.
#[test]
fn batches_in_pieces() {
    race(
        one_place,
        |tx| tx.send_many_blocking(vec![1, 2]).unwrap(),
        |rx| {
            let mut got = Vec::with_capacity(2);
            assert_eq!(rx.recv_many_blocking(&mut got, 2), 1);
            (rx, got)
        },
        |(), (rx, mut got)| {
            assert_eq!(rx.try_recv_many(&mut got, 2), Ok(1));
            assert_eq!(got, [1, 2]);
        },
    );
}

/// A forced send races with a receive: the old item goes to exactly one of them.
#[test]
fn force_send_against_receive() {
    race(
        one_place_full,
        |tx| (tx.force_send(2).unwrap(), tx),
        |rx| (rx.try_recv(), rx),
        |(evicted, _tx), (received, rx)| {
            let left = rx.try_recv().ok();
            match (evicted, received) {
                (Some(1), Ok(2)) => assert_eq!(left, None),
                (Some(1), Err(TryRecvError::Empty)) => assert_eq!(left, Some(2)),
                (None, Ok(1)) => assert_eq!(left, Some(2)),
                other => panic!("lost or doubled: {other:?}"),
            }
        },
    );
}

/// Two forced sends: each pushes out one item, and the capacity holds.
#[test]
fn force_send_against_force_send() {
    race(
        || {
            let (tx, rx) = one_place_full();
            (tx.clone(), (tx, rx))
        },
        |tx| tx.force_send(2).unwrap().unwrap(),
        |(tx, rx)| (tx.force_send(3).unwrap().unwrap(), rx),
        |first, (second, rx)| {
            assert_eq!(rx.len(), 1);
            assert_eq!(first + second + rx.try_recv().unwrap(), 1 + 2 + 3);
        },
    );
}

/// A forced send never takes the room of a permit.
#[test]
fn force_send_against_permit() {
    race(
        || {
            let (tx, rx) = bounded(1);
            let permit = tx.try_reserve_owned().unwrap();
            (tx, (permit, rx))
        },
        |tx| tx.force_send(2),
        |(permit, rx)| (permit.send(1), rx),
        |forced, (_tx, rx)| match forced {
            Ok(evicted) => {
                assert_eq!((evicted, rx.try_recv()), (Some(1), Ok(2)));
            }
            Err(refused) => assert_eq!((refused.into_inner(), rx.try_recv()), (2, Ok(1))),
        },
    );
}
