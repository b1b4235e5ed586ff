//! The peers that take long to build.

use kanal::{AsyncReceiver, AsyncSender};
use thingbuf::mpsc as thing;
use zc_benches::Cell;

use crate::ends::{AsyncRx, AsyncTx, BlockingRx, BlockingTx, ends};
use crate::message::Message;
use crate::work::{Shape, many, one, pair, run_mixed_to_task, run_mixed_to_thread, run_tasks};
use crate::work::{run_threads, single};

type FireSpsc<M> = crossfire::spsc::Array<M>;
type FireMpsc<M> = crossfire::mpsc::Array<M>;
type FireMpmc<M> = crossfire::mpmc::Array<M>;

ends! {
    BlockingTx for flume::Sender<M>: |tx, m| flume::Sender::send(tx, m).is_ok();
    BlockingRx for flume::Receiver<M>: |rx| flume::Receiver::recv(rx).ok();
    AsyncTx for flume::Sender<M>: |tx, m| tx.send_async(m).await.is_ok();
    AsyncRx for flume::Receiver<M>: |rx| rx.recv_async().await.ok();

    BlockingTx for kanal::Sender<M>: |tx, m| kanal::Sender::send(tx, m).is_ok();
    BlockingRx for kanal::Receiver<M>: |rx| kanal::Receiver::recv(rx).ok();
    AsyncTx for AsyncSender<M>: |tx, m| AsyncSender::send(tx, m).await.is_ok();
    AsyncRx for AsyncReceiver<M>: |rx| AsyncReceiver::recv(rx).await.ok();

    BlockingTx for async_channel::Sender<M>: |tx, m| tx.send_blocking(m).is_ok();
    BlockingRx for async_channel::Receiver<M>: |rx| rx.recv_blocking().ok();
    AsyncTx for async_channel::Sender<M>: |tx, m| async_channel::Sender::send(tx, m).await.is_ok();
    AsyncRx for async_channel::Receiver<M>: |rx| async_channel::Receiver::recv(rx).await.ok();

    BlockingTx for thing::blocking::Sender<M>: |tx, m| thing::blocking::Sender::send(tx, m).is_ok();
    BlockingRx for thing::blocking::Receiver<M>: |rx| thing::blocking::Receiver::recv(rx);
    AsyncTx for thing::Sender<M>: |tx, m| thing::Sender::send(tx, m).await.is_ok();
    AsyncRx for thing::Receiver<M>: |rx| thing::Receiver::recv(rx).await;

    BlockingTx for crossfire::Tx<FireSpsc<M>>: |tx, m| crossfire::Tx::send(tx, m).is_ok();
    BlockingRx for crossfire::Rx<FireSpsc<M>>: |rx| crossfire::Rx::recv(rx).ok();
    BlockingTx for crossfire::MTx<FireMpsc<M>>: |tx, m| crossfire::Tx::send(tx, m).is_ok();
    BlockingRx for crossfire::Rx<FireMpsc<M>>: |rx| crossfire::Rx::recv(rx).ok();
    BlockingTx for crossfire::MTx<FireMpmc<M>>: |tx, m| crossfire::Tx::send(tx, m).is_ok();
    BlockingRx for crossfire::MRx<FireMpmc<M>>: |rx| crossfire::Rx::recv(rx).ok();
    AsyncTx for crossfire::MAsyncTx<FireMpsc<M>>:
        |tx, m| crossfire::AsyncTx::send(tx, m).await.is_ok();
    AsyncRx for crossfire::AsyncRx<FireMpsc<M>>: |rx| crossfire::AsyncRx::recv(rx).await.ok();
    AsyncTx for crossfire::MAsyncTx<FireMpmc<M>>:
        |tx, m| crossfire::AsyncTx::send(tx, m).await.is_ok();
    AsyncRx for crossfire::MAsyncRx<FireMpmc<M>>: |rx| crossfire::AsyncRx::recv(rx).await.ok();
}

/// A queue that does not wait: in the cells where nobody has to.
struct Concurrent<M>(std::sync::Arc<concurrent_queue::ConcurrentQueue<M>>);

ends! {
    BlockingTx for Concurrent<M>: |tx, m| tx.0.push(m).is_ok();
    BlockingRx for Concurrent<M>: |rx| rx.0.pop().ok();
}

fn concurrent<M>(capacity: usize) -> (Concurrent<M>, Concurrent<M>) {
    let queue = std::sync::Arc::new(concurrent_queue::ConcurrentQueue::bounded(capacity));
    (Concurrent(queue.clone()), Concurrent(queue))
}

