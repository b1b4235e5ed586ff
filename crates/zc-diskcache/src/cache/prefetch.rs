//! Bringing objects into memory before they are asked for.

use super::RawDiskCache;
use crate::error::CacheError;
use crate::runtime;

impl RawDiskCache {
    /// Reads the object into memory and verifies it, as the policy says, so that the next hit is warm.
    /// Says whether it was there. Waits for the disk elsewhere, as a cold lookup does; counts neither
    /// as a hit nor as a copy.
    ///
    /// How long its pages stay is the kernel's affair.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup).
    ///
    /// # Cancel safety
    /// Nothing is lost; what has begun runs to its end.
    pub async fn prefetch(&self, key: impl AsRef<[u8]>) -> Result<bool, CacheError> {
        let key = key.as_ref();
        let Some(object) = self.root.find(key)? else {
            return Ok(false);
        };
        let warm = object.is_resident();
        if warm && !object.needs_verification() {
            return Ok(true);
        }
        let load = move || {
            object.bring_in(warm)?;
            object.verify()
        };
        let loaded = runtime::blocking(load).await;
        loaded.map_err(|error| error.for_key(key))
    }
}
