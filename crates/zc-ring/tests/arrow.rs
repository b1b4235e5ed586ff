//! Arrow: what is handed over is the same memory, held for as long as Arrow has it, within a budget;
//! what comes back are the same rows.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use arrow_array::{
    Array, BooleanArray, FixedSizeBinaryArray, Float64Array, Int16Array, Int64Array, RecordBatch,
};
use std::sync::Arc;
use zc_ring::arrow::{PinBudget, RecordBatchError};
use zc_ring::{Block, ConsumerOptions, Encoding, Poll, PushError, RowConsumer, RowRing, Schema};

const ROWS: usize = 200;

fn schema() -> Schema {
    Schema::builder()
        .i64("ts")
        .i16("narrow")
        .f64("price")
        .bool("flag")
        .fixed_bytes("name", 3)
        .build()
        .unwrap()
}

fn price(row: usize) -> f64 {
    match row {
        3 => -0.0,
        4 => f64::from_bits(0x7ff0_0000_0000_0001),
        _ => row as f64 / 100.0,
    }
}

fn filled() -> (RowRing, RowConsumer) {
    let schema = schema();
    let ts = schema.column::<i64>("ts").unwrap();
    let narrow = schema.column::<i16>("narrow").unwrap();
    let value = schema.column::<f64>("price").unwrap();
    let flag = schema.column::<bool>("flag").unwrap();
    let name = schema.column::<[u8]>("name").unwrap();
    let ring = RowRing::builder(schema, 256).build().unwrap();
    let consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    let mut producer = ring.producer().unwrap();
    for row in 0..ROWS {
        let pushed = producer.push(|to| {
            to.set(ts, i64::MIN + row as i64)?;
            to.set(narrow, -(row as i16))?;
            to.set(value, price(row))?;
            to.set(flag, row % 3 == 0)?;
            to.set(name, &[row as u8, 0, 7])
        });
        pushed.unwrap();
    }
    (ring, consumer)
}

fn sealed(encoding: Encoding) -> Block {
    let (_ring, mut consumer) = filled();
    let batch = consumer.poll(1024).rows().unwrap();
    batch.to_block_with(encoding).unwrap()
}

