//! The figure that a cell wants.

use std::collections::BTreeMap;

use crate::harness::Cell;
use crate::results::Measured;

/// What is wanted of our own work.
pub(crate) enum Goal {
    /// This figure, in the unit of the cell.
    Figure(f64),
    /// So many times what this peer had in the same run.
    Times(f64, String),
}

impl Goal {
    /// In the unit of the cell; `None` where the peer is not there or failed.
    pub(crate) fn figure(&self, peers: &BTreeMap<String, Measured>) -> Option<f64> {
        match self {
            Self::Figure(figure) => Some(*figure),
            Self::Times(times, peer) => match peers.get(peer)? {
                Measured::Figures(figures) => Some(times * figures.median),
                Measured::Failed(_) => None,
            },
        }
    }
}

impl Cell<'_> {
    /// The figure that is wanted, in the unit of the cell.
    #[must_use]
    pub fn goal(mut self, figure: f64) -> Self {
        self.goal = Some(Goal::Figure(figure));
        self
    }

    /// The figure that is wanted is so many times what `peer` has in this run.
    #[must_use]
    pub fn goal_times(mut self, times: f64, peer: &str) -> Self {
        self.goal = Some(Goal::Times(times, peer.to_owned()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Figures;

    #[test]
    fn a_goal_follows_its_peer() {
        let figures = Measured::Figures(Figures::of(&mut [20.0, 10.0, 30.0]));
        let failed = Measured::Failed("hung".to_owned());
        let peers = BTreeMap::from([("a".to_owned(), figures), ("b".to_owned(), failed)]);
        let times = |peer: &str| Goal::Times(0.5, peer.to_owned()).figure(&peers);
        assert_eq!(times("a"), Some(10.0));
        assert_eq!((times("b"), times("c")), (None, None));
        assert_eq!(Goal::Figure(3.0).figure(&peers), Some(3.0));
    }
}
