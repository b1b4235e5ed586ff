//! Verification: comparing an object with its checksum before its bytes are given away.

use super::view::Object;
use crate::builder::Verify;
use crate::error::CacheError;
use crate::index::slot::VERIFIED;
use crate::io::checksum::crc32c;
use crate::io::pages;
use crate::shared::Shared;
use crate::stats::Count;
use crate::trace;

impl Object {
    /// Whether the policy asks for a verification before this use.
    #[inline]
    pub(crate) fn needs_verification(&self) -> bool {
        match self.shared().options.verify {
            Verify::Never => false,
            Verify::Always => true,
            Verify::OnStore | Verify::FirstRead => !self.slot().is_marked(VERIFIED),
        }
    }

    /// Verifies in the mapping, if the policy asks for it. `false`: damaged, and now gone.
    ///
    /// The file's length is checked and pages that are not in memory are brought in by a system call
    /// first, so that a truncated file or an unreadable page is an error here and no signal.
    pub(crate) fn verify(&self) -> Result<bool, CacheError> {
        if !self.needs_verification() {
            return Ok(true);
        }
        self.verify_where(self.is_resident())
    }

    /// Verifies. `resident`: all of the bytes were in memory just now.
    pub(crate) fn verify_where(&self, resident: bool) -> Result<bool, CacheError> {
        self.bring_in(resident)?;
        Ok(self.accept(crc32c(self.bytes())))
    }

    /// Reads the bytes into memory, unless they are `resident`; an error where touching them would
    /// be a signal.
    pub(crate) fn bring_in(&self, resident: bool) -> Result<(), CacheError> {
        let shared = self.shared();
        shared.file.check_len(self.start + self.len)?;
        if resident {
            // Populating what is there would walk every page once more, and cost as much as the
            // checksum does.
            return Ok(());
        }
        pages::populate(&shared.map, self.start, self.len).map_err(|error| {
            CacheError::io(format!("reading at offset {}", self.start), error)
                .at(shared.file.path())
        })
    }

    /// Verifies a copy of the bytes, if the policy asks for it.
    pub(crate) fn verify_copy(&self, copy: &[u8]) -> bool {
        !self.needs_verification() || self.accept(crc32c(copy))
    }

    fn accept(&self, crc: u32) -> bool {
        self.shared().count(Count::VerifiedNow, 1);
        if crc == self.crc {
            self.slot().mark(VERIFIED);
            return true;
        }
        self.discard();
        trace::damaged(self.shared().file.path(), self.start, self.len);
        false
    }

    /// Whether the bytes are in memory now: then verifying and copying them does not wait.
    pub(crate) fn is_resident(&self) -> bool {
        pages::resident(&self.shared().map, self.start, self.len)
    }
}

impl Shared {
    /// A hit that turned out to be damaged is a miss.
    pub(crate) fn count_damaged(&self) {
        self.count(Count::Misses, 1);
    }
}
