//! Where threads run and memory lies (Linux). Each call either has the effect or gives an error that says what
//! the system refused.
//!
//! Nothing here is used by default: a ring is as fast on threads that the system places, unless it
//! places them badly; measure.

mod memory;
mod numa;
mod pin;

pub use memory::{lock_memory, region_on_node};
pub use numa::numa_node_of;
pub use pin::{pin_current_thread, set_realtime_priority};

use std::io;

use thiserror::Error;
use zc_core::error::RegionError;

/// The system refused to place a thread or memory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// There is no such core, or this process may not run on it.
    #[error("cannot pin to core {core}: {source}")]
    Core {
        /// The core, counted from 0.
        core: usize,
        /// What the system said.
        source: io::Error,
    },
    /// `SCHED_FIFO` has no such level.
    #[error("real-time level {level} is not one of {lowest} to {highest}")]
    Level {
        /// The level asked for.
        level: u8,
        /// The lowest there is.
        lowest: u8,
        /// The highest there is.
        highest: u8,
    },
    /// The process has no right to real-time priorities (`CAP_SYS_NICE`, `ulimit -r`).
    #[error("cannot run at real-time level {level}: {source}")]
    Priority {
        /// The level asked for.
        level: u8,
        /// What the system said.
        source: io::Error,
    },
    /// The process may not lock so much memory (`CAP_IPC_LOCK`, `ulimit -l`).
    #[error("cannot lock the process's memory: {source}")]
    Lock {
        /// What the system said.
        source: io::Error,
    },
    /// The system does not say which node a core belongs to, or there is no such core.
    #[error("cannot find the NUMA node of core {core}: {source}")]
    Node {
        /// The core, counted from 0.
        core: usize,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such node, its memory is not for this process, or the system has no nodes.
    #[error("cannot place memory on node {node}: {source}")]
    Place {
        /// The node, counted from 0.
        node: usize,
        /// What the system said.
        source: io::Error,
    },
    /// There is no memory for the region.
    #[error(transparent)]
    Region(#[from] RegionError),
}
