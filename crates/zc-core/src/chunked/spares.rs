//! What a writer has left over of versions that nobody looks at any more, and uses again.
//!
//! A recycled root or branch is brought up to date by comparing its references with the current
//! ones: most are the same, and cost a load each instead of two atomic additions. What it referred
//! to instead is an old branch, or an old chunk, and is recycled in turn. So a writer whose versions
//! come and go takes one root, one branch and one chunk for each write, gets one of each back, and
//! allocates nothing.
//!
//! # Invariants
//!
//! * **I1** What is kept here is not shared: nobody else refers to it, and so nobody will.
//! * **I2** A kept chunk is the whole of its memory and exactly as long as the buffer's chunks.
//! * **I3** At most [`KEPT`] of each kind are kept, and one root: the memory of one old version.

use super::spine::{Branch, Root};
use crate::frozen::{Frozen, SharedVec};
use crate::ledger;

/// How many branches and chunks are kept.
const KEPT: usize = 4;

pub(super) struct Spares<T> {
    root: Option<Root<T>>,
    branches: Vec<Branch<T>>,
    chunks: Vec<Frozen<T>>,
    chunk_len: usize,
}

impl<T> Spares<T> {
    pub(super) const fn new(chunk_len: usize) -> Self {
        Self {
            root: None,
            branches: Vec::new(),
            chunks: Vec::new(),
            chunk_len,
        }
    }

    /// The branches of `root`, which is replaced first where it is shared.
    #[inline]
    pub(super) fn unshare_root<'a>(&mut self, root: &'a mut Root<T>) -> &'a mut Vec<Branch<T>> {
        if !root.is_unique() {
            let fresh = match self.root.take() {
                Some(spare) => refresh(spare, root.as_vec(), |old| self.keep_branch(old)),
                None => copy(root.as_vec()),
            };
            let old = std::mem::replace(root, fresh);
            self.keep_root(old);
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
            let fresh = match self.branches.pop() {
                Some(spare) => refresh(spare, branch.as_vec(), |old| self.keep_chunk(old)),
                None => copy(branch.as_vec()),
            };
            let old = std::mem::replace(branch, fresh);
            self.keep_branch(old);
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
                let mut to = Vec::with_capacity(chunk.len());
                to.extend_from_slice(before);
                to.extend_from_slice(elements);
                to.extend_from_slice(after);
                Frozen::from_vec(to)
            }
        };
        let old = std::mem::replace(chunk, fresh);
        self.keep_chunk(old);
    }

    /// Keeps `root` for reuse, unless it is shared or one is kept already.
    pub(super) fn keep_root(&mut self, root: Root<T>) {
        if self.root.is_none() && root.is_unique() {
            self.root = Some(root);
        }
    }

    fn keep_branch(&mut self, branch: Branch<T>) {
        if self.branches.len() < KEPT && branch.is_unique() {
            self.branches.push(branch);
        }
    }

    fn keep_chunk(&mut self, mut chunk: Frozen<T>) {
        let fits = self.chunks.len() < KEPT && chunk.len() == self.chunk_len;
        if fits && chunk.whole_mut().is_some() {
            self.chunks.push(chunk);
        }
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.chunk_len);
    }
}

/// References to the same as `list` has.
fn copy<E: Clone>(list: &[E]) -> SharedVec<E> {
    // Room for one more: a spine grows by pushing.
    let mut copy = Vec::with_capacity(list.len().next_multiple_of(super::spine::BRANCH));
    copy.extend_from_slice(list);
    SharedVec::new(copy)
}

/// Brings `spare`, which is not shared, up to date with `list`; what it referred to instead goes to
/// `keep`.
fn refresh<E: Same>(mut spare: SharedVec<E>, list: &[E], mut keep: impl FnMut(E)) -> SharedVec<E> {
    let entries = spare.get_mut().expect("a spare is not shared");
    entries
        .drain(list.len().min(entries.len())..)
        .for_each(&mut keep);
    for (entry, current) in entries.iter_mut().zip(list) {
        if !entry.is_same(current) {
            keep(std::mem::replace(entry, current.clone()));
        }
    }
    entries.extend_from_slice(&list[entries.len()..]);
    spare
}

/// A counted reference that can be told from another.
trait Same: Clone {
    fn is_same(&self, other: &Self) -> bool;
}

impl<T> Same for Frozen<T> {
    #[inline]
    fn is_same(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl<T> Same for SharedVec<T> {
    #[inline]
    fn is_same(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}
