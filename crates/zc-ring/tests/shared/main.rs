//! Rings in shared memory: between handles of one process, between processes, and after their death.

#![cfg(all(target_os = "linux", not(any(zc_loom, zc_shuttle))))]

mod crash;
mod files;
mod leases;
mod rows;

use std::path::{Path, PathBuf};

use zc_core::sync::atomic::Ordering;
use zc_core::sync::unmodelled::AtomicU64;
use zc_ring::{
    ColumnHandle, ConsumerOptions, OnLag, Poll, RowError, RowRing, Schema, SharedConsumer,
    SharedProducer, SharedRing, Start,
};

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

/// Where the control area begins in the file, and words of it (`docs/ring-shared-format.md`).
const CONTROL: u64 = 4096;
const HEAD: u64 = CONTROL;
const CLAIM: u64 = CONTROL + 128;
const LICENCE: u64 = CONTROL + 256;
const CURSOR_0: u64 = CONTROL + 2304 + 128;

/// A path of its own, removed in the end.
struct Temp(PathBuf);

impl Temp {
    fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "zc-ring-test-{}-{}",
            std::process::id(),
            LAST.fetch_add(1, Ordering::Relaxed)
        );
        Self(std::env::temp_dir().join(name))
    }
}

impl AsRef<Path> for Temp {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn schema() -> Schema {
    let schema = Schema::builder().u64("n").u32("twice");
    schema.fixed_bytes("text", 12).build().unwrap()
}

fn create(path: &Temp, capacity: usize) -> SharedRing {
    RowRing::create_shared(path, schema(), capacity).unwrap()
}

fn columns(schema: &Schema) -> (ColumnHandle<u64>, ColumnHandle<u32>, ColumnHandle<[u8]>) {
    let column = |name| schema.column(name).unwrap();
    (
        column("n"),
        schema.column("twice").unwrap(),
        schema.column("text").unwrap(),
    )
}

/// The text that belongs to a row.
fn text(n: u64) -> [u8; 12] {
    let mut text = [0; 12];
    text[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    text[8..].copy_from_slice(&(n as u32).to_le_bytes());
    text
}

/// Sets a row that says its own sequence in three ways.
fn fill(row: &mut zc_ring::RowMut<'_>, schema: &Schema) -> std::result::Result<(), RowError> {
    let (n, twice, bytes) = columns(schema);
    let sequence = row.sequence();
    row.set(n, sequence)?;
    row.set(twice, (sequence as u32).wrapping_mul(2))?;
    row.set(bytes, &text(sequence)[..])
}

/// Publishes `rows` rows.
fn publish(producer: &mut SharedProducer, rows: u64) {
    let schema = producer.schema().clone();
    for _ in 0..rows {
        producer.try_push(|row| fill(row, &schema)).unwrap();
    }
}

/// Reads what is there, up to `limit`, and checks each row; how many there were.
fn read(consumer: &mut SharedConsumer, limit: usize) -> u64 {
    let (n, twice, bytes) = columns(consumer.schema());
    let Poll::Rows(batch) = consumer.poll(limit) else {
        return 0;
    };
    for row in 0..batch.len() {
        let sequence = batch.sequence().wrapping_add(row as u64);
        assert_eq!(batch.column(n).get(row), Some(sequence));
        assert_eq!(
            batch.column(twice).get(row),
            Some((sequence as u32).wrapping_mul(2))
        );
        assert_eq!(batch.column(bytes).get(row), Some(&text(sequence)[..]));
    }
    batch.len() as u64
}

fn options(name: &str, from: Start, on_lag: OnLag) -> ConsumerOptions<'_> {
    ConsumerOptions {
        name,
        from,
        on_lag,
        ..Default::default()
    }
}
