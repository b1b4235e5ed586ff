//! What the figures of a cell count.

use std::time::Duration;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unit {
    /// Nanoseconds for one operation; lower is better.
    NsPerOp,
    /// 10^9 bytes a second, where one operation moves this many bytes; higher is better.
    GigabytesPerSecond {
        /// Bytes that one operation moves.
        bytes: u64,
    },
    /// How often something happens in one operation; lower is better. The work gives the count in
    /// place of a time, as so many nanoseconds.
    PerOp {
        /// What is counted, and per what.
        what: &'static str,
        /// Operations of a measured repetition.
        ops: u64,
    },
    /// 10^6 steps a second, where one operation is this many (one by each thread, say); higher is
    /// better.
    MillionsPerSecond {
        /// Steps that one operation takes.
        steps: u64,
    },
    /// The work gives back a latency itself, a percentile of this many operations, instead of the
    /// time they took; nanoseconds, lower is better.
    Latency {
        /// Operations of a measured repetition.
        ops: u64,
    },
}

impl Unit {
    #[expect(clippy::cast_precision_loss, reason = "figures have three digits")]
    pub(crate) fn figure(self, elapsed: Duration, ops: u64) -> f64 {
        let seconds = elapsed.as_secs_f64();
        match self {
            Self::NsPerOp => seconds * 1e9 / ops as f64,
            Self::GigabytesPerSecond { bytes } => (ops * bytes) as f64 / seconds / 1e9,
            Self::PerOp { .. } => elapsed.as_nanos() as f64 / ops as f64,
            Self::MillionsPerSecond { steps } => (ops * steps) as f64 / seconds / 1e6,
            Self::Latency { .. } => seconds * 1e9,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NsPerOp => "ns/op",
            Self::PerOp { what, .. } => what,
            Self::GigabytesPerSecond { .. } => "GB/s",
            Self::MillionsPerSecond { .. } => "M/s",
            Self::Latency { .. } => "ns",
        }
    }

    pub(crate) fn better(self) -> &'static str {
        match self {
            Self::NsPerOp | Self::PerOp { .. } | Self::Latency { .. } => "lower",
            Self::GigabytesPerSecond { .. } | Self::MillionsPerSecond { .. } => "higher",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_they_say() {
        let second = Duration::from_secs(1);
        assert!((Unit::NsPerOp.figure(second, 1_000_000) - 1000.0).abs() < 1e-6);
        let unit = Unit::GigabytesPerSecond { bytes: 8 };
        assert!((unit.figure(second, 1_000_000_000) - 8.0).abs() < 1e-6);
    }
}
