//! The memory of a group, and the views of it that leave the crate.
//!
//! # Invariants
//!
//! * **I1** A byte of a slab is written by nobody but the agent whose reservation covers it, and
//!   only until that reservation is settled or, if it is revoked, until the agent is gone.
//! * **I2** A view covers nothing but bytes whose reservations were settled as committed before
//!   the view was made. So a view of one part is fine while agents still write to other parts.
//! * **I3** A slab, and with it its charge on the budget, lives until the slot and every view have
//!   let go of it. The memory goes back before the charge does.

use std::ptr::NonNull;

use bytes::Bytes;
use std::sync::Arc;
use zc_core::frozen::Source;
use zc_core::sync::cell::Shadow;
use zc_core::{Frozen, Region};

use crate::manager::Shared;

/// The memory of one group.
#[derive(Debug)]
pub(crate) struct Slab {
    region: Region,
    shadow: Shadow,
    charge: Charge,
}

impl Slab {
    /// A slab of `len` bytes, which `charge` has paid for.
    pub(crate) fn new(region: Region, len: usize, charge: Charge) -> Self {
        debug_assert!(region.len() >= len);
        Self {
            region,
            shadow: Shadow::new(len),
            charge,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.charge.shared
    }

    /// Byte `at`.
    #[inline]
    pub(crate) fn byte(&self, at: u32) -> NonNull<u8> {
        assert!(at as usize <= self.region.len());
        // SAFETY: inside of the region, or one past its end.
        unsafe { self.region.as_ptr().add(at as usize) }
    }

    /// Bytes `start..start + len` are about to be written by their agent.
    #[inline]
    pub(crate) fn touch(&self, start: u32, len: u32) {
        if cfg!(zc_loom) {
            (start..start + len).for_each(|at| self.shadow.write(at as usize));
        }
    }

    /// A view of bytes `start..start + len`.
    ///
    /// # Safety
    /// Every reservation in the range is settled as committed, and that happens before this (I2).
    pub(crate) unsafe fn view(self: &Arc<Self>, start: u32, len: u32) -> Frozen<u8> {
        assert!(start as usize + len as usize <= self.region.len());
        if cfg!(zc_loom) {
            (start..start + len).for_each(|at| self.shadow.read(at as usize));
        }
        Frozen::from_source(Extent {
            slab: self.clone(),
            start,
            len,
        })
    }
}

/// Part of a slab; its bytes are settled as committed (I2).
struct Extent {
    slab: Arc<Slab>,
    start: u32,
    len: u32,
}

impl Source<u8> for Extent {
    fn as_slice(&self) -> &[u8] {
        let first = self.slab.byte(self.start).as_ptr();
        // SAFETY: inside of the region, which lives as long as `slab` does (I3) and is initialised
        // from the start; nobody writes to these bytes any more (I1, I2).
        unsafe { std::slice::from_raw_parts(first, self.len as usize) }
    }
}

/// Bytes of the budget that are in use until this is dropped.
pub(crate) struct Charge {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Charge {
    /// `bytes` that the caller adds, or has added, to what is used of the budget.
    pub(crate) fn new(shared: Arc<Shared>, bytes: usize) -> Self {
        Self { shared, bytes }
    }
}

impl std::fmt::Debug for Charge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Charge").field(&self.bytes).finish()
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shared.release(self.bytes);
    }
}

/// Foreign bytes that stand in for part of a slab.
struct Adopted {
    bytes: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Adopted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A view of foreign bytes: the very same memory, charged until the last view is dropped.
pub(crate) fn adopt(bytes: Bytes, charge: Charge) -> Frozen<u8> {
    Frozen::from_owner(Adopted {
        bytes,
        _charge: charge,
    })
}
