//! Schemas that change and rings that are resized while rows go through them.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use zc_core::sync::atomic::{AtomicBool, Ordering};
use zc_ring::{
    ChangeError, ConsumerOptions, DeltaWidth, Event, JoinError, OnLag, Poll, PushError,
    RowConsumer, RowError, RowRing, Schema, Start,
};

type Result = std::result::Result<(), Box<dyn Error>>;

fn one(name: &str) -> Schema {
    Schema::builder().i64(name).build().unwrap()
}

/// Everything that is there: rows as `Ok`, events as `Err`.
fn drain(consumer: &mut RowConsumer) -> Vec<std::result::Result<i64, Event>> {
    let mut found = Vec::new();
    loop {
        let column = consumer.schema().columns()[0].name.clone();
        let column = consumer.schema().column::<i64>(&column).unwrap();
        match consumer.poll(3) {
            Poll::Rows(batch) => found.extend(batch.column(column).iter().map(Ok)),
            Poll::Event(event) => found.push(Err(event)),
            _ => return found,
        }
    }
}

#[test]
fn a_change_comes_between_two_rows_once_for_every_consumer() -> Result {
    let ring = RowRing::builder(one("a"), 8).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let mut consumers = [OnLag::Block, OnLag::Lossy].map(|on_lag| {
        let options = ConsumerOptions {
            on_lag,
            ..Default::default()
        };
        ring.consumer(options).unwrap()
    });
    let mut producer = ring.producer()?;
    producer.push(|row| row.set(a, 1))?;
    producer.push(|row| row.set(a, 2))?;
    ring.change_schema(one("b"))?;
    ring.resize(2)?;
    assert_eq!((ring.capacity(), ring.schema()), (2, one("b")));
    let stale = producer.push(|row| row.set(a, 3));
    assert_eq!(stale, Err(PushError::StaleSchema));
    let b = producer.schema().column::<i64>("b")?;
    producer.push(|row| row.set(b, 3))?;
    assert_eq!(producer.sequence(), 3);
    let expected = [
        Ok(1),
        Ok(2),
        Err(Event::SchemaChanged),
        Err(Event::Resized),
        Ok(3),
    ];
    for consumer in &mut consumers {
        assert_eq!(drain(consumer), expected);
        assert_eq!((consumer.generation(), consumer.schema()), (2, &one("b")));
        assert_eq!(drain(consumer), []);
    }
    // A handle that never was one of this ring's is another matter.
    let foreign = one("c").column::<i64>("c")?;
    let refused = producer.push(|row| row.set(foreign, 3));
    assert_eq!(refused, Err(PushError::Rejected(RowError::ForeignHandle)));
    producer.push(|row| row.set(b, 4))?;
    let batch = consumers[0].poll(1).rows().unwrap();
    assert_eq!(batch.try_column(a).unwrap_err(), RowError::StaleSchema);
    Ok(())
}

#[test]
fn neither_change_waits_for_a_consumer_and_a_full_ring_has_room_again() -> Result {
    let ring = RowRing::builder(one("a"), 2).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.push_batch(2, |n, row| row.set(a, n as i64))?;
    assert_eq!(producer.try_push(|row| row.set(a, 2)), Err(PushError::Full));
    ring.resize(4)?;
    producer.push_batch(4, |n, row| row.set(a, n as i64 + 2))?;
    assert_eq!(producer.try_push(|row| row.set(a, 6)), Err(PushError::Full));
    // Smaller, and full of rows that are not read.
    ring.resize(1)?;
    assert_eq!(
        producer.try_push_batch(2, |_, row| row.set(a, 6)),
        Err(PushError::BatchTooLarge {
            rows: 2,
            capacity: 1
        })
    );
    producer.push(|row| row.set(a, 6))?;
    let expected = [
        Ok(0),
        Ok(1),
        Err(Event::Resized),
        Ok(2),
        Ok(3),
        Ok(4),
        Ok(5),
        Err(Event::Resized),
        Ok(6),
    ];
    assert_eq!(drain(&mut consumer), expected);
    drop((ring, producer));
    assert!(matches!(consumer.poll(1), Poll::Closed));
    Ok(())
}

