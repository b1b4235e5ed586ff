//! The section under a readers-writer lock.

use crossbeam::sync::ShardedLock;
use zc_core::SharedBuffer;

use super::{Section, Sections, look};

/// Ours.
pub(crate) struct Ours(pub(crate) SharedBuffer<u64>);
/// `std`'s.
#[expect(clippy::disallowed_types, reason = "it is the peer")]
pub(crate) struct Std(pub(crate) std::sync::RwLock<Section>);
/// `parking_lot`'s.
pub(crate) struct ParkingLot(pub(crate) parking_lot::RwLock<Section>);
/// `crossbeam`'s.
pub(crate) struct Sharded(pub(crate) ShardedLock<Section>);

impl Sections for Ours {
    const NAME: &'static str = "ours";

    fn new() -> Self {
        Self(SharedBuffer::from_vec(vec![0; 8]))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        for _ in 0..ops {
            look(&self.0.read().map_err(|e| e.to_string())?)?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        self.0.write().expect("no writer panics").fill(value);
    }
}

impl Sections for Std {
    const NAME: &'static str = "std RwLock";

    #[expect(clippy::disallowed_types, reason = "it is the peer")]
    fn new() -> Self {
        Self(std::sync::RwLock::new([0; 8]))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        for _ in 0..ops {
            look(&*self.0.read().map_err(|e| e.to_string())?)?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        self.0.write().expect("no writer panics").fill(value);
    }
}

impl Sections for ParkingLot {
    const NAME: &'static str = "parking_lot RwLock";

    fn new() -> Self {
        Self(parking_lot::RwLock::new([0; 8]))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        for _ in 0..ops {
            look(&*self.0.read())?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        self.0.write().fill(value);
    }
}

impl Sections for Sharded {
    const NAME: &'static str = "crossbeam ShardedLock";

    fn new() -> Self {
        Self(ShardedLock::new([0; 8]))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        for _ in 0..ops {
            look(&*self.0.read().map_err(|e| e.to_string())?)?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        self.0.write().expect("no writer panics").fill(value);
    }
}
