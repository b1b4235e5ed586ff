//! Every interleaving of small models. Named after the edge or the race each proves.
#![cfg(zc_loom)]

use std::pin::pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use zc_channel::{Receiver, RingBuffer, Sender, State, TryRecvError, TrySendError, bounded};
use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::sync::{Arc, block_on, model, thread};

/// An item that is counted when it is dropped. The counter is no part of the model.
struct Item(u32, StdArc<Count>);

impl Drop for Item {
    fn drop(&mut self) {
        self.1.fetch_add(1, Relaxed);
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn send_in_thread(tx: Sender<u32>, value: u32) -> thread::JoinHandle<()> {
    thread::spawn(move || tx.send_blocking(value).unwrap())
}

/// channel.publish: what the sender wrote is what the receiver reads.
#[test]
fn publish_then_consume() {
    model(|| {
        let (tx, rx) = bounded::<Box<u32>>(1);
        let sender = thread::spawn(move || tx.try_send(Box::new(7)).unwrap());
        match rx.try_recv() {
            Ok(value) => assert_eq!(*value, 7),
            Err(error) => assert_eq!(error, TryRecvError::Empty, "the end comes after the item"),
        }
        sender.join().unwrap();
    });
}

/// channel.free: a slot is written again only after its reader is done.
#[test]
fn free_then_reuse() {
    model(|| {
        let (tx, rx) = bounded::<Box<u32>>(1);
        tx.try_send(Box::new(1)).unwrap();
        let receiver = thread::spawn(move || *rx.try_recv().unwrap());
        match tx.try_send(Box::new(2)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => assert!(tx.capacity() == 1),
            // The receiver is dropped in the other thread.
            Err(TrySendError::Closed(_)) => assert!(tx.is_closed()),
        }
        assert_eq!(receiver.join().unwrap(), 1);
    });
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
    model(|| {
        let (tx, rx) = bounded(1);
        let sender = send_in_thread(tx, 5);
        assert_eq!(rx.recv_blocking(), Some(5));
        sender.join().unwrap();
    });
}

/// A waiting receive future is woken by a send.
#[test]
fn send_wakes_a_waiting_future() {
    model(|| {
        let (tx, rx) = bounded(1);
        let sender = send_in_thread(tx, 5);
        assert_eq!(block_on(rx.recv()), Some(5));
        sender.join().unwrap();
    });
}

/// Full against receive: a sender that finds no room is woken by the receive that makes some.
#[test]
fn receive_wakes_a_sender_that_found_it_full() {
    model(|| {
        let (tx, rx) = bounded(1);
        tx.try_send(1).unwrap();
        let sender = send_in_thread(tx, 2);
        assert_eq!(rx.recv_blocking(), Some(1));
        sender.join().unwrap();
        assert_eq!(rx.recv_blocking(), Some(2));
        assert_eq!(rx.recv_blocking(), None);
    });
}

/// The same with a future on the sending side.
#[test]
fn receive_wakes_a_send_future_that_found_it_full() {
    model(|| {
        let (tx, rx) = bounded(1);
        tx.try_send(1).unwrap();
        let sender = thread::spawn(move || block_on(tx.send(2)).unwrap());
        assert_eq!(rx.try_recv(), Ok(1));
        sender.join().unwrap();
        assert_eq!(rx.try_recv(), Ok(2));
    });
}

/// `Closed` is never said while an item is left: no room between the two checks.
#[test]
fn close_against_try_recv() {
    model(|| {
        let (tx, rx) = bounded(1);
        let sender = thread::spawn(move || {
            tx.try_send(1).unwrap();
            tx.close();
        });
        match rx.try_recv() {
            Ok(1) => assert_ne!(rx.try_recv(), Ok(1)),
            Err(TryRecvError::Empty) => {}
            other => panic!("an item was sent before the end: {other:?}"),
        }
        sender.join().unwrap();
    });
}

/// A send that races with `close` is either received or gives its value back.
#[test]
fn close_against_send() {
    model(|| {
        let (tx, rx) = bounded(1);
        let sender = thread::spawn(move || tx.try_send(1));
        rx.close();
        let received = rx.recv_blocking();
        match sender.join().unwrap() {
            Ok(()) => assert_eq!(received, Some(1)),
            Err(error) => assert_eq!((error, received), (TrySendError::Closed(1), None)),
        }
        assert_eq!(rx.state(), State::Closed);
    });
}

/// Closing wakes a parked receiver.
#[test]
fn close_wakes_a_parked_receiver() {
    model(|| {
        let (tx, rx) = bounded::<u32>(1);
        let closer = thread::spawn(move || drop(tx));
        assert_eq!(rx.recv_blocking(), None);
        closer.join().unwrap();
    });
}

/// Closing wakes a parked sender, whose value comes back.
#[test]
fn close_wakes_a_parked_sender() {
    model(|| {
        let (tx, rx) = bounded::<u32>(1);
        tx.try_send(1).unwrap();
        let sender = thread::spawn(move || tx.send_blocking(2).unwrap_err().into_inner());
        rx.close();
        assert_eq!(sender.join().unwrap(), 2);
    });
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
        let sender = thread::spawn(move || {
            tx.try_send(1).unwrap();
            tx // No closing, which would wake everybody.
        });
        drop(cancelled);
        assert_eq!(receiver.join().unwrap(), Some(1));
        drop(sender.join().unwrap());
    });
}

