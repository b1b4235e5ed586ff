//! Every interleaving of small models. Named after the edge or the race each proves.
//!
//! loom's partial-order reduction remembers one last access per atomic. "Thread A loads; thread B
//! loads, then compare-exchanges" therefore hides that B's exchange could have come before A's
//! load. A model in which A and B swap roles does see it: [`race`] explores both.
#![cfg(zc_loom)]

mod cancelling;
mod closing;
mod edges;
mod permits;
mod spsc;
mod waking;

use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use zc_channel::{Receiver, Sender, bounded};
use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::sync::{model, thread};

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

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Sends, and keeps the sender: closing would wake everybody.
fn send_in_thread(tx: Sender<u32>, value: u32) -> thread::JoinHandle<Sender<u32>> {
    thread::spawn(move || {
        tx.send_blocking(value).unwrap();
        tx
    })
}
