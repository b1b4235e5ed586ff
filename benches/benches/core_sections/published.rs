//! The section as a published version: readers take the newest one, the writer publishes another.

use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam::epoch::{self, Atomic, Owned};
use parking_lot::Mutex;
use zc_core::Publisher;

use super::{Section, Sections, look};

/// Ours: the writer fills a recycled draft.
pub(crate) struct Published(Mutex<Publisher<u64>>);
/// `arc-swap`'s.
pub(crate) struct ArcSwapped(ArcSwap<Section>);
/// `crossbeam-epoch`'s.
pub(crate) struct Epoch(Atomic<Section>);

impl Sections for Published {
    const NAME: &'static str = "ours, published";

    fn new() -> Self {
        Self(Mutex::new(Publisher::new(vec![0; 8])))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        let mut reader = self.0.lock().reader();
        for _ in 0..ops {
            look(&reader.load())?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        let mut publisher = self.0.lock();
        let mut draft = publisher.draft();
        draft.fill(value);
        draft.commit();
    }
}

impl Sections for ArcSwapped {
    const NAME: &'static str = "arc-swap";

    fn new() -> Self {
        Self(ArcSwap::new(Arc::new([0; 8])))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        for _ in 0..ops {
            look(&**self.0.load())?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        self.0.store(Arc::new([value; 8]));
    }
}

impl Sections for Epoch {
    const NAME: &'static str = "crossbeam-epoch";

    fn new() -> Self {
        Self(Atomic::new([0; 8]))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        for _ in 0..ops {
            let guard = epoch::pin();
            let shared = self.0.load(std::sync::atomic::Ordering::Acquire, &guard);
            // SAFETY: never null, and what the pin has seen is not freed under it.
            look(unsafe { shared.deref() })?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        let guard = epoch::pin();
        let new = Owned::new([value; 8]);
        let old = self
            .0
            .swap(new, std::sync::atomic::Ordering::AcqRel, &guard);
        // SAFETY: it has been taken out; readers that see it are pinned.
        unsafe { guard.defer_destroy(old) };
    }
}

/// `hazarc`'s.
#[cfg(feature = "peers")]
pub(crate) struct Hazarc(hazarc::AtomicArc<Section>);

#[cfg(feature = "peers")]
impl Sections for Hazarc {
    const NAME: &'static str = "hazarc";

    fn new() -> Self {
        Self(hazarc::AtomicArc::new(Arc::new([0; 8])))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        for _ in 0..ops {
            look(&**self.0.load())?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        self.0.store(Arc::new([value; 8]));
    }
}

/// `left-right`'s.
#[cfg(feature = "peers")]
pub(crate) struct LeftRight(Mutex<left_right::WriteHandle<Words, Fill>>);

/// What `left-right` keeps two of.
#[cfg(feature = "peers")]
#[derive(Clone, Default)]
pub(crate) struct Words(Section);

/// The operation that it does twice.
#[cfg(feature = "peers")]
pub(crate) struct Fill(u64);

#[cfg(feature = "peers")]
impl left_right::Absorb<Fill> for Words {
    fn absorb_first(&mut self, fill: &mut Fill, _: &Self) {
        self.0.fill(fill.0);
    }

    fn sync_with(&mut self, first: &Self) {
        self.0 = first.0;
    }
}

#[cfg(feature = "peers")]
impl Sections for LeftRight {
    const NAME: &'static str = "left-right";

    fn new() -> Self {
        let (write, _) = left_right::new::<Words, Fill>();
        Self(Mutex::new(write))
    }

    fn read(&self, ops: u64) -> Result<(), String> {
        let reader = self.0.lock().clone();
        for _ in 0..ops {
            let guard = reader.enter().ok_or("the writer is gone")?;
            look(&guard.0)?;
        }
        Ok(())
    }

    fn write(&self, value: u64) {
        let mut writer = self.0.lock();
        writer.append(Fill(value));
        writer.publish();
    }
}
