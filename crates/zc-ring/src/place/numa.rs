//! Which memory is near to which core.

use std::fs;

use super::PlaceError;

/// The NUMA node whose memory is near to `core`; 0 on machines that have one node only.
///
/// # Errors
/// [`PlaceError::Node`] where there is no such core, or the system does not say.
pub fn numa_node_of(core: usize) -> Result<usize, PlaceError> {
    let failed = |source| PlaceError::Node { core, source };
    let entries = fs::read_dir(format!("/sys/devices/system/cpu/cpu{core}")).map_err(failed)?;
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let node = name.to_str().and_then(|name| name.strip_prefix("node"));
        if let Some(Ok(node)) = node.map(str::parse) {
            return Ok(node);
        }
    }
    // A system without NUMA has one node, and no entry for it.
    Ok(0)
}
