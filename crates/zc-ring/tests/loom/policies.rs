//! Readers of copies, who are overtaken or evicted.

use super::*;

#[test]
fn a_lossy_copy_is_whole_or_counted_as_missed() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(options(Start::Tail, OnLag::Lossy)).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let publisher = thread::spawn(move || {
            producer.publish(|slot| *slot = 11);
        });
        let mut seen = read(&mut consumer);
        publisher.join().unwrap();
        while let more @ 1.. = read(&mut consumer) {
            seen += more;
        }
        assert_eq!(seen, 2);
    });
}

#[test]
fn a_late_reader_is_evicted_and_reads_nothing_torn() {
    model(|| {
        let ring = ring(1);
        let evict = OnLag::Evict {
            rows: 1,
            after: std::time::Duration::ZERO,
        };
        let mut consumer = ring.consumer(options(Start::Tail, evict)).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let publisher = thread::spawn(move || {
            producer.try_publish(|slot| *slot = 11).unwrap();
        });
        read(&mut consumer);
        publisher.join().unwrap();
        let at = consumer.sequence();
        match consumer.poll(1) {
            Poll::Rows(batch) => assert_eq!((at, batch[0]), (1, 11)),
            Poll::Evicted => assert!(at <= 1),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_lossy_row_is_whole_or_counted_as_missed() {
    model(|| {
        let schema = Schema::builder().u64("a").u64("b").build().unwrap();
        let (a, b) = (
            schema.column::<u64>("a").unwrap(),
            schema.column::<u64>("b").unwrap(),
        );
        let ring = RowRing::builder(schema, 1).build().unwrap();
        let mut consumer = ring.consumer(options(Start::Tail, OnLag::Lossy)).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut push = move |value| {
            producer.push(|row| {
                row.set(a, value)?;
                row.set(b, value)?;
                Ok::<(), RowError>(())
            })
        };
        push(10).unwrap();
        let publisher = thread::spawn(move || push(11).unwrap());
        if let Poll::Rows(batch) = consumer.poll(1) {
            let row = (
                batch.column(a).get(0).unwrap(),
                batch.column(b).get(0).unwrap(),
            );
            let expected = batch.sequence() + 10;
            assert_eq!(row, (expected, expected));
        }
        publisher.join().unwrap();
    });
}
