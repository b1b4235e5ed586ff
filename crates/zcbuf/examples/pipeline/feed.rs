//! The producer: rows from the source into the ring.

use zcbuf::channel::Sender;
use zcbuf::core::sync::atomic::Ordering::Relaxed;
use zcbuf::ring::RowProducer;

use crate::failure::Failure;
use crate::progress::Progress;
use crate::row::{Columns, Fingerprinter};
use crate::shared::{Shared, Stamps};
use crate::source::{Next, Source};

/// Malformed lines that are reported one by one; the rest only counts.
const REPORTED: u64 = 10;

/// A fingerprint of some consecutive rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub rows: u64,
    pub hash: u64,
}

pub struct Feed<'a> {
    pub source: Source,
    pub limit: Option<u64>,
    pub strict: bool,
    pub producer: RowProducer,
    pub columns: Columns,
    pub fingerprints: Sender<Fingerprint>,
    pub shared: &'a Shared,
    pub stamps: &'a Stamps,
    pub progress: &'a Progress,
}

impl Feed<'_> {
    /// Publishes every row of the source, and says when it is done, also if it fails.
    pub fn run(mut self) -> Result<(), Failure> {
        let mut fingerprinter = Fingerprinter::default();
        let published = self.publish_all(&mut fingerprinter);
        let finished = match fingerprinter.finish() {
            Some((rows, hash)) => self.send(rows, hash),
            None => Ok(()),
        };
        self.shared.end_source();
        published.and(finished)
    }

    fn publish_all(&mut self, fingerprinter: &mut Fingerprinter) -> Result<(), Failure> {
        let mut row_number = 0;
        let limit = self.limit.unwrap_or(u64::MAX);
        while row_number < limit && !self.shared.is_stopped() {
            let row = match self.source.next()? {
                // Stopped in the middle of a line, perhaps.
                _ if self.shared.is_stopped() => break,
                Next::Row(row) => row,
                Next::End => break,
                Next::Malformed { line, why } => {
                    self.malformed(line, &why)?;
                    continue;
                }
            };
            self.stamps.stamp(row_number);
            self.producer
                .push(|to| self.columns.set(to, &row))
                .map_err(Failure::because("publishing a row"))?;
            row_number += 1;
            self.shared.rows_in.store(row_number, Relaxed);
            if let Some(hash) = fingerprinter.add(&row) {
                self.send(crate::row::CHUNK_ROWS, hash)?;
            }
        }
        Ok(())
    }

    fn send(&self, rows: u64, hash: u64) -> Result<(), Failure> {
        self.fingerprints
            .send_blocking(Fingerprint { rows, hash })
            .map_err(|_| Failure::run("the verifier is gone"))
    }

    fn malformed(&self, line: u64, why: &str) -> Result<(), Failure> {
        if self.strict {
            return Err(Failure::input(format!("line {line}: {why}")));
        }
        match self.shared.malformed.fetch_add(1, Relaxed) {
            n if n < REPORTED => self.progress.say(&format!("line {line}: {why}: skipped")),
            REPORTED => self
                .progress
                .say("more malformed lines are skipped without a word"),
            _ => {}
        }
        Ok(())
    }
}
