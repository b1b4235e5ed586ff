//! Zero-copy buffers behind one name.
#[cfg(feature = "core")]
pub use zc_core as core;
#[cfg(feature = "ring")]
pub use zc_ring as ring;
#[cfg(feature = "channel")]
pub use zc_channel as channel;
#[cfg(feature = "agent")]
pub use zc_agent as agent;
#[cfg(feature = "diskcache")]
pub use zc_diskcache as diskcache;