fn column<'a, A: 'static>(batch: &'a RecordBatch, name: &str) -> &'a A {
    let array = batch.column_by_name(name).unwrap();
    array.as_any().downcast_ref().unwrap()
}

fn has_the_rows(batch: &RecordBatch) {
    assert_eq!(batch.num_rows(), ROWS);
    for row in 0..ROWS {
        let ts = column::<Int64Array>(batch, "ts").value(row);
        assert_eq!(ts, i64::MIN + row as i64);
        assert_eq!(
            column::<Int16Array>(batch, "narrow").value(row),
            -(row as i16)
        );
        let value = column::<Float64Array>(batch, "price").value(row);
        assert_eq!(value.to_bits(), price(row).to_bits());
        assert_eq!(
            column::<BooleanArray>(batch, "flag").value(row),
            row % 3 == 0
        );
        let name = column::<FixedSizeBinaryArray>(batch, "name").value(row);
        assert_eq!(name, [row as u8, 0, 7]);
    }
}

/// Where each column's values are in memory.
fn places(batch: &RecordBatch) -> Vec<usize> {
    let arrays = batch.columns().iter();
    arrays
        .map(|array| array.to_data().buffers()[0].as_ptr().addr())
        .collect()
}

#[test]
fn a_plain_block_is_handed_over_without_a_copy() {
    let block = sealed(Encoding::Plain);
    let batch = block.to_record_batch().unwrap();
    has_the_rows(&batch);
    let memory = block.bytes().as_ptr_range();
    for place in places(&batch) {
        assert!((memory.start.addr()..memory.end.addr()).contains(&place));
        assert!(place.is_multiple_of(64));
    }
}

#[test]
fn arrow_holds_the_memory_after_the_block_is_gone() {
    let block = sealed(Encoding::Plain);
    let (batch, bytes) = (block.to_record_batch().unwrap(), block.bytes());
    drop(block);
    // Not ours alone as long as Arrow has it.
    let bytes = bytes.try_into_mut().unwrap_err();
    drop(bytes);
    has_the_rows(&batch.slice(0, ROWS));
    let last = batch.column(0).clone();
    drop(batch);
    assert_eq!(last.len(), ROWS);
}

#[test]
fn compressed_and_misplaced_blocks_are_decoded_to_the_same() {
    has_the_rows(&sealed(Encoding::Smallest).to_record_batch().unwrap());
    let plain = sealed(Encoding::Plain).bytes();
    let shifted: Vec<u8> = std::iter::once(0).chain(plain.iter().copied()).collect();
    let shifted = zc_core::Frozen::from_vec(shifted).slice(1..);
    has_the_rows(&Block::decode(shifted).unwrap().to_record_batch().unwrap());
}

#[test]
fn the_budget_bounds_what_arrow_holds_and_gets_it_back() {
    let block = sealed(Encoding::Plain);
    let budget = PinBudget::new(block.encoded_bytes() * 3 / 2);
    let first = block.to_record_batch_within(&budget).unwrap();
    assert_eq!(budget.pinned(), block.encoded_bytes());
    let refused = block.to_record_batch_within(&budget).unwrap_err();
    let half = block.encoded_bytes() * 3 / 2 - block.encoded_bytes();
    assert!(matches!(
        refused,
        RecordBatchError::BudgetSpent { needed, left }
            if needed == block.encoded_bytes() && left == half
    ));
    let column = first.column(2).clone();
    drop(first);
    assert_eq!(budget.pinned(), block.encoded_bytes());
    drop(column);
    assert_eq!(budget.pinned(), 0);
    has_the_rows(&block.to_record_batch_within(&budget).unwrap());
}

#[test]
fn a_record_batch_becomes_rows_again() {
    let (_ring, mut consumer) = filled();
    let batch = consumer
        .poll(1024)
        .rows()
        .unwrap()
        .to_record_batch()
        .unwrap();
    let ring = RowRing::builder(schema(), 256).build().unwrap();
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    ring.producer().unwrap().push_record_batch(&batch).unwrap();
    has_the_rows(
        &consumer
            .poll(1024)
            .rows()
            .unwrap()
            .to_record_batch()
            .unwrap(),
    );
}

#[test]
fn what_does_not_fit_is_refused_and_no_row_is_published() {
    let ring = RowRing::builder(Schema::builder().i64("ts").build().unwrap(), 8)
        .build()
        .unwrap();
    let mut producer = ring.producer().unwrap();
    let of =
        |name: &str, array: Arc<dyn Array>| RecordBatch::try_from_iter([(name, array)]).unwrap();
    let refused = |producer: &mut zc_ring::RowProducer, batch| {
        let refused = producer.push_record_batch(&batch).unwrap_err();
        assert_eq!(producer.sequence(), 0);
        refused
    };
    let other = of("time", Arc::new(Int64Array::from(vec![1])));
    let missing = refused(&mut producer, other);
    assert!(matches!(missing, RecordBatchError::MissingColumn { column } if column == "ts"));
    let other = of("ts", Arc::new(Int16Array::from(vec![1])));
    let wrong = refused(&mut producer, other);
    assert!(matches!(wrong, RecordBatchError::WrongType { .. }));
    let other = of("ts", Arc::new(Int64Array::from(vec![Some(1), None])));
    let nulls = refused(&mut producer, other);
    assert!(matches!(nulls, RecordBatchError::Nulls { nulls: 1, .. }));
}

#[test]
fn a_schema_that_changes_in_the_middle_says_how_many_rows_were_published() {
    let one = |name: &str| Schema::builder().i64(name).build().unwrap();
    let ring = RowRing::builder(one("a"), 4).build().unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    let values: Arc<dyn Array> = Arc::new(Int64Array::from((0..1000).collect::<Vec<_>>()));
    let batch = RecordBatch::try_from_iter([("a", values)]).unwrap();
    // Far more rows than there is room for: it has not published them all when the schema changes.
    let pushing = std::thread::spawn(move || producer.push_record_batch(&batch));
    let mut seen = 0;
    let mut is_changed = false;
    loop {
        match consumer.recv_blocking() {
            Poll::Rows(rows) => seen += rows.len(),
            Poll::Event(_) | Poll::Closed => break,
            other => panic!("{other:?}"),
        }
        if !is_changed {
            ring.change_schema(one("b")).unwrap();
            is_changed = true;
        }
        if pushing.is_finished() && ring.metrics().head == seen as u64 {
            break;
        }
    }
    let stopped = pushing.join().unwrap().unwrap_err();
    let RecordBatchError::Stopped { pushed, cause } = &stopped else {
        panic!("{stopped}")
    };
    assert_eq!((*pushed, cause), (seen, &PushError::StaleSchema));
}
