//! Exhaustive models, one folder entry a primitive. Each is named after what it proves; `seeds.txt`
//! names the defects that must make it fail.
//!
//! loom may never try the order in which a spawned thread's exchange comes before the first load of
//! the main one, so some races are run with the roles swapped as well.

#![cfg(zc_loom)]

#[path = "loom/bias.rs"]
mod bias;
#[path = "loom/lock.rs"]
mod lock;
#[path = "loom/publish.rs"]
mod publish;
#[path = "loom/seq.rs"]
mod seq;
#[path = "loom/views.rs"]
mod views;
#[path = "loom/waiting.rs"]
mod waiting;
