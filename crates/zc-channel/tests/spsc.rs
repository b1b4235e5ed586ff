//! One producer, one consumer: items, chunks, waits, either end gone.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::thread;

use common::{Census, CountingWaker, poll};
use proptest::prelude::*;
use zc_channel::spsc::{ChunkError, channel, try_channel};
use zc_channel::{CapacityError, MAX_CAPACITY, ReserveError, SendError};
use zc_core::sync::atomic::{AtomicUsize, Ordering};
use zc_core::sync::block_on;

#[test]
fn capacity_is_exact() {
    for capacity in [1, 2, 3, 4, 5, 64, 100] {
        let (mut tx, mut rx) = channel(capacity);
        assert_eq!(
            (tx.capacity(), rx.capacity(), tx.free_len()),
            (capacity, capacity, capacity)
        );
        for lap in 0..3 {
            for i in 0..capacity {
                assert!(!tx.is_full());
                tx.push((lap, i)).unwrap();
            }
            assert!(tx.is_full());
            assert_eq!(tx.push((9, 9)), Err((9, 9)));
            assert_eq!((tx.len(), rx.len()), (capacity, capacity));
            assert!((0..capacity).all(|i| rx.pop() == Some((lap, i))));
            assert_eq!(rx.pop(), None);
            assert!(tx.is_empty() && rx.is_empty());
        }
    }
    assert_eq!(try_channel::<u8>(0).unwrap_err(), CapacityError::Zero);
    assert!(matches!(
        try_channel::<u8>(MAX_CAPACITY + 1).unwrap_err(),
        CapacityError::TooLarge { .. }
    ));
    assert!(matches!(
        try_channel::<[u8; 1 << 24]>(MAX_CAPACITY).unwrap_err(),
        CapacityError::OutOfMemory { .. }
    ));
}

#[test]
fn order_and_wake_ups_between_threads() {
    const ITEMS: usize = 20_000;
    for capacity in [1, 3, 64] {
        let (mut tx, mut rx) = channel(capacity);
        let census = Census::default();
        thread::scope(|s| {
            s.spawn(|| {
                for i in 0..ITEMS {
                    if i % 2 == 0 {
                        tx.push_blocking(census.item(i)).unwrap();
                    } else {
                        block_on(tx.push_async(census.item(i))).unwrap();
                    }
                }
                drop(tx);
            });
            for i in 0..ITEMS {
                let item = if i % 3 == 0 {
                    block_on(rx.pop_async())
                } else {
                    rx.pop_blocking()
                };
                assert_eq!(item.unwrap().id, i);
            }
            assert!(rx.pop_blocking().is_none() && rx.is_abandoned());
            assert!(block_on(rx.pop_async()).is_none());
        });
        assert_eq!((census.made(), census.alive()), (ITEMS, 0));
    }
}

#[test]
fn chunks_between_threads() {
    const ITEMS: usize = 30_000;
    let (mut tx, mut rx) = channel::<usize>(7);
    thread::scope(|s| {
        s.spawn(move || {
            let mut next = 0;
            while next < ITEMS {
                let want = (1 + next % 5).min(ITEMS - next);
                tx.wait_room_blocking(want).unwrap();
                let mut chunk = tx.write_chunk(want).unwrap();
                let (a, b) = chunk.as_mut_slices();
                for slot in a.iter_mut().chain(b) {
                    *slot = next;
                    next += 1;
                }
                chunk.commit_all();
            }
        });
        let mut next = 0;
        loop {
            let count = rx.wait_items_blocking(3);
            if count == 0 {
                break;
            }
            let chunk = rx.read_chunk(count.min(3)).unwrap();
            let (a, b) = chunk.as_slices();
            for item in a.iter().chain(b) {
                assert_eq!(*item, next);
                next += 1;
            }
            chunk.commit_all();
        }
        assert_eq!(next, ITEMS);
    });
}

