//! The operating system: the file and its lock, the mapping, page residency, checksums.

pub(crate) mod checksum;
pub(crate) mod create;
pub(crate) mod file;
pub(crate) mod map;
pub(crate) mod pages;
pub(crate) mod ring;
