//! Sealing and decoding blocks of 1024 rows.

use std::hint::black_box;
use std::time::{Duration, Instant};

use zc_benches::threads::expect;
use zc_ring::rows::Scalar;
use zc_ring::{Block, ConsumerOptions, Poll, RowConsumer, RowRing, Schema, Start};

use super::columns::ROWS;

pub(crate) const BLOCK: usize = 1024;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A ring with the whole column in it.
fn ring<T: Scalar>(schema: Schema, column: &[T]) -> Result<RowRing, String> {
    let ring = RowRing::builder(schema, ROWS).build().map_err(text)?;
    let handle = ring.schema().column::<T>("c").map_err(text)?;
    let mut producer = ring.producer().map_err(text)?;
    for value in column {
        producer.push(|row| row.set(handle, *value)).map_err(text)?;
    }
    Ok(ring)
}

fn consumer(ring: &RowRing) -> Result<RowConsumer, String> {
    let options = ConsumerOptions {
        from: Start::Sequence(0),
        ..Default::default()
    };
    ring.consumer(options).map_err(text)
}

fn seal_next(consumer: &mut RowConsumer) -> Result<Block, String> {
    match consumer.poll(BLOCK) {
        Poll::Rows(batch) => batch.to_block().map_err(text),
        other => Err(format!("{other:?}")),
    }
}

pub(crate) fn blocks<T: Scalar>(schema: Schema, column: &[T]) -> Result<Vec<Block>, String> {
    let ring = ring(schema, column)?;
    let mut consumer = consumer(&ring)?;
    (0..ROWS / BLOCK)
        .map(|_| seal_next(&mut consumer))
        .collect()
}

/// Bytes of the column over bytes of the blocks, heads and all.
pub(crate) fn ratio<T: Scalar>(blocks: &[Block]) -> f64 {
    let sealed: usize = blocks.iter().map(Block::encoded_bytes).sum();
    (ROWS * size_of::<T>()) as f64 / sealed as f64
}

/// Seals all rows, `ops` times.
pub(crate) fn seal<T: Scalar>(schema: Schema, column: &[T], ops: u64) -> Result<Duration, String> {
    let ring = ring(schema, column)?;
    let mut elapsed = Duration::ZERO;
    for _ in 0..ops {
        let mut consumer = consumer(&ring)?;
        let begin = Instant::now();
        for _ in 0..ROWS / BLOCK {
            black_box(seal_next(&mut consumer)?);
        }
        elapsed += begin.elapsed();
    }
    Ok(elapsed)
}

/// Decodes all rows, `ops` times, into memory that is there.
pub(crate) fn decode<T: Scalar>(
    schema: Schema,
    column: &[T],
    ops: u64,
) -> Result<Duration, String> {
    let blocks = blocks(schema, column)?;
    let mut values = vec![T::from_logical(0); BLOCK];
    for (block, rows) in blocks.iter().zip(column.chunks(BLOCK)) {
        block.column_into("c", &mut values).map_err(text)?;
        let same = values
            .iter()
            .zip(rows)
            .all(|(a, b)| a.to_logical() == b.to_logical());
        expect("decoded", same, true)?;
    }
    let begin = Instant::now();
    for _ in 0..ops {
        for block in &blocks {
            black_box(block)
                .column_into("c", &mut values)
                .map_err(text)?;
            black_box(&mut values);
        }
    }
    Ok(begin.elapsed())
}
