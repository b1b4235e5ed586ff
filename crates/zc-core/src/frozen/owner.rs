//! What keeps a view's memory alive: one allocation with a count, shared by all views of it.
//!
//! The owner's type is erased behind a table of functions, so that a view is three words whatever
//! owns the memory, and can be `Frozen<T>` for a plain `T`.
//!
//! # Invariants
//!
//! * **I1** `refs` counts the handles to the allocation. It is freed, and the owner dropped, by
//!   whoever takes it to zero, exactly once.
//! * **I2** The memory an owner stands for stays where it is, and is not written, while `refs` is
//!   above one; whoever holds the only reference of a `writable` owner may write.
//! * **I3** `table` belongs to the type that the allocation was made for.

use std::ptr::{self, NonNull};

#[cfg(unix)]
use std::os::fd::BorrowedFd;

#[cfg(unix)]
use crate::region::Mapping;
use crate::region::Region;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::edge;

/// Memory that a [`Frozen`](crate::Frozen) view can be made of.
///
/// Any `AsRef<[T]>` will do through [`Frozen::from_owner`](crate::Frozen::from_owner); implement
/// this where the memory also has a file behind it, so that the last hop to a socket can be
/// `sendfile`.
pub trait Source<T>: Send + Sync + 'static {
    /// The elements. Called exactly once, after the source has got its final place in memory; they
    /// must stay as they are until the source is dropped.
    fn as_slice(&self) -> &[T];

    /// The open file that holds the same bytes, and the position in it of the first element.
    #[cfg(unix)]
    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        None
    }
}

/// Head of every owner's allocation.
pub(super) struct Header {
    refs: AtomicUsize,
    /// Where a source's memory begins, to tell how far into its file a view starts.
    base: *const u8,
    table: &'static Table,
}

pub(super) struct Table {
    /// Drops the owner and frees the allocation. By value: a view whose address is never given
    /// away can stay in registers.
    free: unsafe fn(NonNull<Header>),
    /// Memory that the crate owns and may write to while it is not shared.
    writable: Option<MemoryOf>,
    #[cfg(unix)]
    file: Option<FileOf>,
}

/// All of an owner's memory.
type MemoryOf = unsafe fn(&OwnerRef) -> NonNull<[u8]>;

/// The file behind an owner, and the position in it of the owner's first byte.
#[cfg(unix)]
type FileOf = unsafe fn(&OwnerRef) -> Option<(BorrowedFd<'_>, u64)>;

#[repr(C)]
struct Owned<O> {
    header: Header,
    owner: O,
}

/// A counted reference to an owner of unknown type.
pub(crate) struct OwnerRef(NonNull<Header>);

// SAFETY: `refs` is atomic. The owner itself may be dropped on any thread that holds the last
// reference; the handles around `OwnerRef` are only `Send` where that is fine.
unsafe impl Send for OwnerRef {}

// SAFETY: as above.
unsafe impl Sync for OwnerRef {}

impl OwnerRef {
    /// Stores `source`, then asks it for its memory.
    pub(crate) fn from_source<T, S: Source<T>>(source: S) -> (Self, NonNull<T>, usize) {
        // Dropping this on a panic in `as_slice` drops the source.
        let this = Self::allocate(source, <(T, S)>::TABLE);
        // SAFETY: just allocated for an `S` (I3), and not shared yet, so `base` may be set below.
        let elements = unsafe { &*this.owner::<S>() }.as_slice();
        let (ptr, len) = (NonNull::from(elements).cast::<T>(), elements.len());
        // SAFETY: as above; the field is not part of the source.
        unsafe { (*this.0.as_ptr()).base = ptr.as_ptr().cast() };
        (this, ptr, len)
    }

    /// Takes over `region`, all of it.
    pub(crate) fn from_region(region: Region) -> (Self, NonNull<u8>, usize) {
        let (ptr, len) = (region.as_ptr(), region.len());
        (Self::allocate(region, Region::TABLE), ptr, len)
    }

    /// Keeps `mapping` until nothing refers to it any more. Its memory is not for this owner to
    /// write.
    #[cfg(unix)]
    pub(crate) fn from_mapping(mapping: Mapping) -> Self {
        Self::allocate(mapping, Mapping::TABLE)
    }

    /// The mapping that this was made of.
    #[cfg(unix)]
    pub(crate) fn as_mapping(&self) -> &Mapping {
        // SAFETY: I3: only what `from_mapping` has made is asked for it.
        unsafe { &*self.owner::<Mapping>() }
    }

    pub(super) fn allocate<O>(owner: O, table: &'static Table) -> Self {
        let owned = Box::new(Owned {
            header: Header {
                refs: AtomicUsize::new(1),
                base: ptr::null(),
                table,
            },
            owner,
        });
        // A pointer to the whole, as `repr(C)` puts the header where it starts.
        Self(NonNull::from(Box::leak(owned)).cast())
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: I1: this handle is counted, so the allocation is there.
        unsafe { self.0.as_ref() }
    }

    /// The owner, in an allocation made for an `O`.
    pub(super) fn owner<O>(&self) -> *mut O {
        let owned = self.0.cast::<Owned<O>>().as_ptr();
        // SAFETY: I1, I3: in bounds of the allocation; no reference is made.
        unsafe { &raw mut (*owned).owner }
    }

    /// Whether this is the only reference. Then all that went through the others happens before
    /// what the caller does next.
    pub(crate) fn is_unique(&self) -> bool {
        let refs = &self.header().refs;
        refs.load(edge("core.owner_drop", Ordering::Acquire)) == 1
    }

    /// All of the memory, if this is the only reference to memory that may be written.
    pub(super) fn exclusive(&mut self) -> Option<NonNull<[u8]>> {
        let memory = self.header().table.writable?;
        // SAFETY: I3, and nobody else refers to the memory (I2).
        self.is_unique().then(|| unsafe { memory(self) })
    }

    /// The file behind the memory, and the position in it of the byte at `ptr`.
    #[cfg(unix)]
    pub(crate) fn file_at(&self, ptr: *const u8) -> Option<(BorrowedFd<'_>, u64)> {
        let header = self.header();
        // SAFETY: I3.
        let (fd, start) = unsafe { (header.table.file?)(self) }?;
        Some((fd, start + (ptr.addr() - header.base.addr()) as u64))
    }

    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Clone for OwnerRef {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: the new handle is made from one that keeps the allocation alive.
        let before = self.header().refs.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // Only leaking handles without end gets here; a wrapped count would free live memory.
            std::process::abort();
        }
        Self(self.0)
    }
}

