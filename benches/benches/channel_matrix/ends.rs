//! The ends of a channel, of either colour, and which types are some.

use std::sync::mpsc;

use crate::message::Message;

/// Sends from a thread.
pub(crate) trait BlockingTx<M>: Send {
    /// False when the other side is gone.
    fn send(&mut self, message: M) -> bool;
}

/// Receives in a thread.
pub(crate) trait BlockingRx<M>: Send {
    /// `None` when all senders are gone and nothing is left.
    fn recv(&mut self) -> Option<M>;
}

/// Sends from a task.
pub(crate) trait AsyncTx<M>: Send + 'static {
    /// False when the other side is gone.
    fn send(&mut self, message: M) -> impl Future<Output = bool> + Send;
}

/// Receives in a task.
pub(crate) trait AsyncRx<M>: Send + 'static {
    /// `None` when all senders are gone and nothing is left.
    fn recv(&mut self) -> impl Future<Output = Option<M>> + Send;
}

/// `ends! { BlockingTx for Type<M>: |tx, message| expression; … }`
macro_rules! ends {
    () => {};
    (BlockingTx for $type:ty: |$tx:ident, $m:ident| $do:expr; $($rest:tt)*) => {
        impl<M: Message> BlockingTx<M> for $type {
            #[inline]
            fn send(&mut self, $m: M) -> bool {
                let $tx = self;
                $do
            }
        }
        ends! { $($rest)* }
    };
    (BlockingRx for $type:ty: |$rx:ident| $do:expr; $($rest:tt)*) => {
        impl<M: Message> BlockingRx<M> for $type {
            #[inline]
            fn recv(&mut self) -> Option<M> {
                let $rx = self;
                $do
            }
        }
        ends! { $($rest)* }
    };
    (AsyncTx for $type:ty: |$tx:ident, $m:ident| $do:expr; $($rest:tt)*) => {
        impl<M: Message> AsyncTx<M> for $type {
            #[inline]
            async fn send(&mut self, $m: M) -> bool {
                let $tx = self;
                $do
            }
        }
        ends! { $($rest)* }
    };
    (AsyncRx for $type:ty: |$rx:ident| $do:expr; $($rest:tt)*) => {
        impl<M: Message> AsyncRx<M> for $type {
            #[inline]
            async fn recv(&mut self) -> Option<M> {
                let $rx = self;
                $do
            }
        }
        ends! { $($rest)* }
    };
}
#[cfg(feature = "peers")]
pub(crate) use ends;

ends! {
    BlockingTx for zc_channel::Sender<M>: |tx, m| tx.send_blocking(m).is_ok();
    BlockingRx for zc_channel::Receiver<M>: |rx| rx.recv_blocking();
    AsyncTx for zc_channel::Sender<M>: |tx, m| zc_channel::Sender::send(tx, m).await.is_ok();
    AsyncRx for zc_channel::Receiver<M>: |rx| zc_channel::Receiver::recv(rx).await;

    BlockingTx for zc_channel::spsc::Producer<M>: |tx, m| tx.push(m).is_ok();
    BlockingRx for zc_channel::spsc::Consumer<M>: |rx| rx.pop();
    BlockingTx for rtrb::Producer<M>: |tx, m| tx.push(m).is_ok();
    BlockingRx for rtrb::Consumer<M>: |rx| rx.pop().ok();

    BlockingTx for mpsc::SyncSender<M>: |tx, m| mpsc::SyncSender::send(tx, m).is_ok();
    BlockingRx for mpsc::Receiver<M>: |rx| mpsc::Receiver::recv(rx).ok();

    BlockingTx for crossbeam::channel::Sender<M>:
        |tx, m| crossbeam::channel::Sender::send(tx, m).is_ok();
    BlockingRx for crossbeam::channel::Receiver<M>:
        |rx| crossbeam::channel::Receiver::recv(rx).ok();

    BlockingTx for tokio::sync::mpsc::Sender<M>: |tx, m| tx.blocking_send(m).is_ok();
    BlockingRx for tokio::sync::mpsc::Receiver<M>: |rx| rx.blocking_recv();
    AsyncTx for tokio::sync::mpsc::Sender<M>:
        |tx, m| tokio::sync::mpsc::Sender::send(tx, m).await.is_ok();
    AsyncRx for tokio::sync::mpsc::Receiver<M>: |rx| tokio::sync::mpsc::Receiver::recv(rx).await;
}