#[test]
fn a_blocked_producer_goes_on_when_the_ring_is_resized() -> Result {
    let ring = RowRing::builder(one("a"), 1).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.push(|row| row.set(a, 0))?;
    let blocked = thread::spawn(move || producer.push(|row| row.set(a, 1)));
    while ring.metrics().full_stalls == 0 {
        thread::yield_now();
    }
    ring.resize(2)?;
    assert_eq!(blocked.join().unwrap(), Ok(1));
    assert_eq!(drain(&mut consumer), [Ok(0), Err(Event::Resized), Ok(1)]);
    Ok(())
}

#[test]
fn a_batch_that_waits_for_room_is_refused_when_the_ring_becomes_too_small_for_it() -> Result {
    let ring = RowRing::builder(one("a"), 4).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let _consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.push(|row| row.set(a, 0))?;
    let blocked = thread::spawn(move || producer.push_batch(4, |_, row| row.set(a, 1)));
    while ring.metrics().full_stalls == 0 {
        thread::yield_now();
    }
    ring.resize(2)?;
    let too_large = PushError::BatchTooLarge {
        rows: 4,
        capacity: 2,
    };
    assert_eq!(blocked.join().unwrap(), Err(too_large));
    Ok(())
}

#[test]
fn living_generations_are_bounded_and_reading_frees_them() -> Result {
    let ring = RowRing::builder(one("a"), 2).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut changes = 0;
    let refused = loop {
        match ring.resize(2) {
            Ok(()) => changes += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, ChangeError::TooManyGenerations));
    assert_eq!(changes, zc_ring::rows::MAX_GENERATIONS - 1);
    assert!(matches!(
        ring.change_schema(one("b")),
        Err(ChangeError::TooManyGenerations)
    ));
    assert_eq!(drain(&mut consumer), vec![Err(Event::Resized); changes]);
    ring.change_schema(one("b"))?;
    assert_eq!(drain(&mut consumer), [Err(Event::SchemaChanged)]);
    Ok(())
}

#[test]
fn a_capacity_that_cannot_be_changes_nothing() -> Result {
    let ring = RowRing::builder(one("a"), 2).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    for capacity in [0, 3, usize::MAX] {
        assert!(matches!(ring.resize(capacity), Err(ChangeError::Build(_))));
    }
    assert_eq!((ring.capacity(), ring.generation()), (2, 0));
    assert_eq!(drain(&mut consumer), []);
    Ok(())
}

#[test]
fn a_change_from_within_a_push_comes_behind_its_row() -> Result {
    let ring = RowRing::builder(one("a"), 4).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.push(|row| {
        ring.resize(8).unwrap();
        ring.change_schema(one("b")).unwrap();
        row.set(a, 1)
    })?;
    let b = ring.schema().column::<i64>("b")?;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        producer.push(|row| -> std::result::Result<(), RowError> {
            row.set(b, 2)?;
            ring.resize(2).unwrap();
            panic!("half way");
        })
    }));
    assert!(panic.is_err());
    producer.push(|row| row.set(b, 3))?;
    let expected = [
        Ok(1),
        Err(Event::Resized),
        Err(Event::SchemaChanged),
        Err(Event::Resized),
        Ok(3),
    ];
    assert_eq!(drain(&mut consumer), expected);
    Ok(())
}

#[test]
fn whoever_joins_starts_in_the_newest_generation() -> Result {
    let ring = RowRing::builder(one("a"), 4).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let mut producer = ring.producer()?;
    producer.push_batch(3, |n, row| row.set(a, n as i64))?;
    ring.resize(2)?;
    producer.push(|row| row.set(a, 3))?;
    let options = |from| ConsumerOptions {
        from,
        ..Default::default()
    };
    let gone = ring.consumer(options(Start::Sequence(2))).unwrap_err();
    let expected = JoinError::SequenceOutOfRange {
        requested: 2,
        oldest: 3,
        head: 4,
    };
    assert_eq!(gone, expected);
    let mut oldest = ring.consumer(options(Start::Oldest))?;
    assert_eq!(drain(&mut oldest), [Ok(3)]);
    Ok(())
}

