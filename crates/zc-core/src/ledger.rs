//! The copy ledger: which payload bytes were copied, where.
//!
//! Every place in the workspace that moves payload (not metadata) by copying it reports here, as
//! does every place that delivers it. Tests hold paths that are documented as zero-copy to it, and
//! the demo prints it. Without the feature `ledger` every function below is empty and
//! [`snapshot`] says zero.
//!
//! Counts are of the whole process, so a test that asserts on them runs in a process of its own or
//! takes differences with [`Ledger::since`] while nothing else runs.

/// What has been counted up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Payload bytes handed to whoever asked for them.
    pub delivered: u64,
    /// One entry for each place that copied, in order of first appearance.
    pub sites: Vec<Site>,
}

/// The copies of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Crate and place, such as `agent.submit_small`.
    pub name: &'static str,
    /// Bytes copied there.
    pub bytes: u64,
    /// How many times.
    pub calls: u64,
}

impl Ledger {
    /// Bytes copied at all places together.
    #[must_use]
    pub fn copied(&self) -> u64 {
        self.sites.iter().map(|site| site.bytes).sum()
    }

    /// Bytes copied at the place `name`.
    #[must_use]
    pub fn copied_at(&self, name: &str) -> u64 {
        self.sites
            .iter()
            .find(|site| site.name == name)
            .map_or(0, |site| site.bytes)
    }

    /// What has been counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |name| earlier.sites.iter().find(|site| site.name == name);
        let sites = self.sites.iter().map(|site| {
            let (bytes, calls) = before(site.name).map_or((0, 0), |b| (b.bytes, b.calls));
            Site {
                name: site.name,
                bytes: site.bytes - bytes,
                calls: site.calls - calls,
            }
        });
        Self {
            delivered: self.delivered - earlier.delivered,
            sites: sites.filter(|site| site.calls > 0).collect(),
        }
    }
}

/// Whether this build counts.
#[must_use]
pub const fn is_on() -> bool {
    cfg!(feature = "ledger")
}

/// `bytes` of payload have been copied at the place `site`.
#[inline(always)]
pub fn copied(site: &'static str, bytes: usize) {
    #[cfg(feature = "ledger")]
    counters::copied(site, bytes);
    #[cfg(not(feature = "ledger"))]
    let _ = (site, bytes);
}

/// `bytes` of payload have reached whoever asked for them.
#[inline(always)]
pub fn delivered(bytes: usize) {
    #[cfg(feature = "ledger")]
    counters::delivered(bytes);
    #[cfg(not(feature = "ledger"))]
    let _ = bytes;
}

/// The counts up to now.
#[must_use]
pub fn snapshot() -> Ledger {
    #[cfg(feature = "ledger")]
    return counters::snapshot();
    #[cfg(not(feature = "ledger"))]
    Ledger::default()
}

#[cfg(feature = "ledger")]
mod counters {
    //! A fixed table of counters, filled in order of first appearance; nothing allocates.

    use std::sync::OnceLock;

    use super::{Ledger, Site};
    use crate::sync::atomic::Ordering::Relaxed;
    use crate::sync::unmodelled::AtomicU64;

    /// More places than the workspace has. Places past that share the last entry.
    const MAX_SITES: usize = 64;

    struct Counter {
        name: OnceLock<&'static str>,
        bytes: AtomicU64,
        calls: AtomicU64,
    }

    static DELIVERED: AtomicU64 = AtomicU64::new(0);
    static SITES: [Counter; MAX_SITES] = [const {
        Counter {
            name: OnceLock::new(),
            bytes: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }; MAX_SITES];

    pub(super) fn copied(site: &'static str, bytes: usize) {
        let counter = SITES
            .iter()
            .find(|counter| *counter.name.get_or_init(|| site) == site)
            .unwrap_or(&SITES[MAX_SITES - 1]);
        counter.bytes.fetch_add(bytes as u64, Relaxed);
        counter.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn delivered(bytes: usize) {
        DELIVERED.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn snapshot() -> Ledger {
        let site = |counter: &Counter| {
            Some(Site {
                name: counter.name.get()?,
                bytes: counter.bytes.load(Relaxed),
                calls: counter.calls.load(Relaxed),
            })
        };
        Ledger {
            delivered: DELIVERED.load(Relaxed),
            sites: SITES.iter().map_while(site).collect(),
        }
    }
}

#[cfg(all(test, feature = "ledger", not(any(zc_loom, zc_shuttle))))]
mod tests {
    #[test]
    fn counts_by_place_and_takes_differences() {
        let before = super::snapshot();
        super::copied("test.a", 3);
        super::copied("test.b", 5);
        super::copied("test.a", 4);
        super::delivered(100);
        let ledger = super::snapshot().since(&before);
        assert_eq!(ledger.copied_at("test.a"), 7);
        assert_eq!(ledger.copied_at("test.b"), 5);
        assert_eq!(ledger.copied_at("test.c"), 0);
        assert!(ledger.delivered >= 100);
    }
}
