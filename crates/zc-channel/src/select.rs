//! [`Select`]: a thread that waits for several receivers at once.
//!
//! Tasks need nothing of the kind: every future of this crate may be dropped at any time, so any
//! `select!` will do.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use zc_core::sync::{Parker, Unparker};
use zc_core::wait::Waiter;

use crate::receiver::Receiver;
use crate::shared::deadline_after;

/// Waits until one of several receivers is ready: an item is queued, or the end has come.
///
/// Receivers may be of different types. Which of several ready ones is named first goes round, so
/// a busy channel does not hide the others. Ready means that `try_recv` gives an item or `Closed`,
/// unless another receiver of the same channel was faster.
///
/// Adding a receiver allocates its waiter; waiting allocates nothing. It belongs to the thread
/// that made it.
///
/// ```
/// use zc_channel::{Select, TryRecvError, bounded};
///
/// let (numbers_tx, numbers) = bounded::<u32>(4);
/// let (words_tx, words) = bounded::<&str>(4);
/// numbers_tx.try_send(1).unwrap();
/// drop(words_tx);
///
/// let mut select = Select::new();
/// let number = select.add(&numbers);
/// let word = select.add(&words);
/// let mut seen = Vec::new();
/// for _ in 0..2 {
///     match select.ready() {
///         i if i == number => seen.push(format!("{:?}", numbers.try_recv())),
///         i if i == word => seen.push(format!("{:?}", words.try_recv())),
///         _ => unreachable!(),
///     }
/// }
/// seen.sort();
/// assert_eq!(seen, ["Err(Closed)", "Ok(1)"]);
/// ```
pub struct Select<'a> {
    sources: Vec<Source<'a>>,
    /// Where the next look begins.
    next: usize,
    parker: Parker,
    waker: Waker,
    _this_thread: PhantomData<*const ()>,
}

struct Source<'a> {
    receiver: &'a dyn Ready,
    waiter: Pin<Box<Waiter<'a>>>,
}

trait Ready {
    fn is_ready(&self) -> bool;
    fn about_to_sleep(&self);
}

impl<T> Ready for Receiver<T> {
    fn is_ready(&self) -> bool {
        self.shared.core.is_ready()
    }

    fn about_to_sleep(&self) {
        self.shared.nudge_senders();
    }
}

impl<'a> Select<'a> {
    /// Nothing to wait for yet.
    #[must_use]
    pub fn new() -> Self {
        let parker = Parker::new();
        Self {
            sources: Vec::new(),
            next: 0,
            waker: Waker::from(Arc::new(Unpark(parker.unparker()))),
            parker,
            _this_thread: PhantomData,
        }
    }

    /// Waits for `receiver` too, from now on. Gives its index: 0 for the first, and so on.
    pub fn add<T>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.sources.push(Source {
            receiver,
            waiter: Box::pin(receiver.shared.receivers.waiter()),
        });
        self.sources.len() - 1
    }

    /// The index of a receiver that is ready now.
    pub fn try_ready(&mut self) -> Option<usize> {
        let count = self.sources.len();
        let found = (0..count)
            .map(|i| (self.next + i) % count)
            .find(|&i| self.sources[i].receiver.is_ready())?;
        self.next = found + 1;
        Some(found)
    }

    /// Blocks until a receiver is ready; gives its index.
    ///
    /// # Panics
    /// If no receiver was added: that would be a wait for ever.
    pub fn ready(&mut self) -> usize {
        assert!(!self.sources.is_empty(), "selecting among no receivers");
        self.wait(None)
            .expect("a wait without deadline ends with a result")
    }

    /// Blocks until a receiver is ready, for at most `timeout`; gives its index.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Option<usize> {
        match deadline_after(timeout) {
            Some(deadline) => self.ready_deadline(deadline),
            None => Some(self.ready()),
        }
    }

    /// Blocks until a receiver is ready or `deadline` has passed; gives its index.
    pub fn ready_deadline(&mut self, deadline: Instant) -> Option<usize> {
        self.wait(Some(deadline))
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Option<usize> {
        let found = loop {
            if let Some(found) = self.try_ready().or_else(|| self.register()) {
                break Some(found);
            }
            match deadline.map(|d| d.saturating_duration_since(Instant::now())) {
                None => self.parker.park(),
                Some(left) if left.is_zero() => break self.try_ready(),
                Some(left) => self.parker.park_timeout(left),
            }
        };
        // Nothing is taken here, so every wake that came goes on to another receiver.
        for source in &mut self.sources {
            source.waiter.as_mut().cancel();
        }
        found
    }

    /// Enters the line of every receiver, unless one is ready meanwhile.
    fn register(&mut self) -> Option<usize> {
        let mut cx = Context::from_waker(&self.waker);
        for (index, source) in self.sources.iter_mut().enumerate() {
            let receiver = source.receiver;
            let ready = || receiver.is_ready().then_some(index);
            if let Poll::Ready(index) = source.waiter.as_mut().poll_until(&mut cx, ready) {
                return Some(index);
            }
            receiver.about_to_sleep();
        }
        None
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("receivers", &self.sources.len())
            .finish_non_exhaustive()
    }
}

struct Unpark(Unparker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
