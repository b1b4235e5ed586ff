//! Ours and every peer on the same work.
//!
//! A bench is a list of [`Cell`]s; a cell names its sizes and has *contestants*: ours, the peers,
//! and where there is one the bare limit of the machine for this work. They run interleaved in one
//! process, nine repetitions or more, and each checks every value that it receives: a contestant
//! that loses one, panics or hangs gets that written down in place of figures. A result is
//! the median, the minimum and the maximum over the repetitions, never the best run alone.
//!
//! | run as | does |
//! |---|---|
//! | `cargo xtask bench NAME` | measures |
//! | `cargo xtask bench NAME --quick` | measures in shorter repetitions |
//! | `cargo xtask bench NAME WORD…` | measures the cells whose names contain every word |
//! | `cargo xtask bench NAME --list` | prints the names of the cells |
//! | `cargo bench -p zc-benches -- --test` | each cell once, for `ci` |
//! | `cargo xtask bench --report` | writes `docs/performance.md` from the committed results |

#![forbid(unsafe_code)]

mod args;
pub mod broadcast;
mod contest;
mod goal;
mod harness;
mod lazy;
mod machine;
pub mod plot;
pub mod report;
pub mod results;
mod table;
pub mod threads;
mod unit;

pub use contest::Work;
pub use harness::{Bench, Cell, Count};
pub use lazy::lazily;
pub use unit::Unit;
