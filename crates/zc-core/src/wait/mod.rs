//! Waiting: how long to spin, whom to wake.
//!
//! [`WaitStrategy`] says how a thread passes the time until something is ready. [`WaitList`] holds
//! everybody who waits for the same thing, threads and tasks in one first-in-first-out line.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use zc_core::sync::atomic::{AtomicBool, Ordering};
//! use zc_core::wait::{WaitList, WaitStrategy};
//!
//! static READY: AtomicBool = AtomicBool::new(false);
//! let list = WaitList::new();
//! std::thread::scope(|s| {
//!     s.spawn(|| {
//!         READY.store(true, Ordering::Release);
//!         list.notify(1);
//!     });
//!     let deadline = Instant::now() + Duration::from_secs(10);
//!     let got = list.block_until(WaitStrategy::default(), Some(deadline), || {
//!         READY.load(Ordering::Acquire).then_some("ready")
//!     });
//!     assert_eq!(got, Some("ready"));
//! });
//! ```

mod block;
mod links;
mod list;
mod node;
mod strategy;
mod waiter;

pub use list::WaitList;
pub(crate) use list::Woken;
pub use strategy::{Spinner, WaitStrategy};
pub use waiter::Waiter;
