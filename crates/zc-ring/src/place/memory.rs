//! Memory that stays in memory, and memory that is near.

use std::io;

use zc_core::Region;
use zc_core::region::RegionOptions;

use super::PlaceError;

/// Keeps all memory of the process in memory, what it has and what it will get: no page fault waits
/// for a disk.
///
/// # Errors
/// [`PlaceError::Lock`] where the process may not lock so much.
pub fn lock_memory() -> Result<(), PlaceError> {
    // SAFETY: the call takes an integer.
    let result = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) };
    if result == 0 {
        Ok(())
    } else {
        let source = io::Error::last_os_error();
        Err(PlaceError::Lock { source })
    }
}

/// The highest node that can be asked for, and one more: as many as Linux can have.
const NODES: usize = 1024;

/// A zero-filled region of `len` bytes in the memory of node `node`, for
/// [`RingBuilder::region`](crate::RingBuilder::region). Its pages are there already.
///
/// [`numa_node_of`](super::numa_node_of) says which node is near to the core of the consumer that reads most.
///
/// ```
/// use zc_ring::{PlaceError, Ring, numa_node_of, region_on_node};
///
/// let region = match region_on_node(1024 * 32, numa_node_of(0)?) {
///     // Systems without nodes say so; their memory is everywhere as near.
///     Err(PlaceError::Place { .. }) => zc_core::Region::anonymous(1024 * 32)?,
///     region => region?,
/// };
/// let ring = Ring::<[u64; 4]>::builder(1024).region(region).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PlaceError::Place`] where there is no such node, or the system places nothing;
/// [`PlaceError::Region`] where there is no memory.
pub fn region_on_node(len: usize, node: usize) -> Result<Region, PlaceError> {
    const BITS: usize = libc::c_ulong::BITS as usize;
    let failed = |source| PlaceError::Place { node, source };
    if node >= NODES {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    }
    // Its pages are not there yet: each is taken from where the policy says when it is touched.
    let mut region = RegionOptions::new().anonymous(len)?;
    let mut nodes = [0 as libc::c_ulong; NODES / BITS];
    nodes[node / BITS] |= 1 << (node % BITS);
    let (at, policy) = (region.as_ptr().as_ptr(), libc::MPOL_BIND);
    // SAFETY: the pages belong to the region, and which memory they are made of does not change what they
    // hold; the set of nodes is there and as long as said.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mbind,
            at,
            region.len(),
            policy,
            nodes.as_ptr(),
            // The system takes one bit less than it is told.
            NODES + 1,
            0,
        )
    };
    if result != 0 {
        return Err(failed(io::Error::last_os_error()));
    }
    region.as_mut_slice().fill(0);
    Ok(region)
}
