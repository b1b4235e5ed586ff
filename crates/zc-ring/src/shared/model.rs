//! A shared ring in the memory of one process, for models: its "processes" are numbers, and end when
//! a model says so.

use zc_core::sync::Arc;
use zc_core::sync::atomic::Ordering;
use zc_core::wait::WaitStrategy;

use super::attachment::Attachment;
use super::control::Control;
use super::map::Mapping;
use super::process::Process;
use super::ring::SharedRing;
use crate::rows::{RowStore, Schema};

/// The memory that the processes share.
#[derive(Debug)]
pub struct Machine {
    control: Arc<Control>,
    store: Arc<RowStore>,
}

impl Machine {
    /// # Panics
    /// If there is no memory.
    #[must_use]
    pub fn new(schema: Schema, capacity: usize) -> Self {
        let mapping = Mapping::anonymous(super::layout::CONTROL * 8);
        let mapping = Arc::new(mapping.expect("memory"));
        let store = RowStore::new(schema, capacity, Vec::new()).expect("memory");
        Self {
            control: Arc::new(Control::new(&mapping, 0, capacity, 0)),
            store: Arc::new(store),
        }
    }

    /// The ring as process `pid` has it.
    ///
    /// # Panics
    /// If there are too many.
    #[must_use]
    pub fn process(&self, pid: u32) -> SharedRing {
        let attachment = Arc::new(Attachment {
            control: Arc::clone(&self.control),
            store: Arc::clone(&self.store),
            process: Process::new(pid, 1),
            strategy: WaitStrategy::Park,
        });
        SharedRing::over(attachment).expect("a handle")
    }

    /// The process has ended, with whatever it holds.
    pub fn end(&self, pid: u32) {
        let process = Process::new(pid, 1);
        self.control.ended.store(process.bits(), Ordering::Release);
    }
}