#[test]
fn a_missing_consumer_gives_values_back_and_items_are_dropped_at_once() {
    let census = Census::default();
    let (mut tx, rx) = channel(4);
    tx.push(census.item(1)).unwrap();
    tx.push(census.item(2)).unwrap();
    drop(rx);
    assert_eq!(census.alive(), 0);
    assert!(tx.is_abandoned());
    assert_eq!(tx.push(census.item(3)).unwrap_err().id, 3);
    let SendError(back) = tx.push_blocking(census.item(4)).unwrap_err();
    assert_eq!(back.id, 4);
    assert_eq!(block_on(tx.wait_room(1)), Err(ReserveError::Closed));
    assert_eq!(tx.write_chunk_uninit(1).unwrap_err().available, 0);
}

#[test]
fn a_missing_producer_ends_a_wait_and_leaves_its_items() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(4);
    tx.push(census.item(1)).unwrap();
    let waiting = thread::spawn(move || (rx.wait_items_blocking(3), rx));
    drop(tx);
    let (count, mut rx) = waiting.join().unwrap();
    assert_eq!(count, 1, "all that there will be");
    assert_eq!(rx.pop().unwrap().id, 1);
    assert_eq!(rx.wait_items_blocking(9), 0);
}

#[test]
fn cancelled_waits_lose_nothing() {
    let (mut tx, mut rx) = channel(2);
    let (wakes, waker) = CountingWaker::new();
    {
        let mut pop = pin!(rx.pop_async());
        assert!(poll(pop.as_mut(), &waker).is_pending());
        tx.push(1).unwrap();
        assert_eq!(wakes.wakes(), 1);
    }
    assert_eq!(rx.pop(), Some(1));
    tx.push(2).unwrap();
    tx.push(3).unwrap();
    {
        let mut room = pin!(tx.wait_room(2));
        assert!(poll(room.as_mut(), &waker).is_pending());
        assert_eq!(rx.pop(), Some(2));
        assert!(poll(room.as_mut(), &waker).is_pending());
    }
    assert_eq!(rx.pop(), Some(3));
    assert_eq!(poll(pin!(tx.wait_room(2)), &waker), Poll::Ready(Ok(())));
    let too_many = tx.wait_room_blocking(3).unwrap_err();
    assert!(matches!(
        too_many,
        ReserveError::TooMany {
            requested: 3,
            capacity: 2
        }
    ));
}

#[test]
fn chunks_that_are_not_committed_change_nothing() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(3);
    assert_eq!(
        tx.write_chunk_uninit(4).unwrap_err(),
        ChunkError {
            requested: 4,
            available: 3
        }
    );
    let _ = tx.write_chunk_uninit(3).unwrap();
    assert!(tx.is_empty());
    assert_eq!(
        tx.write_chunk_uninit(3)
            .unwrap()
            .fill_from_iter((0..2).map(|i| census.item(i))),
        2
    );
    assert_eq!(
        rx.read_chunk(3).unwrap_err(),
        ChunkError {
            requested: 3,
            available: 2
        }
    );
    let _ = rx.read_chunk(2).unwrap();
    assert_eq!((rx.len(), census.alive()), (2, 2));
    rx.read_chunk(2).unwrap().commit(1);
    assert_eq!((rx.len(), census.alive()), (1, 1));
    assert_eq!(rx.read_chunk(1).unwrap().into_iter().next().unwrap().id, 1);
    assert_eq!((rx.len(), census.alive()), (0, 0));
}

