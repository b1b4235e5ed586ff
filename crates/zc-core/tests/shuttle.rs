//! Bigger models under random schedules: four threads, where loom explores two or three.

#![cfg(zc_shuttle)]

use std::pin::pin;

use zc_core::SharedBuffer;
use zc_core::sync::atomic::{AtomicUsize, Ordering::*};
use zc_core::sync::{Arc, block_on, model, thread};
use zc_core::wait::{WaitList, WaitStrategy};

struct Things {
    ready: AtomicUsize,
    list: WaitList,
}

impl Things {
    fn put(&self) {
        self.ready.fetch_add(1, SeqCst);
        self.list.notify(1);
    }

    fn take(&self) -> Option<()> {
        let taken = self
            .ready
            .fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
        taken.ok().map(drop)
    }

    async fn take_async(&self) {
        let mut waiter = pin!(self.list.waiter());
        std::future::poll_fn(|cx| waiter.as_mut().poll_until(cx, || self.take())).await;
    }
}

/// Two threads and two tasks, one of which gives up in between, take as many things as there are.
#[test]
fn threads_and_tasks_wait_in_one_list() {
    model(|| {
        let things = Arc::new(Things {
            ready: AtomicUsize::new(0),
            list: WaitList::new(),
        });
        let takers: Vec<_> = (0..3)
            .map(|i| {
                let things = Arc::clone(&things);
                thread::spawn(move || match i {
                    0 => things
                        .list
                        .block_until(WaitStrategy::Park, None, || things.take())
                        .unwrap(),
                    1 => block_on(things.take_async()),
                    _ => {
                        {
                            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                            let mut given_up = pin!(things.take_async());
                            if Future::poll(given_up.as_mut(), &mut cx).is_ready() {
                                return;
                            }
                            thread::yield_now();
                        }
                        block_on(things.take_async());
                    }
                })
            })
            .collect();
        for _ in 0..3 {
            things.put();
        }
        for taker in takers {
            taker.join().unwrap();
        }
        assert_eq!(things.ready.load(SeqCst), 0);
        assert_eq!(things.list.waiting(), 0);
    });
}

#[test]
fn four_threads_share_a_buffer() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u32; 2]);
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let buffer = buffer.clone();
                thread::spawn(move || {
                    if i % 2 == 0 {
                        let mut guard = buffer.write().unwrap();
                        guard[0] += 1;
                        guard[1] += 1;
                    } else {
                        let snapshot = buffer.snapshot().unwrap();
                        assert_eq!(snapshot[0], snapshot[1]);
                        let guard = block_on(buffer.read_async()).unwrap();
                        assert_eq!(guard[0], guard[1]);
                        assert!(guard[0] >= snapshot[0]);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*buffer.read().unwrap(), [2, 2]);
    });
}

/// Readers that come again and again, by slot and counted, and a writer that sleeps until they are
/// out: everybody gets in, and afterwards nobody is kept out.
#[test]
fn readers_come_again_and_again_beside_a_writer() {
    model(|| {
        let buffer = SharedBuffer::from_vec(vec![0_u32; 2]);
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let buffer = buffer.clone();
                thread::spawn(move || {
                    for _ in 0..3 {
                        let guard = buffer.read().unwrap();
                        assert_eq!(guard[0], guard[1]);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            let mut guard = buffer.write().unwrap();
            guard[0] += 1;
            guard[1] += 1;
        }
        assert_eq!(*buffer.read().unwrap(), [2, 2]);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
