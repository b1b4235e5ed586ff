//! What waiting for rows costs, and how long waking takes.

use std::time::{Duration, Instant};

use super::latency::quantile;
use super::{Check, Ends, Rx, Tx};
use crate::threads::{Task, together};

/// Consumers wait for `rows` rows that come half a millisecond apart; the quantile `q` of the time from a row's
/// publish until the first of them has it.
///
/// # Errors
/// What was lost or wrong.
pub fn wake_up<T: Tx, R: Rx>(
    (mut tx, rxs): Ends<T, R>,
    q: f64,
    rows: u64,
) -> Result<Duration, String> {
    let room = usize::try_from(rows).map_err(|e| e.to_string())?;
    let mut sent = Vec::with_capacity(room);
    let mut got: Vec<Vec<Instant>> = rxs.iter().map(|_| Vec::with_capacity(room)).collect();
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for (mut rx, got) in rxs.into_iter().zip(&mut got) {
        tasks.push(Box::new(move || {
            let mut seen = Check::default();
            while seen.rows < rows {
                rx.recv(&mut seen);
                let now = Instant::now();
                while (got.len() as u64) < seen.rows {
                    got.push(now);
                }
            }
            seen.verdict(rows)
        }));
    }
    let sent_of = &mut sent;
    tasks.push(Box::new(move || {
        for number in 0..rows {
            std::thread::sleep(Duration::from_micros(500));
            sent_of.push(Instant::now());
            tx.one(number);
        }
        Ok(())
    }));
    together(tasks)?;
    let first = |row: usize| got.iter().filter_map(|one| one.get(row)).min().copied();
    let ways = sent.iter().enumerate();
    let mut ways: Vec<Duration> = ways
        .filter_map(|(row, sent)| Some(first(row)?.saturating_duration_since(*sent)))
        .collect();
    quantile(&mut ways, q)
}

/// Consumers who wait for two tenths of a second for nothing; the processor time that one of them
/// takes of each tenth, times `times`. (A thousandth of a tenth, 100 µs, is 0.1 %.)
///
/// # Errors
/// When the rows that end it are lost, or the system does not say what a thread took.
pub fn idle<T: Tx, R: Rx>((mut tx, rxs): Ends<T, R>, times: u64) -> Result<Duration, String> {
    let mut used = vec![Duration::ZERO; rxs.len()];
    let consumers = u32::try_from(rxs.len()).map_err(|e| e.to_string())?;
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for (mut rx, used) in rxs.into_iter().zip(&mut used) {
        tasks.push(Box::new(move || {
            let begin = processor_time()?;
            let mut seen = Check::default();
            while seen.rows < 1 {
                rx.recv(&mut seen);
            }
            *used = processor_time()? - begin;
            seen.verdict(1)
        }));
    }
    tasks.push(Box::new(move || {
        std::thread::sleep(Duration::from_millis(200));
        tx.one(0);
        Ok(())
    }));
    together(tasks)?;
    let one = used.iter().sum::<Duration>() / consumers / 2;
    Ok(one * u32::try_from(times).map_err(|e| e.to_string())?)
}

/// What the calling thread has used of a processor.
fn processor_time() -> Result<Duration, String> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map(Duration::from).map_err(|e| e.to_string())
}
