//! The two levels of references to the full chunks.
//!
//! # Invariants
//!
//! * **I1** Every branch but the last holds [`BRANCH`] chunks; none is empty, and neither is the
//!   root.
//! * **I2** A root, branch or chunk is changed in place only while it is not shared; one that is
//!   shared is replaced by one that is not.

use super::spares::Spares;
use crate::frozen::{Frozen, SharedVec};

/// Chunks of a branch. A write under a snapshot takes a reference to each chunk of one branch and
/// to each branch: for the 256 chunks of 16 MiB that is 16 and 16. The references to branches are
/// the cheaper ones (a recycled root has most of them already), so there are more of those.
pub(super) const BRANCH: usize = 16;

pub(super) type Branch<T> = SharedVec<Frozen<T>>;
pub(super) type Root<T> = SharedVec<Branch<T>>;

/// The full chunks, in order.
pub(super) struct Spine<T> {
    /// `None` until there is a chunk.
    root: Option<Root<T>>,
}

impl<T> Spine<T> {
    pub(super) const fn new() -> Self {
        Self { root: None }
    }

    pub(super) fn from_chunks(chunks: impl ExactSizeIterator<Item = Frozen<T>>) -> Self {
        let mut root = Vec::with_capacity(chunks.len().div_ceil(BRANCH));
        let mut branch = Vec::new();
        for chunk in chunks {
            if branch.is_empty() {
                branch.reserve_exact(BRANCH);
            }
            branch.push(chunk);
            if branch.len() == BRANCH {
                root.push(SharedVec::new(std::mem::take(&mut branch)));
            }
        }
        if !branch.is_empty() {
            root.push(SharedVec::new(branch));
        }
        Self {
            root: (!root.is_empty()).then(|| SharedVec::new(root)),
        }
    }

    /// The chunk at `index`.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub(super) fn chunk(&self, index: usize) -> &Frozen<T> {
        &self.branches()[index / BRANCH].as_vec()[index % BRANCH]
    }

    /// The chunks of the same branch that come after the one at `index`, which is there.
    pub(super) fn chunks_after(&self, index: usize) -> &[Frozen<T>] {
        &self.branches()[index / BRANCH].as_vec()[index % BRANCH + 1..]
    }

    #[inline]
    pub(super) fn branches(&self) -> &[Branch<T>] {
        self.root.as_ref().map_or(&[], |root| root.as_vec())
    }

    /// The place of the chunk at `index`, to be changed: in a root and a branch that are not shared.
    ///
    /// # Panics
    /// If there are not so many.
    pub(super) fn chunk_mut(&mut self, index: usize, spares: &mut Spares<T>) -> &mut Frozen<T> {
        let root = self.root.as_mut().expect("there is such a chunk");
        let branch = &mut spares.unshare_root(root)[index / BRANCH];
        &mut spares.unshare_branch(branch)[index % BRANCH]
    }

    /// One more chunk at the end.
    pub(super) fn push(&mut self, chunk: Frozen<T>, spares: &mut Spares<T>) {
        let root = self.root.get_or_insert_with(|| SharedVec::new(Vec::new()));
        let branches = spares.unshare_root(root);
        if let Some(last) = branches.last_mut()
            && last.as_vec().len() < BRANCH
        {
            return spares.unshare_branch(last).push(chunk);
        }
        let mut branch = Vec::with_capacity(BRANCH);
        branch.push(chunk);
        branches.push(SharedVec::new(branch));
    }

    /// Takes the root out.
    pub(super) fn into_root(self) -> Option<Root<T>> {
        self.root
    }

    /// Whether both are the same root.
    pub(super) fn ptr_eq(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(a), Some(b)) => a.ptr_eq(b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T> Clone for Spine<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
        }
    }
}
