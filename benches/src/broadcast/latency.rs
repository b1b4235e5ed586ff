//! How long one row takes: there and back, and one way at a pace.
//!
//! A repetition gives one figure, a quantile over all its rows: the time returned is that quantile
//! times the number of rows, so that "time per operation" is the quantile.

use std::time::{Duration, Instant};

use super::{Check, Ends, Rx, Tx, pin};
use crate::threads::{Task, together};

/// Rows before the first that counts.
const WARM_UP: u64 = 1_000;

/// A row goes to the other core and another one comes back; the quantile `q` of the round trips.
///
/// # Errors
/// What was lost or wrong.
pub fn round_trip<T: Tx, R: Rx>(
    there: Ends<T, R>,
    back: Ends<T, R>,
    q: f64,
    rows: u64,
) -> Result<Duration, String> {
    let all = rows + WARM_UP;
    let (mut there, mut out) = there;
    let (mut back, mut home) = back;
    let mut out = out.pop().ok_or("there is no consumer")?;
    let mut home = home.pop().ok_or("there is no consumer")?;
    let mut trips = Vec::with_capacity(usize::try_from(rows).map_err(|e| e.to_string())?);
    let echo: Task<'_> = Box::new(move || {
        pin(1);
        let mut seen = Check::default();
        for number in 0..all {
            while seen.rows <= number {
                out.recv(&mut seen);
            }
            back.one(number);
        }
        seen.verdict(all)
    });
    let trips_of = &mut trips;
    let call: Task<'_> = Box::new(move || {
        pin(0);
        let mut seen = Check::default();
        for number in 0..all {
            let begin = Instant::now();
            there.one(number);
            while seen.rows <= number {
                home.recv(&mut seen);
            }
            if number >= WARM_UP {
                trips_of.push(begin.elapsed());
            }
        }
        seen.verdict(all)
    });
    together(vec![echo, call])?;
    quantile(&mut trips, q)
}

/// A row a microsecond from one core to the other; the quantile `q` of the ways. Both cores read
/// the same clock.
///
/// # Errors
/// What was lost or wrong.
pub fn one_way<T: Tx, R: Rx>(ends: Ends<T, R>, q: f64, rows: u64) -> Result<Duration, String> {
    let all = rows + WARM_UP;
    let (mut tx, mut rxs) = ends;
    let mut rx = rxs.pop().ok_or("there is no consumer")?;
    let room = usize::try_from(all).map_err(|e| e.to_string())?;
    let (mut sent, mut got) = (Vec::with_capacity(room), Vec::with_capacity(room));
    let (sent_of, got_of) = (&mut sent, &mut got);
    let produce: Task<'_> = Box::new(move || {
        pin(0);
        let mut next = Instant::now();
        for number in 0..all {
            next += Duration::from_micros(1);
            let now = loop {
                let now = Instant::now();
                if now >= next {
                    break now;
                }
                std::hint::spin_loop();
            };
            tx.one(number);
            sent_of.push(now);
        }
        Ok(())
    });
    let consume: Task<'_> = Box::new(move || {
        pin(1);
        let mut seen = Check::default();
        while seen.rows < all {
            rx.recv(&mut seen);
            let now = Instant::now();
            // Rows that came together came at the same time.
            while got_of.len() as u64 != seen.rows {
                got_of.push(now);
            }
        }
        seen.verdict(all)
    });
    together(vec![produce, consume])?;
    let warm = usize::try_from(WARM_UP).map_err(|e| e.to_string())?;
    let ways = sent.iter().zip(&got).skip(warm);
    let mut ways: Vec<Duration> = ways
        .map(|(sent, got)| got.saturating_duration_since(*sent))
        .collect();
    quantile(&mut ways, q)
}

/// The quantile, times their number.
pub(super) fn quantile(times: &mut [Duration], q: f64) -> Result<Duration, String> {
    times.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into figures"
    )]
    let at = (times.len().saturating_sub(1) as f64 * q) as usize;
    let one = times.get(at).ok_or("no row was timed")?;
    let times = u32::try_from(times.len()).map_err(|e| e.to_string())?;
    Ok(*one * times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_times() {
        let mut times = [5, 1, 3].map(Duration::from_nanos);
        assert_eq!(quantile(&mut times, 0.5), Ok(Duration::from_nanos(9)));
        assert_eq!(quantile(&mut times, 1.0), Ok(Duration::from_nanos(15)));
        assert!(quantile(&mut [], 0.5).is_err());
    }
}
