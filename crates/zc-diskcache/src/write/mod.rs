//! Everything that changes the cache, under the writer lock.

pub(crate) mod in_place;
pub(crate) mod lent;
pub(crate) mod maintain;
pub(crate) mod room;
pub(crate) mod store;
pub(crate) mod writer;
