//! Which blocks are free and which belong to whom.
//!
//! Every block lies in exactly one piece, free or used; free pieces never touch each other. An
//! extent is taken from the smallest free piece that is large enough (the first of those), which
//! keeps large pieces for large objects.

use std::collections::{BTreeMap, BTreeSet};

/// Who holds an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The object in this slot, live or dead.
    Slot(u32),
    /// A store that is being written.
    Busy,
    /// Nobody any more, but pages of it may still wait in a socket's queue.
    Lent,
}

/// A run of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// `None`: free.
    pub(crate) holder: Option<Holder>,
}

/// See the [module documentation](self). All units are blocks.
#[derive(Debug)]
pub(crate) struct Extents {
    free: BTreeMap<u64, u64>,
    by_len: BTreeSet<(u64, u64)>,
    used: BTreeMap<u64, (u64, Holder)>,
    blocks: u64,
    free_blocks: u64,
}

impl Extents {
    /// `blocks` free blocks.
    pub(crate) fn new(blocks: u64) -> Self {
        let mut extents = Self {
            free: BTreeMap::new(),
            by_len: BTreeSet::new(),
            used: BTreeMap::new(),
            blocks,
            free_blocks: 0,
        };
        extents.add_free(0, blocks);
        extents
    }

    pub(crate) fn free_blocks(&self) -> u64 {
        self.free_blocks
    }

    pub(crate) fn free_pieces(&self) -> usize {
        self.free.len()
    }

    /// Every free piece: first block, blocks.
    pub(crate) fn free_list(&self) -> Vec<(u64, u64)> {
        self.free
            .iter()
            .map(|(start, len)| (*start, *len))
            .collect()
    }

    pub(crate) fn largest_free(&self) -> u64 {
        self.by_len.last().map_or(0, |(len, _)| *len)
    }

    /// Takes `len > 0` blocks; gives the first one.
    pub(crate) fn allocate(&mut self, len: u64, holder: Holder) -> Option<u64> {
        let (have, start) = *self.by_len.range((len, 0)..).next()?;
        self.take_free(start, have);
        if have > len {
            self.add_free(start + len, have - len);
        }
        self.used.insert(start, (len, holder));
        Some(start)
    }

    /// Takes exactly these blocks, for an object that was there before; says whether they were
    /// all free.
    pub(crate) fn claim(&mut self, start: u64, len: u64, holder: Holder) -> bool {
        let Some((&at, &have)) = self.free.range(..=start).next_back() else {
            return false;
        };
        if at + have < start + len {
            return false;
        }
        self.take_free(at, have);
        if at < start {
            self.add_free(at, start - at);
        }
        if start + len < at + have {
            self.add_free(start + len, at + have - start - len);
        }
        self.used.insert(start, (len, holder));
        true
    }

    /// These blocks belong to these holders, and the others to nobody. As if each had been
    /// [claimed](Self::claim), at a fraction of the cost. The pieces do not overlap.
    pub(crate) fn with_used(blocks: u64, mut used: Vec<(u64, u64, Holder)>) -> Self {
        used.sort_unstable_by_key(|(start, _, _)| *start);
        let mut free = Vec::new();
        let mut end = 0;
        for (start, len, _) in &used {
            debug_assert!(*start >= end, "block {start} has two holders");
            if *start > end {
                free.push((end, start - end));
            }
            end = start + len;
        }
        if end < blocks {
            free.push((end, blocks - end));
        }
        Self {
            free_blocks: free.iter().map(|(_, len)| len).sum(),
            by_len: free.iter().map(|(start, len)| (*len, *start)).collect(),
            free: free.into_iter().collect(),
            used: used
                .into_iter()
                .map(|(start, len, holder)| (start, (len, holder)))
                .collect(),
            blocks,
        }
    }

    /// Names another holder of the extent at `start`.
    pub(crate) fn hand_over(&mut self, start: u64, holder: Holder) {
        if let Some((_, old)) = self.used.get_mut(&start) {
            *old = holder;
        } else {
            debug_assert!(false, "block {start} starts no extent");
        }
    }

