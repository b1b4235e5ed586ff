//! Which fetched objects are worth a place.

use zc_core::sync::atomic::{AtomicU64, Ordering};

/// Which of the objects that `get_or_fetch` fetches are kept. What a program stores itself is always
/// kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// All of them.
    #[default]
    Everything,
    /// Those that were fetched before, not long ago: objects that are asked for once, as most are in
    /// many workloads, push nothing out and cost no write.
    SecondFetch,
}

impl Admission {
    /// A doorkeeper for a cache of so many slots, if the policy needs one.
    pub(crate) fn doorkeeper(self, slots: u32) -> Option<Doorkeeper> {
        (self == Self::SecondFetch).then(|| Doorkeeper::new(4 * slots as usize))
    }
}

/// Remembers the hashes of keys in a table of fixed size in which newer ones replace older ones.
///
/// A hash has one place. So what was remembered is forgotten when another key falls on its place,
/// after about as many other keys as there are places.
#[derive(Debug)]
pub(crate) struct Doorkeeper(Box<[AtomicU64]>);

impl Doorkeeper {
    fn new(places: usize) -> Self {
        let places = places.next_power_of_two();
        Self((0..places).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether `hash` came by before; if not, it is remembered.
    pub(crate) fn admits(&self, hash: u64) -> bool {
        let place = &self.0[(hash >> 32) as usize & (self.0.len() - 1)];
        // Zero is empty.
        let mark = hash | 1;
        place.swap(mark, Ordering::Relaxed) == mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_time_is_let_in() {
        let door = Admission::SecondFetch.doorkeeper(10).unwrap();
        assert!(Admission::Everything.doorkeeper(10).is_none());
        let hashes: Vec<u64> = (1..=8).map(|n| n << 33 | n << 3).collect();
        assert!(hashes.iter().all(|hash| !door.admits(*hash)));
        assert!(hashes.iter().all(|hash| door.admits(*hash)));
        // Another key on the same place.
        assert!(!door.admits(hashes[0] ^ 0x10));
        assert!(!door.admits(hashes[0]), "forgotten");
    }
}
