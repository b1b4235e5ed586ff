//! What a writer has left over of versions that nobody looks at any more, and uses again.
//!
//! A version comes back as a root. It is taken apart at once: its references are compared with the
//! current ones, of which most are the same and cost a load each. What it referred to instead is an
//! old branch, whose old chunk is free if no other version has it; if one has, that one brings it
//! back. So a writer whose versions come and go takes one root, one branch and one chunk for each
//! write, gets one of each back, and allocates nothing.
//!
//! # Invariants
//!
//! * **I1** What is kept here is not shared: nobody else refers to it, and so nobody will.
//! * **I2** A kept chunk is the whole of its memory and exactly as long as the buffer's chunks; a
//!   kept branch is empty. (What a spare referred to could not be told to be free.)
//! * **I3** At most one root, [`KEPT`] branches and [`KEPT`] chunks are kept, those of the reserve
//!   among them.

use std::mem::MaybeUninit;

use super::spine::{BRANCH, Branch, Root};
use crate::frozen::{Frozen, SharedVec};
use crate::ledger;

/// How many branches and chunks are kept: what a writer uses up while a reader that does not run
/// holds on to its version for some time slices. To get memory from the allocator instead, and to
/// give it back, takes ten times as long as the write, most of it page faults.
const KEPT: usize = 16;

pub(super) struct Spares<T> {
    root: Option<Root<T>>,
    branches: Vec<Branch<T>>,
    chunks: Vec<Frozen<T>>,
    /// Memory for chunks that there have not been yet.
    reserve: Vec<Vec<T>>,
    chunk_len: usize,
}

impl<T> Spares<T> {
    pub(super) const fn new(chunk_len: usize) -> Self {
        Self {
            root: None,
            branches: Vec::new(),
            chunks: Vec::new(),
            reserve: Vec::new(),
            chunk_len,
        }
    }

    /// Gets memory for a sixteenth of a buffer of `chunks`, and for their branches and a root, so that
    /// the first writes take no page faults: beside readers that hold on to the first versions those
    /// were the slowest of all.
    pub(super) fn fill_reserve(&mut self, chunks: usize) {
        let wanted = (chunks / BRANCH).min(KEPT);
        if wanted == 0 {
            return;
        }
        let missing = wanted.saturating_sub(self.chunks.len() + self.reserve.len());
        let memory = (0..missing).map(|_| touched(self.chunk_len));
        self.reserve.extend(memory);
        let missing = wanted.saturating_sub(self.branches.len());
        let empty = (0..missing).map(|_| SharedVec::new(touched(BRANCH)));
        self.branches.extend(empty);
        let branches = chunks.div_ceil(BRANCH);
        self.root
            .get_or_insert_with(|| SharedVec::new(touched(branches)));
        // Room for what comes back, so that keeping it allocates nothing.
        self.chunks.reserve_exact(KEPT - self.chunks.len());
        self.branches.reserve_exact(KEPT - self.branches.len());
    }

