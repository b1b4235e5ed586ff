//! Blocks that belong to nobody, but whose pages some socket's queue may still refer to.
//!
//! They stay out of the free blocks until the kernel has dropped their pages (see
//! [`drop_unreferenced`](pages::drop_unreferenced)). That holds across processes: what a killed
//! process has sent may still wait to be read. So when a file is opened again in the same boot of
//! the machine, every free block whose page is in memory begins its life here.
//!
//! A page can also stay because the kernel keeps it in one piece with a page of a living object, so
//! the proof may never come. Blocks lent in this session wait all the same (there is a bound on
//! them, beyond which sends copy). *Inherited* ones, of which nobody knows that they were sent at
//! all, are used as a last resort, when a store would otherwise fail: then a reader that is slower
//! than the death of its server, the next opening, and all of the room in between can see them change.

use zc_core::sync::atomic::Ordering;

use super::writer::Writer;
use crate::io::pages;
use crate::log::extents::Holder;
use crate::shared::Shared;

/// Pieces looked at in one sweep; each costs three system calls.
const TRIES: usize = 32;
/// Blocks are looked at in parts of this many bytes, to bound the memory for the answer.
const PART: u64 = 64 << 20;

/// One run of lent blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loan {
    pub(crate) block: u64,
    pub(crate) blocks: u64,
    /// Suspected because of an earlier session, not lent in this one.
    pub(crate) inherited: bool,
}

impl Writer {
    /// As [`collect_lent`](Self::collect_lent), for all of them, and dirty pages are written first,
    /// since only clean ones can be dropped. Waits for the disk: for when there is no other room.
    pub(crate) fn collect_lent_by_force(&mut self, shared: &Shared) -> bool {
        let layout = &shared.layout;
        for loan in &self.lent {
            let len = loan.blocks * layout.block_size;
            pages::write_back(&shared.file, layout.block_offset(loan.block), len);
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
            let Some(loan) = self.lent.pop_front() else {
                break;
            };
            self.take_back(shared, loan);
            freed |= self.lend_what_stayed(shared, loan) < loan.blocks;
        }
        freed
    }

    /// Frees the inherited blocks without proof; says whether there were any. See the top.
    pub(crate) fn trust_inherited(&mut self, shared: &Shared) -> bool {
        let lent = self.lent.len();
        for _ in 0..lent {
            match self.lent.pop_front() {
                Some(loan) if loan.inherited => self.take_back(shared, loan),
                Some(loan) => self.lent.push_back(loan),
                None => {}
            }
        }
        self.lent.len() < lent
    }

    fn take_back(&mut self, shared: &Shared, loan: Loan) {
        self.extents.release(loan.block);
        shared.lent_blocks.fetch_sub(loan.blocks, Ordering::Relaxed);
    }

    /// Puts every free block aside whose page does not go away. When a file is opened.
    pub(crate) fn suspect_free_blocks(&mut self, shared: &Shared) {
        let part = (PART / shared.layout.block_size).max(1);
        for (start, len) in self.extents.free_list() {
            for at in (start..start + len).step_by(part as usize) {
                let free = Loan {
                    block: at,
                    blocks: part.min(start + len - at),
                    inherited: true,
                };
                self.lend_what_stayed(shared, free);
            }
        }
    }

    /// Of these free blocks, takes those whose pages stay in memory; gives their number.
    fn lend_what_stayed(&mut self, shared: &Shared, free: Loan) -> u64 {
        let layout = &shared.layout;
        let (offset, len) = (
            layout.block_offset(free.block),
            free.blocks * layout.block_size,
        );
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
            self.lent.push_back(Loan {
                block: first,
                blocks: end - first,
                ..free
            });
            lent += end - first;
        }
        shared.lent_blocks.fetch_add(lent, Ordering::Relaxed);
        lent
    }
}
