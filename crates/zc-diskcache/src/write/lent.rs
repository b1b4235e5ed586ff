//! Blocks that belong to nobody, but whose pages some socket's queue may still refer to.
//!
//! They stay out of the free blocks until the kernel has dropped their pages (see
//! [`drop_unreferenced`](pages::drop_unreferenced)). That holds across processes: what a killed
//! process has sent may still wait to be read. So when a file is opened again in the same boot of
//! the machine, every free block whose page is in memory begins its life here.

use zc_core::sync::atomic::Ordering;

use super::writer::Writer;
use crate::io::pages;
use crate::log::extents::Holder;
use crate::shared::Shared;

/// Pieces looked at in one sweep; each costs three system calls.
const TRIES: usize = 32;
/// Blocks are looked at in parts of this many bytes, to bound the memory for the answer.
const PART: u64 = 64 << 20;

impl Writer {
    /// As [`collect_lent`](Self::collect_lent), for all of them, and dirty pages are written first,
    /// since only clean ones can be dropped. Waits for the disk: for when there is no other room.
    pub(crate) fn collect_lent_by_force(&mut self, shared: &Shared) -> bool {
        let layout = &shared.layout;
        for (block, blocks) in &self.lent {
            let len = blocks * layout.block_size;
            pages::write_back(&shared.file, layout.block_offset(*block), len);
        }
        let mut freed = false;
        for _ in 0..self.lent.len().div_ceil(TRIES) {
            freed |= self.collect_lent(shared);
        }
        freed
    }

    /// Frees lent blocks that the kernel has let go of; says whether there were any.
    pub(crate) fn collect_lent(&mut self, shared: &Shared) -> bool {
        let mut freed = false;
        for _ in 0..self.lent.len().min(TRIES) {
            let Some((block, blocks)) = self.lent.pop_front() else {
                break;
            };
            self.extents.release(block);
            shared.lent_blocks.fetch_sub(blocks, Ordering::Relaxed);
            freed |= self.lend_what_stayed(shared, block, blocks) < blocks;
        }
        freed
    }

    /// Puts every free block aside whose page does not go away. When a file is opened.
    pub(crate) fn suspect_free_blocks(&mut self, shared: &Shared) {
        let part = (PART / shared.layout.block_size).max(1);
        for (start, len) in self.extents.free_list() {
            for at in (start..start + len).step_by(part as usize) {
                self.lend_what_stayed(shared, at, part.min(start + len - at));
            }
        }
    }

    /// Of these free blocks, takes those whose pages stay in memory; gives their number.
    fn lend_what_stayed(&mut self, shared: &Shared, block: u64, blocks: u64) -> u64 {
        let layout = &shared.layout;
        let (offset, len) = (layout.block_offset(block), blocks * layout.block_size);
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (from, len) in pages::drop_unreferenced(&shared.file, &shared.map, offset, len) {
            let (first, end) = (layout.block_of(from), layout.block_of(from + len - 1) + 1);
            // Two runs of pages may lie in one block.
            match runs.last_mut() {
                Some((_, last)) if *last >= first => *last = end,
                _ => runs.push((first, end)),
            }
        }
        let mut lent = 0;
        for (first, end) in runs {
            let claimed = self.extents.claim(first, end - first, Holder::Lent);
            debug_assert!(claimed, "these blocks were free");
            self.lent.push_back((first, end - first));
            lent += end - first;
        }
        shared.lent_blocks.fetch_add(lent, Ordering::Relaxed);
        lent
    }
}
