//! Growth without moving: addresses are set aside first, memory comes as it is needed.
//!
//! ```text
//!   0            frozen          committed                    reserved
//!   ├── views ───┼── writable ───┼── addresses without memory ─┤
//! ```
//!
//! Bytes pass from the right to the left and never back: [`commit`](GrowingRegion::commit) gives
//! memory to more of the addresses, [`freeze`](GrowingRegion::freeze) makes the next bytes
//! immutable and hands out a view of them. Nothing ever moves, so every view and pointer stays good.

use std::fmt;
use std::ptr::NonNull;

use super::mapping::{Mapping, page_size};
use crate::error::RegionError;
use crate::frozen::{Frozen, OwnerRef};

/// Memory that grows inside of a range of addresses, and never moves. See the
/// [module](crate::region) for the other kinds.
///
/// ```
/// use zc_core::region::GrowingRegion;
///
/// let mut log = GrowingRegion::reserve_va(1 << 30)?; // addresses cost nothing
/// log.commit(5)?;
/// log.as_mut_slice()[..5].copy_from_slice(b"first");
/// let first = log.freeze(5);
/// log.commit(1 << 20)?; // `first` stays where it is
/// log.as_mut_slice()[..6].copy_from_slice(b"second");
/// let second = log.freeze(6);
/// assert_eq!((&*first, &*second), (&b"first"[..], &b"second"[..]));
/// assert_eq!(*log.frozen(), *b"firstsecond");
/// # Ok::<(), zc_core::error::RegionError>(())
/// ```
///
/// The addresses are given back when the region and all views are gone.
///
/// # Invariants
///
/// * **I1** `frozen <= committed <= reserved`; the first `committed` bytes of the mapping that
///   `owner` keeps are readable, writable and initialised.
/// * **I2** Views show bytes before `frozen` only, which nobody writes; the bytes from there on are
///   reached through this value only.
pub struct GrowingRegion {
    owner: OwnerRef,
    start: NonNull<u8>,
    frozen: usize,
    committed: usize,
    reserved: usize,
}

// SAFETY: I2: what can be written belongs to this value alone.
unsafe impl Send for GrowingRegion {}

// SAFETY: shared, it only reads.
unsafe impl Sync for GrowingRegion {}

impl GrowingRegion {
    /// Sets aside the addresses for `max` bytes, rounded up to whole pages. There is no memory
    /// behind them yet.
    ///
    /// # Errors
    /// [`RegionError::Layout`] if `max` is 0 or above `isize::MAX`; [`RegionError::Map`] with the
    /// system's reason if it refuses.
    pub fn reserve_va(max: usize) -> Result<Self, RegionError> {
        let layout = RegionError::Layout { len: max, align: 1 };
        let reserved = max.checked_next_multiple_of(page_size()).ok_or(layout)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let mapping = Mapping::new(reserved, libc::PROT_NONE, flags, None)?;
        Ok(Self {
            start: mapping.as_ptr(),
            owner: OwnerRef::from_mapping(mapping),
            frozen: 0,
            committed: 0,
            reserved,
        })
    }

    /// Makes at least `len` bytes writable beyond what is frozen. Does nothing where there are as
    /// many; never takes any away. New bytes are zero.
    ///
    /// # Errors
    /// [`RegionError::Limit`] if so many were not set aside; [`RegionError::Map`] with the system's
    /// reason if it has no memory left. Nothing is changed then.
    pub fn commit(&mut self, len: usize) -> Result<(), RegionError> {
        let wanted = self.frozen.saturating_add(len);
        if wanted > self.reserved {
            return Err(RegionError::Limit {
                wanted,
                limit: self.reserved,
            });
        }
        if wanted > self.committed {
            // `reserved` is a multiple of the page as well.
            let whole = wanted.next_multiple_of(page_size());
            let mapping = self.owner.as_mapping();
            let refused = |source| RegionError::Map { len, source };
            mapping.open(whole).map_err(refused)?;
            self.committed = whole;
        }
        Ok(())
    }

    /// Bytes that addresses were set aside for.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// Bytes that have memory, frozen ones included.
    #[must_use]
    pub fn committed(&self) -> usize {
        self.committed
    }

    /// The bytes that have memory and are not frozen.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        let (ptr, len) = self.open();
        // SAFETY: I1, I2.
        unsafe { std::slice::from_raw_parts(ptr.as_ptr(), len) }
    }

    /// The bytes that have memory and are not frozen, to be changed.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let (ptr, len) = self.open();
        // SAFETY: I1, I2, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(ptr.as_ptr(), len) }
    }

    fn open(&self) -> (NonNull<u8>, usize) {
        // SAFETY: I1: in bounds.
        let ptr = unsafe { self.start.add(self.frozen) };
        (ptr, self.committed - self.frozen)
    }

    /// The next `len` bytes become immutable. The view of them costs one atomic addition, and
    /// stays good whatever becomes of this value.
    ///
    /// # Panics
    /// If fewer have been committed.
    pub fn freeze(&mut self, len: usize) -> Frozen<u8> {
        let (ptr, open) = self.open();
        assert!(
            len <= open,
            "{len} bytes cannot be frozen: {open} are committed"
        );
        self.frozen += len;
        self.view(ptr, len)
    }

    /// All frozen bytes.
    #[must_use]
    pub fn frozen(&self) -> Frozen<u8> {
        self.view(self.start, self.frozen)
    }

    fn view(&self, ptr: NonNull<u8>, len: usize) -> Frozen<u8> {
        if len == 0 {
            return Frozen::new();
        }
        Frozen::from_parts(ptr, len, Some(self.owner.clone()))
    }
}

impl fmt::Debug for GrowingRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrowingRegion")
            .field("frozen", &self.frozen)
            .field("committed", &self.committed)
            .field("reserved", &self.reserved)
            .finish_non_exhaustive()
    }
}