    /// The branches of `root`, which is replaced first where it is shared.
    #[inline]
    pub(super) fn unshare_root<'a>(&mut self, root: &'a mut Root<T>) -> &'a mut Vec<Branch<T>> {
        if !root.is_unique() {
            *root = match self.root.take() {
                Some(spare) => self.up_to_date(spare, root.as_vec()),
                None => copy(SharedVec::new(Vec::new()), root.as_vec()),
            };
        }
        root.get_mut().expect("it is not shared")
    }

    /// The chunks of `branch`, which is replaced first where it is shared.
    #[inline]
    pub(super) fn unshare_branch<'a>(
        &mut self,
        branch: &'a mut Branch<T>,
    ) -> &'a mut Vec<Frozen<T>> {
        if !branch.is_unique() {
            let spare = self.branches.pop();
            let spare = spare.unwrap_or_else(|| SharedVec::new(Vec::new()));
            *branch = copy(spare, branch.as_vec());
        }
        branch.get_mut().expect("it is not shared")
    }

    /// The elements of `chunk` with those from `at` on replaced by `elements`, in place where the
    /// chunk is not shared.
    pub(super) fn write_chunk(&mut self, chunk: &mut Frozen<T>, at: usize, elements: &[T])
    where
        T: Clone,
    {
        if let Some(to) = chunk.whole_mut() {
            return to[at..at + elements.len()].clone_from_slice(elements);
        }
        let end = at + elements.len();
        let (before, after) = (&chunk[..at], &chunk[end..]);
        ledger::copied("core.chunk_copy", size_of_val(before) + size_of_val(after));
        let fresh = match self.chunks.pop() {
            Some(mut spare) => {
                let to = spare.whole_mut().expect("a spare is not shared");
                to[..at].clone_from_slice(before);
                to[at..end].clone_from_slice(elements);
                to[end..].clone_from_slice(after);
                spare
            }
            None => {
                let mut to = self.reserve.pop().unwrap_or_default();
                to.reserve_exact(chunk.len());
                to.extend_from_slice(before);
                to.extend_from_slice(elements);
                to.extend_from_slice(after);
                Frozen::from_vec(to)
            }
        };
        let old = std::mem::replace(chunk, fresh);
        self.keep_chunk(old);
    }

    /// Keeps what nobody else has of an old version: its root, made equal to `current`, and the
    /// branches and chunks that the current version has replaced.
    pub(super) fn keep_version(&mut self, mut root: Root<T>, current: &[Branch<T>]) {
        let Some(branches) = root.get_mut() else {
            return;
        };
        if self.root.is_some() {
            return branches.drain(..).for_each(|old| self.keep_branch(old));
        }
        self.root = Some(self.up_to_date(root, current));
    }

    /// Makes `root`, which is not shared, refer to the same as `current`.
    fn up_to_date(&mut self, mut root: Root<T>, current: &[Branch<T>]) -> Root<T> {
        let branches = root.get_mut().expect("a spare is not shared");
        let more = current.len().min(branches.len());
        branches.drain(more..).for_each(|old| self.keep_branch(old));
        for (branch, current) in branches.iter_mut().zip(current) {
            if !branch.ptr_eq(current) {
                self.keep_branch(std::mem::replace(branch, current.clone()));
            }
        }
        branches.extend_from_slice(&current[more..]);
        root
    }

    fn keep_branch(&mut self, mut branch: Branch<T>) {
        let Some(chunks) = branch.get_mut() else {
            return;
        };
        chunks.drain(..).for_each(|old| self.keep_chunk(old));
        if self.branches.len() < KEPT {
            self.branches.push(branch);
        }
    }

    fn keep_chunk(&mut self, mut chunk: Frozen<T>) {
        let room = self.chunks.len() + self.reserve.len() < KEPT;
        let fits = room && chunk.len() == self.chunk_len;
        if fits && chunk.whole_mut().is_some() {
            self.chunks.push(chunk);
        }
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.chunk_len);
    }
}

/// An empty vector with room for `len` elements, each page of which has been written to.
fn touched<T>(len: usize) -> Vec<T> {
    /// Pages are no smaller than this.
    const PAGE: usize = 4096;
    let mut vec = Vec::with_capacity(len);
    let room: &mut [MaybeUninit<T>] = vec.spare_capacity_mut();
    let (start, bytes) = (room.as_mut_ptr().cast::<u8>(), size_of_val(room));
    for at in (0..bytes).step_by(PAGE) {
        // SAFETY: in bounds of memory that is borrowed here and holds nothing. (Volatile: it is
        // the page that matters, not what is written.)
        unsafe { start.add(at).write_volatile(0) };
    }
    vec
}

/// References to the same as `list` has, in `empty`, which is not shared.
fn copy<E: Clone>(mut empty: SharedVec<E>, list: &[E]) -> SharedVec<E> {
    let copy = empty.get_mut().expect("a spare is not shared");
    // Room for one more: a spine grows by pushing.
    copy.reserve_exact(list.len().next_multiple_of(BRANCH));
    copy.extend_from_slice(list);
    empty
}
