//! What is published, freed and shared.

use zc_channel::{RingBuffer, TryRecvError, bounded};
use zc_core::sync::{Arc, model, thread};

use super::{one_place_full, race};

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

/// A forced send races with a receive: the old item goes to exactly one of them, and the channel
/// is not empty in between.
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