#[test]
fn a_lossy_consumer_misses_rows_of_an_earlier_generation_and_is_told_how_many() -> Result {
    let ring = RowRing::builder(one("a"), 2).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let mut lossy = ring.consumer(ConsumerOptions {
        on_lag: OnLag::Lossy,
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    for n in 0..5 {
        producer.push(|row| row.set(a, n))?;
    }
    ring.resize(4)?;
    for n in 5..12 {
        producer.push(|row| row.set(a, n))?;
    }
    assert!(matches!(lossy.poll(9), Poll::Lagged { missed: 3 }));
    assert_eq!(drain(&mut lossy), [Ok(3), Ok(4), Err(Event::Resized)]);
    assert_eq!(drain(&mut lossy), [Ok(8), Ok(9), Ok(10), Ok(11)]);
    Ok(())
}

#[test]
fn an_evicted_consumer_stays_evicted_and_a_lagging_one_is_evicted_across_generations() -> Result {
    let ring = RowRing::builder(one("a"), 2).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let on_lag = OnLag::Evict {
        rows: 4,
        after: Duration::ZERO,
    };
    let mut slow = ring.consumer(ConsumerOptions {
        on_lag,
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    producer.push_batch(2, |_, row| row.set(a, 0))?;
    ring.resize(2)?;
    producer.push_batch(2, |_, row| row.set(a, 0))?;
    // Four rows behind, two of them in the way.
    producer.push(|row| row.set(a, 0))?;
    assert!(matches!(slow.poll(9), Poll::Evicted));
    ring.resize(4)?;
    assert!(matches!(slow.poll(9), Poll::Evicted));
    Ok(())
}

/// The schema of the `change`th generation of schemas: the row's number, something that depends on
/// it, and a column of a type that changes.
fn schema(change: u64) -> Schema {
    let schema = Schema::builder()
        .i64("n")
        .delta(DeltaWidth::I16)
        .str("text", 40);
    match change % 3 {
        0 => schema.i64("value"),
        1 => schema.i32("value").i64("more").nullable(),
        _ => schema.f64("value"),
    }
    .build()
    .unwrap()
}

fn text(n: i64) -> String {
    format!("row {n} of some length").repeat(1 + n as usize % 2)[..]
        .chars()
        .take(40)
        .collect()
}

/// Reads to the end; every row is checked. How many rows and events there were.
fn read_all(mut consumer: RowConsumer, leave_after: u64) -> (u64, Vec<Event>) {
    let (mut rows, mut events) = (0, Vec::new());
    let mut next = consumer.sequence() as i64;
    while rows < leave_after {
        let schema = consumer.schema().clone();
        let n = schema.column::<i64>("n").unwrap();
        let t = schema.column::<str>("text").unwrap();
        match consumer.recv_timeout(Duration::from_secs(60)) {
            Poll::Rows(batch) => {
                assert_eq!(batch.sequence() as i64, next);
                let values: Vec<f64> = if let Ok(value) = schema.column::<i64>("value") {
                    batch.column(value).iter().map(|v| v as f64).collect()
                } else if let Ok(value) = schema.column::<i32>("value") {
                    batch.column(value).iter().map(f64::from).collect()
                } else {
                    let value = schema.column::<f64>("value").unwrap();
                    batch.column(value).iter().collect()
                };
                for (row, value) in values.iter().enumerate() {
                    assert_eq!(batch.column(n).get(row), Some(next));
                    assert_eq!(batch.column(t).get(row), Some(&*text(next)));
                    assert_eq!(*value, (next * 3) as f64);
                    next += 1;
                    rows += 1;
                }
            }
            Poll::Event(event) => events.push(event),
            Poll::Closed => break,
            other => panic!("{other:?}"),
        }
    }
    (rows, events)
}

fn push(producer: &mut zc_ring::RowProducer, number: i64) {
    loop {
        let schema = producer.schema();
        let n = schema.column::<i64>("n").unwrap();
        let t = schema.column::<str>("text").unwrap();
        let pushed = producer.push(|row| {
            row.set(n, number)?;
            row.set(t, &text(number))?;
            if let Ok(value) = schema.column::<i64>("value") {
                row.set(value, number * 3)
            } else if let Ok(value) = schema.column::<i32>("value") {
                row.set(value, (number * 3) as i32)
            } else {
                row.set(schema.column::<f64>("value").unwrap(), (number * 3) as f64)
            }
        });
        match pushed {
            Ok(sequence) => return assert_eq!(sequence, number as u64),
            Err(PushError::StaleSchema) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn five_schemas_and_ten_sizes_under_load_with_consumers_that_come_and_go() -> Result {
    const CHANGES: usize = 15;
    let ring = Arc::new(RowRing::builder(schema(0), 64).build()?);
    let (leave, stop) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let consumer = ring.consumer(ConsumerOptions::default()).unwrap();
            thread::spawn(move || read_all(consumer, u64::MAX))
        })
        .collect();
    let mut producer = ring.producer()?;
    let pusher = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                push(&mut producer, number);
                number += 1;
            }
            number as u64
        })
    };
    // Three that join, read some, and leave, again and again.
    let visitors: Vec<_> = [Start::Tail, Start::Oldest, Start::Tail]
        .into_iter()
        .enumerate()
        .map(|(who, from)| {
            let (ring, leave) = (Arc::clone(&ring), Arc::clone(&leave));
            thread::spawn(move || {
                while !leave.load(Ordering::Relaxed) {
                    let options = ConsumerOptions {
                        from,
                        ..Default::default()
                    };
                    let consumer = ring.consumer(options).unwrap();
                    let (before, after) = (consumer.generation(), 20 + 50 * who as u64);
                    let (rows, events) = read_all(consumer, after);
                    assert!(rows >= after);
                    assert!(events.len() <= CHANGES - before as usize);
                }
            })
        })
        .collect();
    let (mut expected, mut schemas) = (Vec::new(), 0);
    for change in 0..CHANGES {
        let head = ring.metrics().head;
        while ring.metrics().head < head + 100 {
            thread::yield_now();
        }
        if change % 3 == 1 {
            schemas += 1;
            expected.push(Event::SchemaChanged);
            ring.change_schema(schema(schemas))?;
        } else {
            expected.push(Event::Resized);
            ring.resize(1 << [3, 8, 0, 5, 6][change % 5])?;
        }
    }
    assert_eq!((schemas, expected.len()), (5, 15));
    // While rows still come.
    leave.store(true, Ordering::Relaxed);
    for visitor in visitors {
        visitor.join().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let rows = pusher.join().unwrap();
    drop(ring);
    for reader in readers {
        assert_eq!(reader.join().unwrap(), (rows, expected.clone()));
    }
    Ok(())
}

#[test]
fn several_producers_push_whole_rows_through_changes() -> Result {
    let make = |name: &str| {
        let schema = Schema::builder().i64("who").i64(name).delta(DeltaWidth::I8);
        schema.str("text", 30).nullable().build().unwrap()
    };
    let ring = Arc::new(RowRing::builder(make("n"), 16).build()?);
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let first = ring.multi_producer();
    assert!(ring.producer().is_err());
    // They push until all changes were made, however long this thread has to wait for its turns.
    let changed = Arc::new(AtomicBool::new(false));
    let pushers: Vec<_> = (0..3)
        .map(|who| {
            let (mut producer, changed) = (first.clone(), Arc::clone(&changed));
            thread::spawn(move || {
                let mut number = 0;
                while !changed.load(Ordering::Relaxed) {
                    loop {
                        let schema = producer.schema();
                        let w = schema.column::<i64>("who").unwrap();
                        let n = schema.column::<i64>(&schema.columns()[1].name).unwrap();
                        let t = schema.column::<Option<&str>>("text").unwrap();
                        let text = format!("{who}: a text of row {number}");
                        let text = (number % 3 > 0).then_some(&*text);
                        let set = |row: &mut zc_ring::RowMut<'_>| {
                            row.set(w, who)?;
                            row.set(n, number * 1000)?;
                            row.set(t, text)
                        };
                        match producer.push(set) {
                            Ok(_) => break,
                            Err(PushError::StaleSchema) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    number += 1;
                }
                number
            })
        })
        .collect();
    drop(first);
    let reader = thread::spawn(move || {
        let (mut next, mut events) = ([0; 3], 0);
        loop {
            let schema = consumer.schema().clone();
            let w = schema.column::<i64>("who").unwrap();
            let n = schema.column::<i64>(&schema.columns()[1].name).unwrap();
            let t = schema.column::<Option<&str>>("text").unwrap();
            match consumer.recv_timeout(Duration::from_secs(60)) {
                Poll::Rows(batch) => {
                    for row in 0..batch.len() {
                        let who = batch.column(w).get(row).unwrap() as usize;
                        let number = next[who];
                        assert_eq!(batch.column(n).get(row), Some(number * 1000));
                        let text = format!("{who}: a text of row {number}");
                        let text = (number % 3 > 0).then_some(&*text);
                        assert_eq!(batch.column(t).get(row), Some(text));
                        next[who] += 1;
                    }
                }
                Poll::Event(_) => events += 1,
                Poll::Closed => return (next, events),
                other => panic!("{other:?}"),
            }
        }
    });
    for change in 0..10 {
        let head = ring.metrics().head;
        while ring.metrics().head < head + 50 {
            thread::yield_now();
        }
        if change % 2 == 0 {
            ring.change_schema(make(["m", "n"][change / 2 % 2]))?;
        } else {
            ring.resize(1 << (change % 5))?;
        }
    }
    changed.store(true, Ordering::Relaxed);
    let pushed: Vec<i64> = pushers.into_iter().map(|p| p.join().unwrap()).collect();
    drop(ring);
    let (read, events) = reader.join().unwrap();
    assert_eq!((read.as_slice(), events), (pushed.as_slice(), 10));
    Ok(())
}

#[test]
fn one_of_several_producers_waits_times_out_and_loses_nothing() -> Result {
    let ring = RowRing::builder(one("a"), 2).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.multi_producer();
    let mut other = producer.clone();
    producer.push_batch(2, |n, row| row.set(a, n as i64))?;
    assert_eq!(other.try_push(|row| row.set(a, 2)), Err(PushError::Full));
    let timeout = Duration::from_millis(2);
    assert_eq!(
        other.push_timeout(timeout, |row| row.set(a, 2)),
        Err(PushError::TimedOut)
    );
    assert_eq!(
        other.push_batch(3, |_, row| row.set(a, 2)),
        Err(PushError::BatchTooLarge {
            rows: 3,
            capacity: 2
        })
    );
    assert_eq!(other.push(|_| Err("no")), Err(PushError::Rejected("no")));
    let panic = catch_unwind(AssertUnwindSafe(|| {
        other.push(|_| -> std::result::Result<(), RowError> { panic!("half way") })
    }));
    assert!(panic.is_err());
    assert_eq!(
        other.push(|_| Ok::<_, RowError>(())),
        Err(PushError::Incomplete { column: 0 })
    );
    let blocked = thread::spawn(move || other.push(|row| row.set(a, 2)));
    assert_eq!(drain(&mut consumer)[..2], [Ok(0), Ok(1)]);
    assert_eq!(blocked.join().unwrap(), Ok(2));
    drop(producer);
    // The producing side is free again.
    ring.producer()?.push(|row| row.set(a, 3))?;
    let rest = drain(&mut consumer);
    assert_eq!(rest.last(), Some(&Ok(3)));
    Ok(())
}
