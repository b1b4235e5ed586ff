//! One of several producers that has been alone for long claims in blocks, which nobody is to notice.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use zc_ring::{Consumer, ConsumerOptions, MultiProducer, Poll, Ring};

use crate::Result;

/// More claims than it takes to be taken for the only producer.
const ALONE: u64 = 5000;

/// `one` publishes its rows' sequences, until it claims in blocks and has used part of one.
fn alone(one: &mut MultiProducer<u64>, consumer: &mut Consumer<u64>, from: u64) {
    for n in 0..ALONE {
        let row = from.wrapping_add(n);
        assert_eq!(one.publish(|slot| *slot = row), row);
        if n % 64 == 0 || n == ALONE - 1 {
            read(consumer);
        }
    }
}

fn read(consumer: &mut Consumer<u64>) -> u64 {
    let mut rows = 0;
    while let Poll::Rows(batch) = consumer.poll(usize::MAX) {
        for (offset, row) in batch.iter().enumerate() {
            assert_eq!(*row, batch.sequence().wrapping_add(offset as u64));
        }
        rows += batch.len() as u64;
    }
    rows
}

#[test]
fn one_that_comes_takes_the_next_sequence_and_so_does_the_next() -> Result {
    for initial in [0, u64::MAX - ALONE - 10] {
        let ring = Ring::<u64>::builder(1024)
            .initial_sequence(initial)
            .build()?;
        let mut consumer = ring.consumer(ConsumerOptions::default())?;
        let (mut one, mut two) = (ring.multi_producer(), ring.multi_producer());
        alone(&mut one, &mut consumer, initial);
        for n in 0..20 {
            let next = initial.wrapping_add(ALONE + n);
            let producer = if n % 3 == 0 { &mut two } else { &mut one };
            assert_eq!(producer.publish(|slot| *slot = next), next);
        }
        assert_eq!(read(&mut consumer), 20);
        assert_eq!(ring.metrics().published, ALONE + 20);
    }
    Ok(())
}

#[test]
fn a_batch_as_large_as_the_ring_finds_room_behind_a_block() -> Result {
    let ring = Ring::<u64>::builder(1024).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let (mut one, _two) = (ring.multi_producer(), ring.multi_producer());
    alone(&mut one, &mut consumer, 0);
    let rows: Vec<u64> = (ALONE..ALONE + 1024).collect();
    assert_eq!(one.publish_slice(&rows)?, ALONE);
    assert!(one.try_publish(|_| unreachable!()).is_err());
    assert_eq!(read(&mut consumer), 1024);
    assert_eq!(one.publish(|slot| *slot = ALONE + 1024), ALONE + 1024);
    Ok(())
}

#[test]
fn one_that_is_dropped_leaves_nothing_of_its_block() -> Result {
    let ring = Ring::<u64>::builder(1024).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut one = ring.multi_producer();
    alone(&mut one, &mut consumer, 0);
    drop(one);
    let mut single = ring.producer()?;
    assert_eq!(single.publish(|slot| *slot = ALONE), ALONE);
    assert_eq!(read(&mut consumer), 1);
    Ok(())
}

#[test]
fn a_panic_within_a_block_leaves_out_that_row_only() -> Result {
    let ring = Ring::<u64>::builder(1024).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let (mut one, mut two) = (ring.multi_producer(), ring.multi_producer());
    alone(&mut one, &mut consumer, 0);
    let panicked = catch_unwind(AssertUnwindSafe(|| one.publish(|_| panic!("on purpose"))));
    assert!(panicked.is_err());
    assert_eq!(one.publish(|slot| *slot = ALONE + 1), ALONE + 1);
    assert_eq!(two.publish(|slot| *slot = ALONE + 2), ALONE + 2);
    assert_eq!(read(&mut consumer), 2);
    Ok(())
}

#[test]
fn one_that_comes_from_within_the_closure_waits_for_nobody() -> Result {
    let ring = Ring::<u64>::builder(1024).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let (mut one, mut two) = (ring.multi_producer(), ring.multi_producer());
    alone(&mut one, &mut consumer, 0);
    let row = one.publish(|slot| {
        *slot = ALONE;
        // This one is behind the row that is being filled, and seen with it.
        assert_eq!(two.publish(|slot| *slot = ALONE + 1), ALONE + 1);
        assert_eq!(read(&mut consumer), 0);
    });
    assert_eq!(row, ALONE);
    assert_eq!(read(&mut consumer), 2);
    Ok(())
}

#[test]
fn producers_take_turns_at_being_alone() -> Result {
    const TURNS: u64 = 6;
    const ROWS: u64 = 3 * ALONE;
    let ring = Ring::<[u64; 2]>::builder(1024).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let producers: Vec<_> = (0..3)
        .map(|name| {
            let mut producer = ring.multi_producer();
            thread::spawn(move || {
                // One after the other for a while, all at once in between.
                for turn in 0..TURNS {
                    let rows = if turn % 3 == name { ROWS } else { 1 };
                    for _ in 0..rows {
                        producer.publish(|slot| *slot = [name, slot[1].wrapping_add(1)]);
                    }
                    thread::yield_now();
                }
            })
        })
        .collect();
    drop(ring);
    let mut counts = [0; 3];
    let mut next = 0;
    while let Poll::Rows(batch) = consumer.recv_blocking() {
        assert_eq!(batch.sequence(), next);
        next += batch.len() as u64;
        batch.iter().for_each(|row| counts[row[0] as usize] += 1);
    }
    producers.into_iter().for_each(|one| one.join().unwrap());
    let each = (TURNS / 3) * ROWS + TURNS - TURNS / 3;
    assert_eq!(counts, [each; 3]);
    assert_eq!(consumer.sequence(), 3 * each);
    Ok(())
}