    /// Gives the extent at `start` back, joined with its free neighbours.
    pub(crate) fn release(&mut self, start: u64) {
        let Some((mut len, _)) = self.used.remove(&start) else {
            debug_assert!(false, "block {start} starts no extent");
            return;
        };
        let mut start = start;
        if let Some((&before, &before_len)) = self.free.range(..start).next_back()
            && before + before_len == start
        {
            self.take_free(before, before_len);
            start = before;
            len += before_len;
        }
        if let Some(&after_len) = self.free.get(&(start + len)) {
            self.take_free(start + len, after_len);
            len += after_len;
        }
        self.add_free(start, len);
    }

    /// The slots to empty so that `len` contiguous blocks around the extent at `start` are free:
    /// the extent itself, then its neighbours to the right, then to the left, until that is
    /// enough. `None` if something that `may_go` refuses stands in the way.
    pub(crate) fn window_around(
        &self,
        start: u64,
        len: u64,
        mut may_go: impl FnMut(Holder) -> bool,
    ) -> Option<Vec<u32>> {
        let mut slots = Vec::new();
        let mut have = 0;
        let mut take = |piece: Piece, slots: &mut Vec<u32>| match piece.holder {
            None => true,
            Some(holder @ Holder::Slot(slot)) if may_go(holder) => {
                slots.push(slot);
                true
            }
            Some(_) => false,
        };
        let mut at = start;
        while have < len {
            let Some(piece) = self.piece_at(at) else {
                break;
            };
            if !take(piece, &mut slots) {
                break;
            }
            have += piece.len;
            at = piece.start + piece.len;
        }
        if have == 0 {
            return None;
        }
        let mut at = start;
        while have < len {
            let piece = self.piece_before(at)?;
            if !take(piece, &mut slots) {
                return None;
            }
            have += piece.len;
            at = piece.start;
        }
        Some(slots)
    }

    /// Of all the runs of at least `len` blocks that `may_go` allows to be emptied, the slots of
    /// one that holds the fewest objects. Looks at every piece.
    pub(crate) fn best_window(
        &self,
        len: u64,
        mut may_go: impl FnMut(Holder) -> bool,
    ) -> Option<Vec<u32>> {
        let mut best: Option<Vec<u32>> = None;
        let mut run: std::collections::VecDeque<Piece> = std::collections::VecDeque::new();
        let (mut have, mut objects) = (0, 0);
        let mut at = 0;
        while let Some(piece) = self.piece_at(at) {
            at = piece.start + piece.len;
            if piece.holder.is_some_and(|holder| !may_go(holder)) {
                run.clear();
                (have, objects) = (0, 0);
                continue;
            }
            run.push_back(piece);
            have += piece.len;
            objects += usize::from(piece.holder.is_some());
            while let Some(first) = run.front().filter(|first| have - first.len >= len) {
                have -= first.len;
                objects -= usize::from(first.holder.is_some());
                run.pop_front();
            }
            if have >= len && best.as_ref().is_none_or(|best| objects < best.len()) {
                best = Some(slots_of(&run));
            }
        }
        best
    }

    fn piece_at(&self, start: u64) -> Option<Piece> {
        if start >= self.blocks {
            return None;
        }
        if let Some(&len) = self.free.get(&start) {
            return Some(Piece {
                start,
                len,
                holder: None,
            });
        }
        let (len, holder) = *self.used.get(&start)?;
        Some(Piece {
            start,
            len,
            holder: Some(holder),
        })
    }

    fn piece_before(&self, end: u64) -> Option<Piece> {
        let free = self.free.range(..end).next_back().map(|(start, _)| *start);
        let used = self.used.range(..end).next_back().map(|(start, _)| *start);
        self.piece_at(free.max(used)?)
    }

    fn add_free(&mut self, start: u64, len: u64) {
        self.free.insert(start, len);
        self.by_len.insert((len, start));
        self.free_blocks += len;
    }

