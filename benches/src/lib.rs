//! zc-benches
