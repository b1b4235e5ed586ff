//! Where things lie in the file.

use crate::error::{CacheError, CacheErrorKind};

/// Size of the header, of its copy and of the session page.
pub(crate) const PAGE: u64 = 4096;
pub(crate) const HEADER: u64 = 0;
pub(crate) const HEADER_COPY: u64 = PAGE;
pub(crate) const SESSION: u64 = 2 * PAGE;
pub(crate) const RECORDS: u64 = 3 * PAGE;
/// Size of one record.
pub(crate) const RECORD: u64 = 128;
/// Slots beyond one a block, for values that take no block at all.
const SPARE_SLOTS: u64 = 64;
/// Longest key.
pub(crate) const MAX_KEY: usize = 65_536;

/// The geometry of one file; fixed when the file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// A power of two in 512 ..= 16 MiB.
    pub(crate) block_size: u64,
    /// Blocks of the data area; at least 1.
    pub(crate) blocks: u64,
    /// Records; at most `u32::MAX - 1`.
    pub(crate) slots: u32,
    /// Where block 0 begins; a multiple of the block size and of 4096.
    pub(crate) data_offset: u64,
}

impl Layout {
    /// The layout for a data area of `capacity` bytes, rounded down to whole blocks.
    pub(crate) fn new(capacity: u64, block_size: u64) -> Result<Self, CacheError> {
        let refuse = |why: String| Err(CacheError::new(CacheErrorKind::InvalidConfig).detail(why));
        if !block_size.is_power_of_two() || !(512..=16 << 20).contains(&block_size) {
            return refuse(format!(
                "block size {block_size}: a power of two from 512 to 16777216"
            ));
        }
        let blocks = capacity / block_size;
        if blocks == 0 {
            return refuse(format!(
                "capacity {capacity}: at least one block of {block_size} bytes"
            ));
        }
        let slots = match u32::try_from(blocks + SPARE_SLOTS) {
            Ok(slots) if slots < u32::MAX && capacity < 1 << 62 => slots,
            _ => {
                return refuse(format!(
                    "capacity {capacity}: at most {} blocks of {block_size} bytes",
                    u64::from(u32::MAX) - SPARE_SLOTS - 1
                ));
            }
        };
        let records_end = RECORDS + u64::from(slots) * RECORD;
        Ok(Self {
            block_size,
            blocks,
            slots,
            data_offset: records_end.next_multiple_of(block_size.max(PAGE)),
        })
    }

    pub(crate) fn file_len(&self) -> u64 {
        self.data_offset + self.capacity()
    }

    /// Bytes of the data area.
    pub(crate) fn capacity(&self) -> u64 {
        self.blocks * self.block_size
    }

    pub(crate) fn record_offset(&self, slot: u32) -> u64 {
        RECORDS + u64::from(slot) * RECORD
    }

    pub(crate) fn block_offset(&self, block: u64) -> u64 {
        self.data_offset + block * self.block_size
    }

    pub(crate) fn block_of(&self, offset: u64) -> u64 {
        (offset - self.data_offset) / self.block_size
    }

    /// Blocks that a value of `len` bytes takes, with the part of its key that the record cannot
    /// hold.
    pub(crate) fn blocks_for(&self, len: u64, key: &[u8]) -> u64 {
        len.saturating_add(super::record::spilled(key).len() as u64)
            .div_ceil(self.block_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_area_is_aligned_and_exactly_as_large_as_asked() {
        for (capacity, block) in [(1 << 20, 4096), (10 << 20, 512), (64 << 20, 1 << 20)] {
            let layout = Layout::new(capacity, block).unwrap();
            assert_eq!(layout.capacity(), capacity);
            assert_eq!(layout.data_offset % block.max(PAGE), 0);
            assert!(layout.record_offset(layout.slots) <= layout.data_offset);
        }
    }

    #[test]
    fn impossible_geometries_are_refused() {
        for (capacity, block) in [(4095, 4096), (1 << 20, 4000), (1 << 20, 0), (u64::MAX, 512)] {
            let error = Layout::new(capacity, block).unwrap_err();
            assert_eq!(error.kind(), CacheErrorKind::InvalidConfig, "{error}");
        }
    }
}
