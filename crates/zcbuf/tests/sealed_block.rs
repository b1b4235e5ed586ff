//! A sealed block on its way to Arrow, through the agent, into the cache and back: the same memory
//! all the way, by its address and by the ledger. Counts are of the whole process, so this is one
//! test in a process of its own.

use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, types::Int64Type};
use zcbuf::agent::Received;
use zcbuf::core::ledger::{self, Ledger};
use zcbuf::prelude::*;
use zcbuf::ring::{Encoding, RowError};

const ROWS: usize = 1024;

/// Rows of every kind of column, sealed so that they can be read in place.
fn sealed() -> Result<Block, Box<dyn Error>> {
    let schema = Schema::builder()
        .i64("ts")
        .f64("price")
        .u32("instrument")
        .bool("flag")
        .fixed_bytes("venue", 9)
        .build()?;
    let (ts, price) = (schema.column::<i64>("ts")?, schema.column::<f64>("price")?);
    let (instrument, flag) = (
        schema.column::<u32>("instrument")?,
        schema.column::<bool>("flag")?,
    );
    let venue = schema.column::<[u8]>("venue")?;
    let ring = RowRing::builder(schema, ROWS).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for row in 0..ROWS as u32 {
        producer.push(|to| {
            to.set(ts, i64::MIN + i64::from(row))?;
            to.set(price, f64::from(row) / 3.0)?;
            to.set(instrument, row % 6)?;
            to.set(flag, row % 3 == 0)?;
            to.set(venue, b"somewhere")?;
            Ok::<(), RowError>(())
        })?;
    }
    let Poll::Rows(batch) = consumer.poll(ROWS) else {
        return Err("the rows are there".into());
    };
    Ok(batch.to_block_with(Encoding::Plain)?)
}

/// What `step` gives, and what was copied meanwhile.
async fn books<T>(step: impl Future<Output = T>) -> (T, Ledger) {
    let before = ledger::snapshot();
    let given = step.await;
    (given, ledger::snapshot().since(&before))
}

fn addresses(bytes: &[u8]) -> Range<usize> {
    let range = bytes.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// Every buffer of every array lies within `memory`, at least one for each column.
fn lies_in(batch: &RecordBatch, memory: &[u8]) {
    let memory = addresses(memory);
    for array in batch.columns() {
        let data = array.to_data();
        assert!(!data.buffers().is_empty());
        for buffer in data.buffers() {
            let place = addresses(buffer.as_slice());
            assert!(memory.start <= place.start && place.end <= memory.end);
        }
    }
    let ts = batch["ts"].as_primitive::<Int64Type>();
    let ends = (ts.value(0), ts.value(ROWS - 1));
    assert_eq!(ends, (i64::MIN, i64::MIN + 1023));
}

#[tokio::test]
async fn nothing_of_a_sealed_block_is_copied_on_its_way() -> Result<(), Box<dyn Error>> {
    assert!(ledger::is_on());
    let (block, sealing) = books(async { sealed() }).await;
    let block = block?;
    let len = block.encoded_bytes();
    // The check can fail: sealing makes columns of rows, and the books say so.
    assert!(sealing.copied_at("ring.seal") > 0);

    // To Arrow: its arrays are views of the block.
    let (batch, given) = books(async { block.to_record_batch() }).await;
    let batch = batch?;
    assert_eq!(given.sites, []);
    lies_in(&batch, &block.bytes());

    // Through the agent: the group's one chunk is the block.
    let (handle, mut groups, _failures) = Manager::builder().spawn()?;
    let (group, passed) = books(async {
        let size = NonZeroUsize::new(len).ok_or("a block is never empty")?;
        let writer = handle.reserve_writer(size).await?.into_single_agent();
        writer.submit_bytes(block.bytes().into()).await?;
        handle.flush();
        match groups.recv().await {
            Received::Item(group) => Ok::<_, Box<dyn Error>>(group),
            _ => Err("a group is complete".into()),
        }
    })
    .await;
    let group = group?;
    assert_eq!(passed.sites, []);
    assert_eq!(group.chunks().len(), 1);
    assert_eq!(addresses(&group.chunks()[0]), addresses(&block.bytes()));
    let (whole, joined) = books(async { group.into_bytes() }).await;
    assert_eq!(joined.sites, []);
    assert_eq!(addresses(&whole), addresses(&block.bytes()));

    // Into the cache: the one write into its file, out of the block's own memory, and nothing else.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cache");
    let cache = RawDiskCache::builder(&path).capacity(16 << 20).open();
    let cache = cache.await?;
    let (stored, writing) = books(cache.store("block", whole)).await;
    stored?;
    let only_the_write = (len as u64, len as u64);
    assert_eq!(
        (writing.copied_at("cache.store"), writing.copied()),
        only_the_write
    );

    // And back, decoded and handed to Arrow where it lies in the cache's file.
    let (read, reading) = books(async {
        let view: Frozen<u8> = cache.get_frozen("block")?.ok_or("just stored")?;
        let again = Block::decode(view.clone())?;
        let batch = again.to_record_batch()?;
        Ok::<_, Box<dyn Error>>((view, again, batch))
    })
    .await;
    let (view, again, from_file) = read?;
    assert_eq!(reading.sites, []);
    assert!(again.bytes().ptr_eq(&view));
    lies_in(&from_file, &view);
    assert_eq!(from_file, batch);

    handle.finalize().await?;
    drop((view, again, from_file));
    cache.close().await?;
    Ok(())
}
