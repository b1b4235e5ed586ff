//! One hot path of a crate, so many times, on one thread: the program whose instructions
//! `cargo xtask instructions` counts.
//!
//! `hot_paths --list` prints the names; `hot_paths NAME OPS` runs one. What comes out is checked
//! here too, which costs the same few instructions every time.

#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroUsize;

use bytes::{BufMut, Bytes};
use zc_agent::{Manager, Received};
use zc_channel::bounded;
use zc_core::sync::block_on;
use zc_core::{Frozen, Publisher, SharedBuffer};
use zc_diskcache::RawDiskCache;
use zc_ring::{ConsumerOptions, DeltaWidth, Poll, Ring, RowError, RowRing, Schema};

type Done = Result<(), Box<dyn Error>>;

/// Name, and what does it so many times.
type Path = (&'static str, fn(u64) -> Done);

const PATHS: &[Path] = &[
    ("core: read guard", read_guard),
    ("core: snapshot", snapshot),
    ("core: clone of a frozen view", frozen_clone),
    ("core: slice of a frozen view", frozen_slice),
    ("core: load of a published version", published),
    ("ring: publish and receive, 1 by 1", one_by_one),
    ("ring: publish and receive, 64 by 64", batches),
    ("ring: push a row of three columns", rows),
    ("channel: try_send and try_recv", send_and_receive),
    ("channel: spsc push and pop", push_and_pop),
    ("agent: reserve, fill and commit 64 B", pieces),
    ("cache: hit", hit),
];

fn main() -> Done {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [list] if list == "--list" => {
            for (name, _) in PATHS {
                println!("{name}");
            }
            Ok(())
        }
        [name, ops] => {
            let path = PATHS.iter().find(|(n, _)| n == name);
            let path = path.ok_or_else(|| format!("no path `{name}`"))?;
            path.1(ops.parse()?)
        }
        _ => Err("usage: hot_paths --list | NAME OPS".into()),
    }
}

fn expect<T: PartialEq + std::fmt::Debug>(got: T, want: T) -> Done {
    if got == want {
        return Ok(());
    }
    Err(format!("{got:?} instead of {want:?}").into())
}

fn read_guard(ops: u64) -> Done {
    let buffer = SharedBuffer::from_vec(vec![7_u64; 64]);
    for _ in 0..ops {
        expect(black_box(buffer.read()?[3]), 7)?;
    }
    Ok(())
}

fn snapshot(ops: u64) -> Done {
    let buffer = SharedBuffer::from_vec(vec![7_u64; 64]);
    for _ in 0..ops {
        expect(black_box(buffer.snapshot()?)[3], 7)?;
    }
    Ok(())
}

fn frozen_clone(ops: u64) -> Done {
    let view = Frozen::from_vec(vec![7_u8; 64]);
    for _ in 0..ops {
        expect(black_box(view.clone())[3], 7)?;
    }
    Ok(())
}

fn frozen_slice(ops: u64) -> Done {
    let view = Frozen::from_vec(vec![7_u8; 64]);
    for _ in 0..ops {
        expect(black_box(view.slice(8..24)).len(), 16)?;
    }
    Ok(())
}

fn published(ops: u64) -> Done {
    let publisher = Publisher::new(vec![7_u64; 8]);
    let mut reader = publisher.reader();
    for _ in 0..ops {
        expect(black_box(reader.load())[3], 7)?;
    }
    Ok(())
}

fn one_by_one(ops: u64) -> Done {
    let ring = Ring::<u64>::builder(1024).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for n in 0..ops {
        producer.publish(|slot| *slot = n);
        let Poll::Rows(batch) = consumer.poll(1) else {
            return Err("a row is there".into());
        };
        expect(batch.iter().next().copied(), Some(n))?;
    }
    Ok(())
}

fn batches(ops: u64) -> Done {
    let ring = Ring::<u64>::builder(1024).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for n in 0..ops {
        producer.publish_batch(64, |mut slots| slots.iter_mut().for_each(|slot| *slot = n))?;
        let Poll::Rows(batch) = consumer.poll(64) else {
            return Err("64 rows are there".into());
        };
        expect(batch.iter().copied().sum::<u64>(), 64 * n)?;
    }
    Ok(())
}

fn rows(ops: u64) -> Done {
    let schema = Schema::builder().i64("ts").delta(DeltaWidth::I32);
    let schema = schema.u32("instrument").i64("price").build()?;
    let ts = schema.column::<i64>("ts")?;
    let (instrument, price) = (
        schema.column::<u32>("instrument")?,
        schema.column::<i64>("price")?,
    );
    let ring = RowRing::builder(schema, 1024).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for n in 0..ops {
        let now = i64::try_from(n)?;
        producer.push(|row| {
            row.set(ts, now)?;
            row.set(instrument, 3)?;
            row.set(price, 100)?;
            Ok::<(), RowError>(())
        })?;
        let Poll::Rows(batch) = consumer.poll(1) else {
            return Err("a row is there".into());
        };
        expect(batch.len(), 1)?;
    }
    Ok(())
}

fn send_and_receive(ops: u64) -> Done {
    let (sender, receiver) = bounded(64);
    for n in 0..ops {
        sender.try_send(n)?;
        expect(receiver.try_recv()?, n)?;
    }
    Ok(())
}

fn push_and_pop(ops: u64) -> Done {
    let (mut producer, mut consumer) = zc_channel::spsc::channel(64);
    for n in 0..ops {
        expect(producer.push(n), Ok(()))?;
        expect(consumer.pop(), Some(n))?;
    }
    Ok(())
}

fn pieces(ops: u64) -> Done {
    let (handle, mut groups, failures) =
        Manager::builder().min_group_commit_size(1 << 16).spawn()?;
    drop(failures);
    let piece = NonZeroUsize::new(64).ok_or("a piece has bytes")?;
    let mut received = 0;
    for n in 0..ops {
        let mut agent = handle.blocking_reserve_writer(piece)?;
        agent.put_bytes(7, 64);
        agent.commit()?;
        // A group is complete with every 1024th piece.
        if (n + 1).is_multiple_of(1024) {
            let Received::Item(group) = block_on(groups.recv()) else {
                return Err("a group is complete".into());
            };
            received += group
                .chunks()
                .iter()
                .map(|chunk| chunk.len())
                .sum::<usize>();
        }
    }
    expect(received as u64, ops / 1024 * (1 << 16))
}

fn hit(ops: u64) -> Done {
    let folder = tempfile::tempdir()?;
    let builder = RawDiskCache::builder(folder.path().join("cache")).capacity(16 << 20);
    let cache = block_on(builder.open())?;
    block_on(cache.store("group/1", Bytes::from(vec![7; 1 << 16])))?;
    for _ in 0..ops {
        let view = cache
            .lookup_zero_copy_sync("group/1")?
            .ok_or("just stored")?;
        expect(black_box(view).len(), 1 << 16)?;
    }
    Ok(())
}
