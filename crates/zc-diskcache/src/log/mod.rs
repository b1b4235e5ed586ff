//! The file: where everything lies, how it is written, how it is read after a crash.
//!
//! ```text
//! 0          4096       8192       12288                data_offset
//! ┌──────────┬──────────┬──────────┬────────────────────┬──────────────────────────────┐
//! │ header   │ header   │ session  │ records: 128 bytes │ extents: runs of blocks      │
//! │          │ (copy)   │          │ for each slot      │ value, then a long key       │
//! └──────────┴──────────┴──────────┴────────────────────┴──────────────────────────────┘
//! ```
//!
//! Everything is written with pwrite, nothing through the mapping. What an object is was decided
//! by its record: value first, record after it, and the record of what it replaces is zeroed only
//! then. A process that is killed between any two of these leaves the older object, or both (the
//! higher sequence number counts), or the newer one; never bytes of one under the key of another.
//!
//! The byte-exact description is `docs/zc-diskcache-format.md`; `layout`, `header` and `record`
//! are the code of it.

pub(crate) mod extents;
pub(crate) mod header;
pub(crate) mod layout;
pub(crate) mod record;
pub(crate) mod recover;
