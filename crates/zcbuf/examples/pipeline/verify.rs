//! The client: fetches every group over HTTP, decodes its blocks and checks every row.

use std::net::SocketAddr;
use std::time::Duration;

use zcbuf::channel::Receiver;
use zcbuf::core::Frozen;
use zcbuf::core::sync::atomic::Ordering::Relaxed;
use zcbuf::ring::Block;

use crate::bars::{BarBuilder, BarSummary, Latency, latency_histogram};
use crate::failure::Failure;
use crate::feed::Fingerprint;
use crate::http::Client;
use crate::row::{Columns, Fingerprinter, Row, Tick};
use crate::shared::{Shared, Stamps};
use crate::store::Stored;

/// Fingerprints are made ahead of the rows' way through everything; only one that never comes
/// takes so long.
const PATIENCE: Duration = Duration::from_millis(500);

/// What came back.
#[derive(Debug)]
pub struct Verified {
    pub rows: u64,
    /// Rows whose chunk has another fingerprint than the source gave it.
    pub wrong: u64,
    pub bars: BarSummary,
    /// From publication to verification, in nanoseconds.
    pub latency: Latency,
}

pub struct Verifier<'a> {
    pub server: SocketAddr,
    pub stored: Receiver<Stored>,
    pub fingerprints: Receiver<Fingerprint>,
    pub columns: Columns,
    pub shared: &'a Shared,
    pub stamps: &'a Stamps,
}

impl Verifier<'_> {
    pub fn run(self) -> Result<Verified, Failure> {
        let mut client = Client::connect(self.server)?;
        let mut state = Checks::new(&self)?;
        while let Some(group) = self.stored.recv_blocking() {
            let bytes = client.fetch(&group.key, group.len)?;
            self.shared
                .fetched_bytes
                .fetch_add(bytes.len() as u64, Relaxed);
            for block in Block::split(Frozen::from_vec(bytes)) {
                state.check(
                    &block.map_err(Failure::because(format_args!("decoding {}", group.key)))?,
                )?;
            }
        }
        state.finish()
    }
}

struct Checks<'a> {
    verifier: &'a Verifier<'a>,
    fingerprinter: Fingerprinter,
    builder: BarBuilder,
    result: Verified,
}

impl<'a> Checks<'a> {
    fn new(verifier: &'a Verifier<'a>) -> Result<Self, Failure> {
        Ok(Self {
            verifier,
            fingerprinter: Fingerprinter::default(),
            builder: BarBuilder::default(),
            result: Verified {
                rows: 0,
                wrong: 0,
                bars: BarSummary::default(),
                latency: latency_histogram()?,
            },
        })
    }

    fn check(&mut self, block: &Block) -> Result<(), Failure> {
        let undecodable = || Failure::because("decoding a column");
        let c = &self.verifier.columns;
        let local = block.column(c.local_ts_ns).map_err(undecodable())?;
        let exch = block.column(c.exch_ts_ms).map_err(undecodable())?;
        let instrument = block.column(c.instrument).map_err(undecodable())?;
        let kind = block.column(c.kind).map_err(undecodable())?;
        let side = block.column(c.side).map_err(undecodable())?;
        let update = block.column(c.update_id).map_err(undecodable())?;
        let price = block.column(c.price_ticks).map_err(undecodable())?;
        let qty = block.column(c.qty_lots).map_err(undecodable())?;
        for i in 0..block.rows() {
            self.row(&Row {
                local_ts_ns: local[i],
                exch_ts_ms: exch[i],
                instrument: instrument[i],
                kind: kind[i],
                side: side[i],
                update_id: update[i],
                price_ticks: price[i],
                qty_lots: qty[i],
            })?;
        }
        let first = block.sequence();
        let ages = self
            .verifier
            .stamps
            .ages(first..first + block.rows() as u64);
        ages.for_each(|age| self.result.latency.saturating_record(age));
        Ok(())
    }

    fn row(&mut self, row: &Row) -> Result<(), Failure> {
        if let Some(bar) = self.builder.add(Tick::from(row)) {
            self.result.bars.add(&bar);
        }
        match self.fingerprinter.add(row) {
            Some(hash) => self.compare(crate::row::CHUNK_ROWS, hash),
            None => Ok(()),
        }
    }

    /// Holds the fingerprint of some rows against the source's.
    fn compare(&mut self, rows: u64, hash: u64) -> Result<(), Failure> {
        let expected = match self.verifier.fingerprints.recv_timeout(PATIENCE) {
            Ok(expected) => expected,
            // The source was left behind in the middle of a chunk: these rows stay unverified.
            Err(_) if self.verifier.shared.is_interrupted() => return Ok(()),
            Err(_) => return Err(Failure::run("more rows came back than went in")),
        };
        if expected == (Fingerprint { rows, hash }) {
            self.result.rows += rows;
        } else {
            self.result.wrong += rows;
        }
        self.verifier
            .shared
            .verified_rows
            .store(self.result.rows, Relaxed);
        Ok(())
    }

    fn finish(mut self) -> Result<Verified, Failure> {
        if let Some((rows, hash)) = self.fingerprinter.finish() {
            self.compare(rows, hash)?;
        }
        let builder = std::mem::take(&mut self.builder);
        builder.finish().for_each(|bar| self.result.bars.add(&bar));
        Ok(self.result)
    }
}
