//! zc-channel
