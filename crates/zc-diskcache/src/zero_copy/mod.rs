//! Zero copy: when a hit is a view, how bytes leave for a socket, and what was done how often.
//!
//! [`ZeroCopyManager`] decides and counts; [`RawDiskCache`](crate::RawDiskCache) delegates to it.

mod adaptive;
mod choice;
mod manager;
pub(crate) mod send;
mod stats;

pub use adaptive::AdaptiveThreshold;
pub use choice::SendClass;
pub use manager::{Primitive, ZeroCopyConfig, ZeroCopyManager};
pub use stats::ZeroCopyStats;
