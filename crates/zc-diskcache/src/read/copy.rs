//! The regular read: an owned copy.

use bytes::Bytes;
use zc_core::ledger;

use super::view::Object;
use crate::error::CacheError;
use crate::stats::Count;

impl Object {
    /// Reads the bytes with `pread` and verifies the copy. `None`: damaged, and now gone.
    ///
    /// `pread` and not the mapping, because a truncated file or a bad disk is an error there.
    pub(crate) fn copy(&self) -> Result<Option<Bytes>, CacheError> {
        let shared = self.shared();
        let mut copy = vec![0; self.len as usize];
        self.read_into(&mut copy)?;
        ledger::copied("cache.lookup_copy", copy.len());
        if !self.verify_copy(&copy) {
            shared.count_damaged();
            return Ok(None);
        }
        shared.count(Count::CopiedHits, 1);
        ledger::delivered(copy.len());
        Ok(Some(Bytes::from(copy)))
    }

    /// Many parts at once if the disk has to be waited for, else one call.
    fn read_into(&self, copy: &mut [u8]) -> Result<(), CacheError> {
        let shared = self.shared();
        if let Some(ring) = &shared.ring
            && ring.pays_for(copy.len())
            && !self.is_resident()
        {
            return ring.read_exact_at(&shared.file, copy, self.start);
        }
        shared.file.read_exact_at(copy, self.start)
    }
}
