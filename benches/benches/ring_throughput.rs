//! Rows of 32 bytes from one producer to one and to three consumers, each of whom sees every row:
//! what a row costs, by batch. Every consumer checks every row.

use std::process::ExitCode;
use std::time::Duration;

use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};
use zc_ring::{ConsumerOptions, Poll, Ring};

/// A row: its number, and three words that follow from it.
type Row = [u64; 4];

fn main() -> ExitCode {
    Bench::main("ring_throughput", |bench| {
        for (consumers, batch, goal) in [(1, 1, 2.65), (1, 64, 2.15), (3, 1, 5.3), (3, 64, 4.3)] {
            for capacity in [1024, 16 * 1024] {
                let shape = Shape {
                    capacity,
                    batch,
                    consumers,
                };
                let name =
                    format!("32-byte rows, capacity {capacity}, batch {batch}, 1→{consumers}");
                let mut cell = bench
                    .cell(name, Unit::NsPerOp, 1024)
                    .ours(move |rows| ours(shape, rows));
                if capacity > 1024 {
                    cell = cell.goal(goal);
                }
                if consumers == 1 {
                    cell = cell.peer("rtrb", move |rows| rtrb(shape, rows));
                }
                #[cfg(feature = "peers")]
                {
                    cell = cell.peer("disruptor", move |rows| peers::disruptor(shape, rows));
                }
                cell.run();
            }
        }
    })
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    capacity: usize,
    batch: usize,
    consumers: usize,
}

fn row(number: u64) -> Row {
    [number, !number, number << 1, number ^ 0x5555]
}

/// The numbers below `rows`, in batches of `batch`, the last one shorter.
fn batches(rows: u64, batch: usize) -> impl Iterator<Item = std::ops::Range<u64>> {
    let batch = batch as u64;
    (0..rows)
        .step_by(usize::try_from(batch).unwrap_or(1))
        .map(move |from| from..rows.min(from + batch))
}

fn length(range: &std::ops::Range<u64>) -> Result<usize, String> {
    usize::try_from(range.end - range.start).map_err(|e| e.to_string())
}

fn ours(shape: Shape, rows: u64) -> Result<Duration, String> {
    let ring = Ring::<Row>::builder(shape.capacity)
        .build()
        .map_err(|e| e.to_string())?;
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for _ in 0..shape.consumers {
        let mut consumer = ring
            .consumer(ConsumerOptions::default())
            .map_err(|e| e.to_string())?;
        tasks.push(Box::new(move || {
            let mut next = 0;
            loop {
                match consumer.recv_blocking() {
                    Poll::Rows(batch) => {
                        for got in batch.iter() {
                            expect("a row", *got, row(next))?;
                            next += 1;
                        }
                    }
                    Poll::Closed => return expect("rows", next, rows),
                    other => return Err(format!("{other:?}")),
                }
            }
        }));
    }
    let mut producer = ring.producer().map_err(|e| e.to_string())?;
    drop(ring);
    tasks.push(Box::new(move || {
        if shape.batch == 1 {
            for number in 0..rows {
                producer.publish(|slot| *slot = row(number));
            }
            return Ok(());
        }
        for range in batches(rows, shape.batch) {
            let fill = |mut slots: zc_ring::SlotsMut<'_, Row>| {
                for (slot, number) in slots.iter_mut().zip(range.clone()) {
                    *slot = row(number);
                }
            };
            producer
                .publish_batch(length(&range)?, fill)
                .map_err(|e| e.to_string())?;
        }
        Ok(())
    }));
    together(tasks)
}

/// It waits for nothing by itself: its ends spin, and yield every now and then.
fn rtrb(shape: Shape, rows: u64) -> Result<Duration, String> {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Row>::new(shape.capacity);
    let produce: Task<'_> = Box::new(move || {
        let mut pause = Pause::default();
        if shape.batch == 1 {
            for number in 0..rows {
                while producer.push(row(number)).is_err() {
                    pause.wait();
                }
            }
            return Ok(());
        }
        for range in batches(rows, shape.batch) {
            let length = length(&range)?;
            let chunk = loop {
                match producer.write_chunk_uninit(length) {
                    Ok(chunk) => break chunk,
                    Err(_) => pause.wait(),
                }
            };
            chunk.fill_from_iter(range.map(row));
        }
        Ok(())
    });
    let consume: Task<'_> = Box::new(move || {
        let mut pause = Pause::default();
        let mut next = 0;
        while next < rows {
            let chunk = consumer
                .read_chunk(consumer.slots())
                .map_err(|e| e.to_string())?;
            if chunk.is_empty() {
                pause.wait();
                continue;
            }
            for got in chunk {
                expect("a row", got, row(next))?;
                next += 1;
            }
        }
        Ok(())
    });
    together(vec![produce, consume])
}

/// Spins, and yields the processor every 128th time.
#[derive(Default)]
struct Pause(u32);

impl Pause {
    fn wait(&mut self) {
        self.0 = self.0.wrapping_add(1);
        if self.0.is_multiple_of(128) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

#[cfg(feature = "peers")]
mod peers {
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use disruptor::{BusySpinWithSpinLoopHint, Producer, build_single_producer};
    use zc_benches::threads::expect;

    use super::{Row, Shape, batches, length, row};

    /// It starts its consumers itself; they all have read everything when the producer is gone.
    pub(super) fn disruptor(shape: Shape, rows: u64) -> Result<Duration, String> {
        let (report, reports) = channel();
        let consumer = || {
            let report = report.clone();
            let (mut next, mut wrong) = (0_u64, 0_u64);
            move |got: &Row, _: i64, _: bool| {
                wrong += u64::from(*got != row(next));
                next += 1;
                if next == rows {
                    // Counted below: a report that does not arrive is an error there.
                    let _ = report.send(wrong);
                }
            }
        };
        let builder = build_single_producer(shape.capacity, Row::default, BusySpinWithSpinLoopHint);
        let builder = builder.handle_events_with(consumer());
        let begin;
        if shape.consumers == 3 {
            let builder = builder
                .handle_events_with(consumer())
                .handle_events_with(consumer());
            drop(report);
            let producer = builder.build();
            begin = Instant::now();
            publish(producer, shape, rows)?;
        } else {
            drop(report);
            let producer = builder.build();
            begin = Instant::now();
            publish(producer, shape, rows)?;
        }
        let elapsed = begin.elapsed();
        let reports: Vec<u64> = reports.iter().collect();
        expect(
            "consumers that saw every row",
            reports.len(),
            shape.consumers,
        )?;
        expect("wrong rows", reports.iter().sum::<u64>(), 0)?;
        Ok(elapsed)
    }

    fn publish(mut producer: impl Producer<Row>, shape: Shape, rows: u64) -> Result<(), String> {
        if shape.batch == 1 {
            for number in 0..rows {
                producer.publish(|slot| *slot = row(number));
            }
            return Ok(());
        }
        for range in batches(rows, shape.batch) {
            producer.batch_publish(length(&range)?, |slots| {
                for (slot, number) in slots.zip(range.clone()) {
                    *slot = row(number);
                }
            });
        }
        Ok(())
    }
}
