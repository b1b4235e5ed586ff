//! One message of market data, and its columns in the ring.

use xxhash_rust::xxh3::Xxh3;
use zcbuf::ring::{ColumnHandle, DeltaWidth, RowBatch, RowError, RowMut, Schema, SchemaError};

/// One quote, trade or depth level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub local_ts_ns: i64,
    pub exch_ts_ms: i64,
    pub instrument: u32,
    pub kind: u8,
    pub side: u8,
    pub update_id: i64,
    pub price_ticks: i64,
    pub qty_lots: i64,
}

/// Names of the columns, in the input and in the ring alike.
pub const COLUMNS: [&str; 8] = [
    "local_ts_ns",
    "exch_ts_ms",
    "instrument_id",
    "kind",
    "side",
    "update_id",
    "price_ticks",
    "qty_lots",
];

/// The ring's columns, checked against the schema once.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    pub local_ts_ns: ColumnHandle<i64>,
    pub exch_ts_ms: ColumnHandle<i64>,
    pub instrument: ColumnHandle<u32>,
    pub kind: ColumnHandle<u8>,
    pub side: ColumnHandle<u8>,
    pub update_id: ColumnHandle<i64>,
    pub price_ticks: ColumnHandle<i64>,
    pub qty_lots: ColumnHandle<i64>,
}

/// Timestamps rise slowly: within a block of rows they fit 32 bits beside a common base.
pub fn schema() -> Result<Schema, SchemaError> {
    let [local, exch, instrument, kind, side, update, price, qty] = COLUMNS;
    Schema::builder()
        .i64(local)
        .delta(DeltaWidth::I32)
        .i64(exch)
        .delta(DeltaWidth::I32)
        .u32(instrument)
        .u8(kind)
        .u8(side)
        .i64(update)
        .i64(price)
        .i64(qty)
        .build()
}

impl Columns {
    pub fn of(schema: &Schema) -> Result<Self, SchemaError> {
        let [local, exch, instrument, kind, side, update, price, qty] = COLUMNS;
        Ok(Self {
            local_ts_ns: schema.column(local)?,
            exch_ts_ms: schema.column(exch)?,
            instrument: schema.column(instrument)?,
            kind: schema.column(kind)?,
            side: schema.column(side)?,
            update_id: schema.column(update)?,
            price_ticks: schema.column(price)?,
            qty_lots: schema.column(qty)?,
        })
    }

    /// Fills one row of the ring.
    pub fn set(&self, to: &mut RowMut<'_>, row: &Row) -> Result<(), RowError> {
        to.set(self.local_ts_ns, row.local_ts_ns)?;
        to.set(self.exch_ts_ms, row.exch_ts_ms)?;
        to.set(self.instrument, row.instrument)?;
        to.set(self.kind, row.kind)?;
        to.set(self.side, row.side)?;
        to.set(self.update_id, row.update_id)?;
        to.set(self.price_ticks, row.price_ticks)?;
        to.set(self.qty_lots, row.qty_lots)
    }
}

/// What the bar aggregator looks at.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    pub local_ts_ns: i64,
    pub instrument: u32,
    pub kind: u8,
    pub price_ticks: i64,
    pub qty_lots: i64,
}

impl From<&Row> for Tick {
    fn from(row: &Row) -> Self {
        Self {
            local_ts_ns: row.local_ts_ns,
            instrument: row.instrument,
            kind: row.kind,
            price_ticks: row.price_ticks,
            qty_lots: row.qty_lots,
        }
    }
}

/// Calls `f` with every tick of a batch, read in place.
pub fn for_each_tick<E>(
    batch: &RowBatch<'_>,
    columns: &Columns,
    mut f: impl FnMut(Tick) -> Result<(), E>,
) -> Result<(), E> {
    let local_ts_ns = batch.column(columns.local_ts_ns);
    let instrument = batch.column(columns.instrument);
    let kind = batch.column(columns.kind);
    let price_ticks = batch.column(columns.price_ticks);
    let qty_lots = batch.column(columns.qty_lots);
    let values = (local_ts_ns.iter().zip(instrument.iter()).zip(kind.iter()))
        .zip(price_ticks.iter().zip(qty_lots.iter()));
    for (((local_ts_ns, instrument), kind), (price_ticks, qty_lots)) in values {
        f(Tick {
            local_ts_ns,
            instrument,
            kind,
            price_ticks,
            qty_lots,
        })?;
    }
    Ok(())
}

/// Rows under one fingerprint.
pub const CHUNK_ROWS: u64 = 1024;

/// Fingerprints of a stream of rows, one for every [`CHUNK_ROWS`] and one for the rest.
///
/// The source makes them before the rows enter the ring, the verifier from what came back over
/// HTTP; 8 bytes a chunk let an input of any length be checked row by row, also one that can be
/// read only once.
#[derive(Default)]
pub struct Fingerprinter {
    hash: Xxh3,
    rows: u64,
}

impl Fingerprinter {
    /// Adds a row; gives the fingerprint of the chunk that it completes.
    pub fn add(&mut self, row: &Row) -> Option<u64> {
        let mut packed = [0_u8; 46];
        packed[..8].copy_from_slice(&row.local_ts_ns.to_le_bytes());
        packed[8..16].copy_from_slice(&row.exch_ts_ms.to_le_bytes());
        packed[16..24].copy_from_slice(&row.update_id.to_le_bytes());
        packed[24..32].copy_from_slice(&row.price_ticks.to_le_bytes());
        packed[32..40].copy_from_slice(&row.qty_lots.to_le_bytes());
        packed[40..44].copy_from_slice(&row.instrument.to_le_bytes());
        packed[44] = row.kind;
        packed[45] = row.side;
        self.hash.update(&packed);
        self.rows += 1;
        if self.rows == CHUNK_ROWS {
            self.finish().map(|(_, hash)| hash)
        } else {
            None
        }
    }

    /// The rows since the last complete chunk and their fingerprint, if there are any.
    pub fn finish(&mut self) -> Option<(u64, u64)> {
        if self.rows == 0 {
            return None;
        }
        let hash = self.hash.digest();
        self.hash.reset();
        Some((std::mem::take(&mut self.rows), hash))
    }
}