pub(crate) fn pair_sync<M: Message>(cell: Cell<'_>, cap: usize) -> Cell<'_> {
    cell.peer("flume", move |n| pair::<M, _, _>(n, flume::bounded(cap)))
        .peer("kanal", move |n| pair::<M, _, _>(n, kanal::bounded(cap)))
        .peer("async-channel", move |n| {
            pair::<M, _, _>(n, async_channel::bounded(cap))
        })
        .peer("thingbuf", move |n| {
            pair::<M, _, _>(n, thing::blocking::channel(cap))
        })
        .peer("concurrent-queue", move |n| {
            pair::<M, _, _>(n, concurrent(cap))
        })
        .peer("crossfire spsc", move |n| {
            pair::<M, _, _>(n, crossfire::spsc::bounded_blocking(cap))
        })
        .peer("crossfire mpmc", move |n| {
            pair::<M, _, _>(n, crossfire::mpmc::bounded_blocking(cap))
        })
}

pub(crate) fn pair_async<M: Message>(cell: Cell<'_>, cap: usize) -> Cell<'_> {
    use crate::work::pair_async as pair;
    cell.peer("flume", move |n| pair::<M, _, _>(n, flume::bounded(cap)))
        .peer("kanal", move |n| {
            pair::<M, _, _>(n, kanal::bounded_async(cap))
        })
        .peer("async-channel", move |n| {
            pair::<M, _, _>(n, async_channel::bounded(cap))
        })
        .peer("thingbuf", move |n| pair::<M, _, _>(n, thing::channel(cap)))
        .peer("crossfire mpsc", move |n| {
            pair::<M, _, _>(n, crossfire::mpsc::bounded_async(cap))
        })
        .peer("crossfire mpmc", move |n| {
            pair::<M, _, _>(n, crossfire::mpmc::bounded_async(cap))
        })
}

pub(crate) fn threads<M: Message>(cell: Cell<'_>, s: Shape) -> Cell<'_> {
    let cap = s.capacity;
    let mut cell = cell
        .peer("flume", move |n| {
            run_threads::<M, _, _>(n, many(s, flume::bounded(cap)))
        })
        .peer("kanal", move |n| {
            run_threads::<M, _, _>(n, many(s, kanal::bounded(cap)))
        })
        .peer("async-channel", move |n| {
            run_threads::<M, _, _>(n, many(s, async_channel::bounded(cap)))
        })
        .peer("crossfire mpmc", move |n| {
            run_threads::<M, _, _>(n, many(s, crossfire::mpmc::bounded_blocking(cap)))
        });
    if s.senders == 1 {
        cell = cell.peer("crossfire spsc", move |n| {
            run_threads::<M, _, _>(n, single(crossfire::spsc::bounded_blocking(cap)))
        });
    }
    if s.receivers == 1 {
        cell = cell
            .peer("crossfire mpsc", move |n| {
                run_threads::<M, _, _>(n, one(s, crossfire::mpsc::bounded_blocking(cap)))
            })
            .peer("thingbuf", move |n| {
                run_threads::<M, _, _>(n, one(s, thing::blocking::channel(cap)))
            });
    }
    cell
}

pub(crate) fn tasks<M: Message>(cell: Cell<'_>, s: Shape) -> Cell<'_> {
    let cap = s.capacity;
    let mut cell = cell
        .peer("flume", move |n| {
            run_tasks::<M, _, _>(n, many(s, flume::bounded(cap)))
        })
        .peer("kanal", move |n| {
            run_tasks::<M, _, _>(n, many(s, kanal::bounded_async(cap)))
        })
        .peer("async-channel", move |n| {
            run_tasks::<M, _, _>(n, many(s, async_channel::bounded(cap)))
        })
        .peer("crossfire mpmc", move |n| {
            run_tasks::<M, _, _>(n, many(s, crossfire::mpmc::bounded_async(cap)))
        });
    if s.receivers == 1 {
        cell = cell
            .peer("crossfire mpsc", move |n| {
                run_tasks::<M, _, _>(n, one(s, crossfire::mpsc::bounded_async(cap)))
            })
            .peer("thingbuf", move |n| {
                run_tasks::<M, _, _>(n, one(s, thing::channel(cap)))
            });
    }
    cell
}

pub(crate) fn to_task<M: Message>(cell: Cell<'_>, s: Shape) -> Cell<'_> {
    let cap = s.capacity;
    cell.peer("flume", move |n| {
        run_mixed_to_task::<M, _, _>(n, many(s, flume::bounded(cap)))
    })
    .peer("kanal", move |n| {
        let (tx, rx) = kanal::bounded(cap);
        run_mixed_to_task::<M, _, _>(n, many(s, (tx, rx.to_async())))
    })
    .peer("async-channel", move |n| {
        run_mixed_to_task::<M, _, _>(n, many(s, async_channel::bounded(cap)))
    })
    .peer("crossfire mpsc", move |n| {
        run_mixed_to_task::<M, _, _>(n, one(s, crossfire::mpsc::bounded_blocking_async(cap)))
    })
    .peer("crossfire mpmc", move |n| {
        run_mixed_to_task::<M, _, _>(n, many(s, crossfire::mpmc::bounded_blocking_async(cap)))
    })
}

pub(crate) fn to_thread<M: Message>(cell: Cell<'_>, s: Shape) -> Cell<'_> {
    let cap = s.capacity;
    cell.peer("flume", move |n| {
        run_mixed_to_thread::<M, _, _>(n, many(s, flume::bounded(cap)))
    })
    .peer("kanal", move |n| {
        let (tx, rx) = kanal::bounded(cap);
        run_mixed_to_thread::<M, _, _>(n, many(s, (tx.to_async(), rx)))
    })
    .peer("async-channel", move |n| {
        run_mixed_to_thread::<M, _, _>(n, many(s, async_channel::bounded(cap)))
    })
    .peer("crossfire mpsc", move |n| {
        run_mixed_to_thread::<M, _, _>(n, one(s, crossfire::mpsc::bounded_async_blocking(cap)))
    })
    .peer("crossfire mpmc", move |n| {
        run_mixed_to_thread::<M, _, _>(n, many(s, crossfire::mpmc::bounded_async_blocking(cap)))
    })
}
