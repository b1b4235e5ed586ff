//! A threshold that follows how much room views take.
//!
//! A view is always cheaper than a copy; what it costs is room, because it holds its extent after
//! the object has left. As long as views take no room, the threshold goes down and more hits become
//! views. When unlinked objects that views hold fill half of their budget, it goes up, and more hits
//! become copies that hold nothing.

/// Bounds for a threshold that the cache moves by itself; see
/// [`ZeroCopyConfig::adaptive`](super::ZeroCopyConfig::adaptive).
///
/// It is doubled, up to `max`, by each store that finds more than half of the budget of pinned bytes
/// in use, and halved, down to `min`, after every 64 stores in a row that find none of it in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveThreshold {
    /// Never below this many bytes.
    pub min: usize,
    /// Never above this many bytes.
    pub max: usize,
}

impl Default for AdaptiveThreshold {
    fn default() -> Self {
        Self {
            min: 4 << 10,
            max: 16 << 20,
        }
    }
}

/// Stores without a block lost before the threshold goes down.
const CALM: usize = 64;

impl AdaptiveThreshold {
    /// The threshold and the number of calm stores after one more store.
    pub(super) fn next(
        &self,
        threshold: usize,
        calm: usize,
        lost: u64,
        budget: u64,
    ) -> (usize, usize) {
        let within = |bytes: usize| bytes.min(self.max).max(self.min);
        if lost > budget / 2 {
            return (within(threshold.saturating_mul(2).max(1)), 0);
        }
        match (lost, calm + 1) {
            (0, CALM) => (within(threshold / 2), 0),
            (0, calm) => (within(threshold), calm),
            _ => (within(threshold), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_under_pressure_and_falls_when_there_is_none() {
        let adaptive = AdaptiveThreshold {
            min: 1000,
            max: 5000,
        };
        assert_eq!(adaptive.next(2000, 9, 51, 100), (4000, 0));
        assert_eq!(adaptive.next(4000, 9, 51, 100), (5000, 0), "the upper end");
        assert_eq!(
            adaptive.next(2000, 9, 50, 100),
            (2000, 0),
            "half is not more than half"
        );
        assert_eq!(adaptive.next(2000, 9, 0, 100), (2000, 10));
        assert_eq!(adaptive.next(2000, CALM - 1, 0, 100), (1000, 0));
        assert_eq!(
            adaptive.next(1000, CALM - 1, 0, 100),
            (1000, 0),
            "the lower end"
        );
        assert_eq!(adaptive.next(1, 0, 0, 100), (1000, 1), "brought inside");
    }
}
