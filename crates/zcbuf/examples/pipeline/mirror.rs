//! The fourth consumer, where a file is asked for: the same rows in a ring that other processes can open
//! or watch (`zc-ring-stat`). It reads back what it has published, and compares.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zcbuf::ring::{
    Column, ConsumerOptions, Poll, RowBatch, RowConsumer, RowRing, SharedConsumer, SharedProducer,
    SharedRing,
};

use crate::RING_ROWS;
use crate::failure::Failure;
use crate::row::{Columns, schema};
use crate::shared::Shared;

/// How often it looks whether anything will come.
const PERIOD: Duration = Duration::from_millis(20);
/// Rows at a time: a part of the ring, so that there is room while others read.
const BATCH_ROWS: usize = 1024;

/// A ring in a file, and both ends of it. The file goes with it.
pub struct Mirror {
    producer: SharedProducer,
    readback: SharedConsumer,
    columns: Columns,
    _ring: SharedRing,
    _file: RingFile,
}

/// Goes with its handle, also where the ring in it is of no use.
struct RingFile(PathBuf);

impl Mirror {
    /// Creates the file.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let unusable = |error: &dyn std::fmt::Display| Failure::input(format!("--shared: {error}"));
        let schema = schema().map_err(Failure::because("the schema"))?;
        let columns = Columns::of(&schema).map_err(Failure::because("the schema"))?;
        let ring =
            RowRing::create_shared(path, schema, RING_ROWS).map_err(|error| unusable(&error))?;
        let file = RingFile(full(path));
        let producer = ring.producer();
        let options = ConsumerOptions {
            name: "readback",
            ..Default::default()
        };
        let readback = ring.consumer(options);
        Ok(Self {
            producer: producer.map_err(|error| unusable(&error))?,
            readback: readback.map_err(|error| unusable(&error))?,
            columns,
            _ring: ring,
            _file: file,
        })
    }

    /// Publishes every row of the demo's ring in the file too, until nothing more will come.
    pub fn run(
        mut self,
        mut rows: RowConsumer,
        from: &Columns,
        shared: &Shared,
    ) -> Result<(), Failure> {
        loop {
            let ended = shared.source_has_ended();
            rows.ready_timeout(PERIOD);
            match rows.poll(BATCH_ROWS) {
                Poll::Rows(batch) => self.pass_on(&batch, from)?,
                Poll::Empty if !ended => {}
                Poll::Empty | Poll::Closed => return Ok(()),
                other => {
                    return Err(Failure::run(format!(
                        "the mirror lost its place: {other:?}"
                    )));
                }
            }
        }
    }

    fn pass_on(&mut self, batch: &RowBatch<'_>, from: &Columns) -> Result<(), Failure> {
        let to = self.columns;
        let local = batch.column(from.local_ts_ns);
        let exch = batch.column(from.exch_ts_ms);
        let instrument = batch.column(from.instrument);
        let (kind, side) = (batch.column(from.kind), batch.column(from.side));
        let update = batch.column(from.update_id);
        let price = batch.column(from.price_ticks);
        let qty = batch.column(from.qty_lots);
        self.producer
            .push_batch(batch.len(), |row, mirrored| {
                let row_of = |column: &Column<'_, i64>| column.get(row).unwrap_or_default();
                mirrored.set(to.local_ts_ns, row_of(&local))?;
                mirrored.set(to.exch_ts_ms, row_of(&exch))?;
                mirrored.set(to.instrument, instrument.get(row).unwrap_or_default())?;
                mirrored.set(to.kind, kind.get(row).unwrap_or_default())?;
                mirrored.set(to.side, side.get(row).unwrap_or_default())?;
                mirrored.set(to.update_id, row_of(&update))?;
                mirrored.set(to.price_ticks, row_of(&price))?;
                mirrored.set(to.qty_lots, row_of(&qty))
            })
            .map_err(Failure::because("mirroring rows"))?;
        let Poll::Rows(back) = self.readback.poll(batch.len()) else {
            return Err(Failure::run("mirrored rows are not there"));
        };
        let same = |a: Column<'_, i64>, b: &Column<'_, i64>| a.iter().eq(b.iter());
        let is_same = back.len() == batch.len()
            && same(back.column(to.local_ts_ns), &local)
            && same(back.column(to.exch_ts_ms), &exch)
            && back.column(to.instrument).iter().eq(instrument.iter())
            && back.column(to.kind).iter().eq(kind.iter())
            && back.column(to.side).iter().eq(side.iter())
            && same(back.column(to.update_id), &update)
            && same(back.column(to.price_ticks), &price)
            && same(back.column(to.qty_lots), &qty);
        if is_same {
            return Ok(());
        }
        Err(Failure::run("rows came back changed from the shared ring"))
    }
}

impl Drop for RingFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            eprintln!("demo: {} stays: {error}", self.0.display());
        }
    }
}

/// A name without a slash is a file in memory.
fn full(path: &Path) -> PathBuf {
    match path.components().count() {
        1 if path.is_relative() => Path::new("/dev/shm").join(path),
        _ => path.to_owned(),
    }
}
