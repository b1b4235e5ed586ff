//! zc-diskcache