    fn take_free(&mut self, start: u64, len: u64) {
        self.free.remove(&start);
        self.by_len.remove(&(len, start));
        self.free_blocks -= len;
    }
}

fn slots_of(run: &std::collections::VecDeque<Piece>) -> Vec<u32> {
    run.iter()
        .filter_map(|piece| match piece.holder {
            Some(Holder::Slot(slot)) => Some(slot),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain array of blocks: never two owners, never a lost block.
        #[test]
        fn agrees_with_a_plain_array(
            steps in prop::collection::vec((0u8..3, 1u64..12, 0usize..20), 1..120),
        ) {
            const BLOCKS: u64 = 64;
            let mut extents = Extents::new(BLOCKS);
            let mut owner = vec![None::<u32>; BLOCKS as usize];
            let mut held: Vec<(u64, u64)> = Vec::new();
            let mut next = 0;
            for (what, len, pick) in steps {
                if what < 2 {
                    next += 1;
                    let longest = longest_run(&owner, |cell| cell.is_none());
                    match extents.allocate(len, Holder::Slot(next)) {
                        Some(start) => {
                            for cell in &mut owner[start as usize..(start + len) as usize] {
                                prop_assert_eq!(cell.replace(next), None);
                            }
                            held.push((start, len));
                        }
                        None => prop_assert!(longest < len),
                    }
                } else if !held.is_empty() {
                    let (start, len) = held.swap_remove(pick % held.len());
                    extents.release(start);
                    owner[start as usize..(start + len) as usize].fill(None);
                }
                let free = owner.iter().filter(|cell| cell.is_none()).count() as u64;
                prop_assert_eq!(extents.free_blocks(), free);
                prop_assert_eq!(extents.largest_free(), longest_run(&owner, |cell| cell.is_none()));
                // Odd slots are pinned: a window exists exactly where a run without them does.
                let may_go = |holder| matches!(holder, Holder::Slot(n) if n % 2 == 0);
                let longest = longest_run(&owner, |cell| cell.is_none_or(|n| n % 2 == 0));
                let window = extents.best_window(len, may_go);
                prop_assert_eq!(window.is_some(), longest >= len);
            }
        }
    }

    fn longest_run(owner: &[Option<u32>], wanted: impl Fn(Option<u32>) -> bool) -> u64 {
        owner
            .split(|cell| !wanted(*cell))
            .map(|run| run.len() as u64)
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn made_at_once_or_one_by_one_it_is_the_same() {
        let used = [(9, 1), (2, 3), (5, 2), (20, 12)];
        let holder = Holder::Slot(7);
        let mut one_by_one = Extents::new(32);
        for (start, len) in used {
            assert!(one_by_one.claim(start, len, holder));
        }
        let used = used.map(|(start, len)| (start, len, holder)).to_vec();
        let at_once = Extents::with_used(32, used);
        assert_eq!(at_once.free_list(), one_by_one.free_list());
        assert_eq!(at_once.free_blocks(), one_by_one.free_blocks());
        assert_eq!(at_once.largest_free(), one_by_one.largest_free());
        assert_eq!(at_once.used, one_by_one.used);
        assert_eq!(at_once.by_len, one_by_one.by_len);
        assert_eq!(Extents::with_used(32, Vec::new()).free_list(), [(0, 32)]);
    }

    #[test]
    fn a_window_grows_to_the_right_then_to_the_left() {
        let mut extents = Extents::new(8);
        for slot in 0..8 {
            assert_eq!(
                extents.allocate(1, Holder::Slot(slot)),
                Some(u64::from(slot))
            );
        }
        let all = |_| true;
        assert_eq!(extents.window_around(3, 2, all), Some(vec![3, 4]));
        assert_eq!(extents.window_around(7, 3, all), Some(vec![7, 6, 5]));
        let but_five = |holder| holder != Holder::Slot(5);
        assert_eq!(extents.window_around(4, 3, but_five), Some(vec![4, 3, 2]));
        assert_eq!(extents.window_around(6, 3, but_five), None);
        assert_eq!(extents.window_around(5, 1, but_five), None);
    }
}
