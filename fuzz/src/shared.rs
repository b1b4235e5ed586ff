//! Rings in shared memory (`docs/ring-shared-format.md`).

use std::fs;
use std::hint::black_box;

use zc_ring::{ConsumerOptions, OnLag, Poll, RowRing, Schema, SharedMonitor, SharedRing, Start};

use crate::crc32c;

/// The header and the control area; the rows behind them are zero unless there are more bytes.
const HEADER: usize = 4096;
const CHECKSUM: usize = HEADER - 4;
/// The longest file that is tried: what is beyond could only be longer.
const LONGEST: usize = 1 << 20;

pub(crate) fn read(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    open(bytes);
    if let Some(body) = bytes.get(..CHECKSUM) {
        let mut mended = bytes.to_vec();
        mended.resize(mended.len().max(HEADER), 0);
        mended[CHECKSUM..HEADER].copy_from_slice(&crc32c(&[body]).to_le_bytes());
        open(&mended);
    }
}

fn open(bytes: &[u8]) {
    let made = || -> std::io::Result<()> {
        let dir = tempfile::tempdir_in("/dev/shm")?;
        let path = dir.path().join("ring");
        fs::write(&path, bytes)?;
        let _ = black_box(SharedMonitor::open(&path).map(|monitor| monitor.metrics()));
        match RowRing::open_shared(&path) {
            Ok(ring) => take_part(&ring),
            Err(_) => assert!(fs::read(&path)? == bytes, "a refused open changed the file"),
        }
        Ok(())
    };
    made().unwrap_or_else(|e| panic!("no file to try: {e}"));
}

/// Reads and writes through a ring whose words are anybody's.
fn take_part(ring: &SharedRing) {
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let options = ConsumerOptions {
            from: Start::Oldest,
            on_lag,
            ..Default::default()
        };
        let Ok(mut consumer) = ring.consumer(options) else {
            continue;
        };
        if let Ok(mut producer) = ring.producer() {
            // Nothing set: refused, or full, or corrupt.
            let _ = black_box(producer.try_push(|_| Err(())));
        }
        for _ in 0..4 {
            if let Poll::Rows(batch) = consumer.poll(64) {
                black_box(batch.len());
            }
        }
        let _ = black_box(consumer.fault());
    }
    black_box(ring.metrics());
}

/// A small ring that was used, as its processes leave it.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let made = || -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir_in("/dev/shm")?;
        let path = dir.path().join("ring");
        let schema = Schema::builder().u64("n").build()?;
        let n = schema.column::<u64>("n")?;
        let ring = RowRing::create_shared(&path, schema, 16)?;
        let _consumer = ring.consumer(ConsumerOptions::default())?;
        let mut producer = ring.producer()?;
        for i in 0..5 {
            producer.push(|row| row.set(n, i))?;
        }
        Ok(fs::read(path)?)
    };
    vec![made().unwrap_or_else(|e| panic!("no seed: {e}"))]
}