/// A send that was woken and is cancelled passes the wake on, and `take` has its value.
#[test]
fn cancelled_send_passes_the_wake_on() {
    model(|| {
        let (tx, rx) = bounded(1);
        tx.try_send(1).unwrap();
        let other = tx.clone();
        let mut cancelled = pin!(tx.send(2));
        assert!(poll_once(cancelled.as_mut()).is_pending());
        let sender = send_in_thread(other, 3);
        let receiver = thread::spawn(move || {
            assert_eq!(rx.try_recv(), Ok(1));
            rx
        });
        assert_eq!(cancelled.as_mut().take(), Some(2));
        sender.join().unwrap();
        assert_eq!(receiver.join().unwrap().try_recv(), Ok(3));
    });
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
        let receiver = thread::spawn(move || {
            assert_eq!(other.recv_blocking(), Some(1));
            assert_eq!(other.recv_blocking(), Some(2));
        });
        tx.send_blocking(1).unwrap(); // May wake the forgotten one.
        tx.send_blocking(2).unwrap();
        receiver.join().unwrap();
        std::mem::forget(forgotten);
    });
}

/// The last receiver drops what is queued; a send that races with it is dropped or refused, once.
#[test]
fn last_receiver_against_send() {
    model(|| {
        let dropped = StdArc::new(Count::new(0));
        let (tx, rx) = bounded(2);
        tx.try_send(Item(1, StdArc::clone(&dropped))).ok().unwrap();
        let late = Item(2, StdArc::clone(&dropped));
        let sender = thread::spawn(move || {
            let sent = tx.try_send(late);
            assert!(sent.as_ref().err().is_none_or(TrySendError::is_closed));
            if let Err(back) = sent {
                assert_eq!(back.into_inner().0, 2);
            }
            tx
        });
        drop(rx);
        let tx = sender.join().unwrap();
        assert_eq!(dropped.load(Relaxed), 2, "at once, not with the channel");
        assert_eq!((tx.state(), tx.len()), (State::Closed, 0));
    });
}

/// The last receiver wakes a parked sender.
#[test]
fn last_receiver_wakes_a_parked_sender() {
    model(|| {
        let (tx, rx) = bounded::<u32>(1);
        tx.try_send(1).unwrap();
        let receiver = thread::spawn(move || drop(rx));
        assert_eq!(tx.send_blocking(2).unwrap_err().into_inner(), 2);
        receiver.join().unwrap();
    });
}

/// Two senders drop at once: one of them closes.
#[test]
fn last_of_two_senders_closes() {
    model(|| {
        let (tx, rx) = bounded::<u32>(1);
        let other = tx.clone();
        let sender = thread::spawn(move || drop(other));
        drop(tx);
        assert_eq!(end_of(&rx), 0);
        sender.join().unwrap();
        assert_eq!(rx.state(), State::Closed);
    });
}

fn end_of(rx: &Receiver<u32>) -> usize {
    rx.iter().count()
}

/// `closed()` is woken by the last receiver.
#[test]
fn closed_is_woken_by_the_last_receiver() {
    model(|| {
        let (tx, rx) = bounded::<u32>(1);
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        receiver.join().unwrap();
    });
}
