//! zc-core
pub mod sync;
