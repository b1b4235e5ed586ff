//! zc-ring