#[test]
fn a_partly_committed_write_chunk_drops_the_other_values() {
    #[derive(Debug)]
    struct Counted;
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    impl Default for Counted {
        fn default() -> Self {
            ALIVE.fetch_add(1, Ordering::Relaxed);
            Self
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let (mut tx, mut rx) = channel::<Counted>(4);
    tx.write_chunk(3).unwrap().commit(1);
    assert_eq!((ALIVE.load(Ordering::Relaxed), rx.len()), (1, 1));
    drop(tx.write_chunk(3).unwrap());
    assert_eq!((ALIVE.load(Ordering::Relaxed), rx.len()), (1, 1));
    drop(rx.pop());
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
}

#[test]
fn a_leaked_chunk_doubles_nothing() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(4);
    for i in 0..3 {
        tx.push(census.item(i)).unwrap();
    }
    let mut taken = rx.read_chunk(3).unwrap().into_iter();
    assert_eq!(taken.next().unwrap().id, 0);
    mem::forget(taken);
    assert_eq!(rx.len(), 2);
    assert_eq!(rx.pop().unwrap().id, 1);
    let mut taken = rx.read_chunk(1).unwrap().into_iter();
    assert_eq!(taken.next().unwrap().id, 2);
    mem::forget(taken);
    drop(rx);
    drop(tx);
    assert_eq!((census.made(), census.alive()), (3, 0));
}

#[test]
fn panics_lose_only_what_they_must() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(4);
    let raised = catch_unwind(AssertUnwindSafe(|| {
        let items = (0..3).map(|i| {
            if i < 2 {
                census.item(i)
            } else {
                panic!("on purpose")
            }
        });
        tx.write_chunk_uninit(3).unwrap().fill_from_iter(items);
    }));
    assert!(raised.is_err());
    assert_eq!((census.made(), census.alive(), rx.len()), (2, 0, 0));
    assert!(rx.pop().is_none());

    struct Bomb<'a>(bool, &'a AtomicUsize);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
            assert!(!self.0, "an item that panics when dropped, on purpose");
        }
    }
    let dropped = AtomicUsize::new(0);
    let (mut tx, mut rx) = channel(4);
    for i in 0..4 {
        assert!(tx.push(Bomb(i == 1, &dropped)).is_ok());
    }
    let raised = catch_unwind(AssertUnwindSafe(|| rx.read_chunk(3).unwrap().commit_all()));
    assert!(raised.is_err());
    assert_eq!((dropped.load(Ordering::Relaxed), rx.len()), (3, 1));
    assert_eq!(tx.free_len(), 3);
}

#[test]
fn ends_may_go_where_items_may() {
    fn sendable<T: Send>(_: &T) {}
    let (tx, rx) = channel::<std::cell::Cell<u8>>(1);
    sendable(&tx);
    sendable(&rx);
}

#[derive(Debug, Clone)]
enum Step {
    Push,
    Pop,
    Write(usize, usize),
    Read(usize, usize),
    Take(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Push),
        Just(Step::Pop),
        (0_usize..6, 0_usize..6).prop_map(|(n, k)| Step::Write(n, k)),
        (0_usize..6, 0_usize..6).prop_map(|(n, k)| Step::Read(n, k)),
        (0_usize..6, 0_usize..6).prop_map(|(n, k)| Step::Take(n, k)),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_queue(
        capacity in 1_usize..6,
        steps in prop::collection::vec(step(), 0..100),
    ) {
        let (mut tx, mut rx) = channel::<u32>(capacity);
        let mut model = VecDeque::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Push => {
                    prop_assert_eq!(tx.push(next).is_ok(), model.len() < capacity);
                    if model.len() < capacity {
                        model.push_back(next);
                    }
                    next += 1;
                }
                Step::Pop => prop_assert_eq!(rx.pop(), model.pop_front()),
                Step::Write(count, commit) => match tx.write_chunk(count) {
                    Ok(mut chunk) => {
                        let commit = commit.min(count);
                        let (a, b) = chunk.as_mut_slices();
                        prop_assert_eq!(a.len() + b.len(), count);
                        for slot in a.iter_mut().chain(b).take(commit) {
                            *slot = next;
                            model.push_back(next);
                            next += 1;
                        }
                        chunk.commit(commit);
                    }
                    Err(error) => {
                        prop_assert_eq!(error.available, capacity - model.len());
                        prop_assert!(count > error.available);
                    }
                },
                Step::Read(count, commit) => match rx.read_chunk(count) {
                    Ok(chunk) => {
                        let commit = commit.min(count);
                        let (a, b) = chunk.as_slices();
                        prop_assert!(a.iter().chain(b).eq(model.iter().take(count)));
                        chunk.commit(commit);
                        model.drain(..commit);
                    }
                    Err(error) => prop_assert_eq!(error.available, model.len()),
                },
                Step::Take(count, take) => if let Ok(chunk) = rx.read_chunk(count) {
                    let take = take.min(count);
                    let taken: Vec<_> = chunk.into_iter().take(take).collect();
                    prop_assert!(taken.into_iter().eq(model.drain(..take)));
                },
            }
            prop_assert_eq!(rx.len(), model.len());
            prop_assert_eq!(tx.free_len(), capacity - model.len());
        }
    }
}