impl Drop for OwnerRef {
    #[inline]
    fn drop(&mut self) {
        let refs = &self.header().refs;
        // The accesses through every handle happen before the count leaves it (Release), and all
        // of them before the one that reaches zero frees the memory (Acquire).
        if refs.fetch_sub(1, edge("core.owner_drop", Ordering::Release)) == 1 {
            refs.load(edge("core.owner_drop", Ordering::Acquire));
            // SAFETY: I1: this was the last reference; I3.
            unsafe { (self.header().table.free)(self.0) };
        }
    }
}

/// The table of an owner's type.
pub(super) trait HasTable {
    const TABLE: &'static Table;
}

impl<T, S: Source<T>> HasTable for (T, S) {
    const TABLE: &'static Table = &Table {
        free: free::<S>,
        writable: None,
        #[cfg(unix)]
        file: Some(file_of_source::<T, S>),
    };
}

impl HasTable for Region {
    const TABLE: &'static Table = &Table {
        free: free::<Self>,
        writable: Some(memory_of_region),
        #[cfg(unix)]
        file: None,
    };
}

#[cfg(unix)]
impl HasTable for Mapping {
    const TABLE: &'static Table = &Table {
        free: free::<Self>,
        writable: None,
        file: None,
    };
}

impl<T> HasTable for Vec<T> {
    const TABLE: &'static Table = &Table {
        free: free::<Self>,
        writable: Some(memory_of_vec::<T>),
        #[cfg(unix)]
        file: None,
    };
}

/// # Safety
/// `header` is that of an allocation made for an `O`, to which nobody refers any more.
unsafe fn free<O>(header: NonNull<Header>) {
    let owned = header.cast::<Owned<O>>().as_ptr();
    // SAFETY: the caller's promise; `allocate` made it as a box of this type.
    drop(unsafe { Box::from_raw(owned) });
}

/// # Safety
/// `this` is the only reference to an allocation made for a `Region`.
unsafe fn memory_of_region(this: &OwnerRef) -> NonNull<[u8]> {
    // SAFETY: the caller's promise.
    let region = unsafe { &*this.owner::<Region>() };
    NonNull::slice_from_raw_parts(region.as_ptr(), region.len())
}

/// # Safety
/// `this` is the only reference to an allocation made for a `Vec<T>`.
unsafe fn memory_of_vec<T>(this: &OwnerRef) -> NonNull<[u8]> {
    // SAFETY: the caller's promise.
    let vec = unsafe { &mut *this.owner::<Vec<T>>() };
    let bytes = size_of_val(vec.as_slice());
    NonNull::slice_from_raw_parts(NonNull::from(vec.as_mut_slice()).cast(), bytes)
}

/// # Safety
/// `this` refers to an allocation made for an `S`.
#[cfg(unix)]
unsafe fn file_of_source<T, S: Source<T>>(this: &OwnerRef) -> Option<(BorrowedFd<'_>, u64)> {
    // SAFETY: the caller's promise; shared access is all that anybody has to a source.
    unsafe { &*this.owner::<S>() }.file()
}
