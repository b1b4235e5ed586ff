//! What programs do without a cache library: files, and maps in memory.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};
use tempfile::TempDir;

use crate::ours::text;
use crate::work::{Plan, Set, look, run};

/// One file that holds a set, object behind object, and where each begins.
pub(crate) struct OneFile {
    file: File,
    map: Mmap,
    index: HashMap<String, u64>,
    set: Set,
}

impl OneFile {
    pub(crate) fn new(set: Set) -> Result<Self, String> {
        let folder = crate::folder()?;
        let file = tempfile::tempfile_in(folder.path()).map_err(text)?;
        let mut index = HashMap::new();
        for number in 0..set.objects {
            let offset = (number * set.length) as u64;
            file.write_all_at(&set.object(number), offset)
                .map_err(text)?;
            index.insert(Set::key(number), offset);
        }
        // SAFETY: nobody else has the file, which has no name.
        let map = unsafe { Mmap::map(&file) }.map_err(text)?;
        Ok(Self {
            file,
            map,
            index,
            set,
        })
    }

    fn offset(&self, key: &str) -> Result<u64, String> {
        let found = self.index.get(key);
        found.copied().ok_or_else(|| format!("{key} is not there"))
    }

    /// `pread` into one buffer that is used again.
    pub(crate) fn read(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            let mut buffer = vec![0; self.set.length];
            move |key: &str| {
                let offset = self.offset(key)?;
                self.file.read_exact_at(&mut buffer, offset).map_err(text)?;
                Ok(look(&buffer, plan.use_))
            }
        })
    }

    /// As the document this crate began with did it: map, copy, unmap, checksum, each time.
    pub(crate) fn map_and_copy(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            |key: &str| {
                let offset = self.offset(key)?;
                let mut options = MmapOptions::new();
                let options = options.offset(offset).len(self.set.length);
                // SAFETY: nobody else has the file, which has no name.
                let map = unsafe { options.map(&self.file) }.map_err(text)?;
                let copy = Bytes::copy_from_slice(&map);
                drop(map);
                let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &copy);
                std::hint::black_box(crc);
                Ok(look(&copy, plan.use_))
            }
        })
    }

    /// The least there is: a map in memory, and the mapping of the file. No pin, so no eviction.
    pub(crate) fn bare(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            |key: &str| {
                let offset = self.offset(key)? as usize;
                Ok(look(&self.map[offset..offset + self.set.length], plan.use_))
            }
        })
    }
}

/// A file for each object.
pub(crate) struct ManyFiles(TempDir);

impl ManyFiles {
    pub(crate) fn new(set: Set) -> Result<Self, String> {
        let this = Self(crate::folder()?);
        for number in 0..set.objects {
            std::fs::write(this.path(&Set::key(number)), set.object(number)).map_err(text)?;
        }
        Ok(this)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.0.path().join(key.replace('/', "_"))
    }

    pub(crate) fn read(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            |key: &str| {
                Ok(look(
                    &std::fs::read(self.path(key)).map_err(text)?,
                    plan.use_,
                ))
            }
        })
    }

    /// The same through tokio, which hands every file operation to another thread.
    #[cfg(feature = "peers")]
    pub(crate) fn read_with_tokio(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().build();
        let runtime = runtime.map_err(text)?;
        run(plan, ops, || {
            |key: &str| {
                let read = runtime.block_on(tokio::fs::read(self.path(key)));
                Ok(look(&read.map_err(text)?, plan.use_))
            }
        })
    }
}
