//! Consumers that are leaked, and consumers that only look so.

use std::mem::forget;
use std::thread;
use std::time::{Duration, Instant};

use zc_core::sync::block_on;
use zc_ring::{Batch, Consumer, ConsumerOptions, OnLag, Poll, PublishError, Ring, Start};

use crate::{Result, drain, from};

/// Far longer than an orphaned consumer is waited for.
const LONG: Duration = Duration::from_secs(30);
/// Longer than that too, and short enough to wait for.
const A_WHILE: Duration = Duration::from_millis(300);

/// Runs `f` on a thread that has ended when this returns.
fn on_another_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(f).join().expect("the thread's own assertions"))
}

type Ends = (Ring<u64>, zc_ring::Producer<u64>, Consumer<u64>);

fn full_ring() -> std::result::Result<Ends, Box<dyn std::error::Error>> {
    let ring = Ring::<u64>::builder(4).build()?;
    let consumer = ring.consumer(ConsumerOptions {
        name: "leaky",
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    Ok((ring, producer, consumer))
}

#[test]
fn a_leaked_consumer_frees_the_ring_when_its_thread_has_ended() -> Result {
    let (ring, mut producer, mut leaky) = full_ring()?;
    let mut other = ring.consumer(from(Start::Oldest))?;
    on_another_thread(move || {
        assert_eq!(leaky.poll(1).rows().map(|batch| batch[0]), Some(0));
        forget(leaky);
    });
    assert_eq!(drain(&mut other), [0, 1, 2, 3]);
    let begin = Instant::now();
    // The one row it has read is free at once, the others after the grace.
    producer.publish_timeout(LONG, |slot| *slot = 4)?;
    producer.publish_timeout(LONG, |slot| *slot = 5)?;
    assert!(begin.elapsed() >= Duration::from_millis(90));
    assert_eq!(drain(&mut other), [4, 5]);
    let metrics = ring.metrics();
    let leaky = &metrics.consumers[0];
    assert_eq!(
        (&*leaky.name, leaky.evictions, leaky.thread_ended),
        ("leaky", 1, true)
    );
    Ok(())
}

#[test]
fn a_producer_blocked_by_a_leaked_consumer_goes_on_when_its_thread_ends() -> Result {
    let (_ring, mut producer, mut leaky) = full_ring()?;
    thread::scope(|scope| {
        scope.spawn(move || {
            assert!(leaky.poll(0).rows().is_none());
            thread::sleep(Duration::from_millis(50));
            forget(leaky);
        });
        let begin = Instant::now();
        let published = producer.publish_timeout(LONG, |slot| *slot = 4);
        assert!(
            begin.elapsed() < LONG / 2,
            "not woken by the end of the thread"
        );
        published
    })?;
    Ok(())
}

#[test]
fn a_task_blocked_by_a_leaked_consumer_goes_on_too() -> Result {
    let (_ring, mut producer, mut leaky) = full_ring()?;
    on_another_thread(move || {
        assert!(leaky.poll(0).rows().is_none());
        forget(leaky);
    });
    assert_eq!(block_on(producer.publish_async(|slot| *slot = 4)), 4);
    Ok(())
}

#[test]
fn several_producers_blocked_by_a_leaked_consumer_go_on_too() -> Result {
    let (ring, producer, mut leaky) = full_ring()?;
    drop(producer);
    let mut producer = ring.multi_producer();
    on_another_thread(move || {
        assert!(leaky.poll(0).rows().is_none());
        forget(leaky);
    });
    let begin = Instant::now();
    producer.publish_timeout(LONG, |slot| *slot = 4)?;
    assert!(begin.elapsed() < LONG / 2);
    Ok(())
}

#[test]
fn a_leaked_consumer_whose_thread_lives_on_is_waited_for_and_named() -> Result {
    let (ring, mut producer, mut leaky) = full_ring()?;
    assert!(leaky.poll(0).rows().is_none());
    forget(leaky);
    let refused = producer.publish_timeout(A_WHILE, |slot| *slot = 4);
    assert_eq!(refused, Err(PublishError::TimedOut));
    let metrics = ring.metrics();
    let leaky = &metrics.consumers[0];
    assert_eq!(
        (&*leaky.name, leaky.lag, leaky.thread_ended),
        ("leaky", 4, false)
    );
    Ok(())
}

#[test]
fn rows_of_a_leaked_batch_are_never_overwritten() -> Result {
    let (ring, mut producer, leaky) = full_ring()?;
    // All of this is safe code: the rows may be looked at until the program ends.
    let rows: &'static [u64] = on_another_thread(move || {
        let leaky: &'static mut Consumer<u64> = Box::leak(Box::new(leaky));
        let batch: &'static Batch<'static, u64> =
            Box::leak(Box::new(leaky.poll(2).rows().expect("rows")));
        batch.as_slices().0
    });
    let refused = producer.publish_timeout(A_WHILE, |slot| *slot = 4);
    assert_eq!(refused, Err(PublishError::TimedOut));
    assert_eq!(rows, [0, 1]);
    let metrics = ring.metrics();
    let leaky = &metrics.consumers[0];
    assert_eq!((leaky.in_hand, leaky.thread_ended), (2, true));
    Ok(())
}

#[test]
fn a_consumer_that_is_handed_on_is_not_taken_for_a_leaked_one() -> Result {
    let (_ring, mut producer, mut consumer) = full_ring()?;
    on_another_thread(|| assert_eq!(consumer.poll(1).rows().map(|batch| batch[0]), Some(0)));
    // This thread has it now.
    assert_eq!(consumer.poll(1).rows().map(|batch| batch[0]), Some(1));
    producer.publish(|slot| *slot = 4);
    producer.publish(|slot| *slot = 5);
    let refused = producer.publish_timeout(A_WHILE, |slot| *slot = 6);
    assert_eq!(refused, Err(PublishError::TimedOut));
    assert_eq!(drain(&mut consumer), [2, 3, 4, 5]);
    Ok(())
}

#[test]
fn a_consumer_that_no_thread_has_polled_is_waited_for() -> Result {
    let ring = Ring::<u64>::builder(1).build()?;
    let mut consumer = on_another_thread(|| ring.consumer(ConsumerOptions::default()))?;
    let mut producer = ring.producer()?;
    producer.publish(|slot| *slot = 0);
    let refused = producer.publish_timeout(A_WHILE, |slot| *slot = 1);
    assert_eq!(refused, Err(PublishError::TimedOut));
    assert_eq!(drain(&mut consumer), [0]);
    Ok(())
}

#[test]
fn a_consumer_that_a_task_polls_is_waited_for() -> Result {
    let (_ring, mut producer, mut consumer) = full_ring()?;
    on_another_thread(|| {
        assert_eq!(consumer.poll(1).rows().map(|batch| batch[0]), Some(0));
        let next = block_on(consumer.recv_async()).rows().map(|batch| {
            let next = batch[0];
            batch.commit(1);
            next
        });
        assert_eq!(next, Some(1));
    });
    producer.publish(|slot| *slot = 4);
    producer.publish(|slot| *slot = 5);
    let refused = producer.publish_timeout(A_WHILE, |slot| *slot = 6);
    assert_eq!(refused, Err(PublishError::TimedOut));
    assert_eq!(drain(&mut consumer), [2, 3, 4, 5]);
    Ok(())
}

#[test]
fn one_that_comes_back_too_late_is_told_and_one_that_missed_nothing_goes_on() -> Result {
    for overwritten in [false, true] {
        let (_ring, mut producer, mut late) = full_ring()?;
        on_another_thread(|| assert!(late.poll(0).rows().is_none()));
        if overwritten {
            producer.publish_timeout(LONG, |slot| *slot = 4)?;
            assert!(matches!(late.poll(1), Poll::Evicted));
            assert!(matches!(late.recv_timeout(LONG), Poll::Evicted));
        } else {
            thread::sleep(A_WHILE);
            assert_eq!(drain(&mut late), [0, 1, 2, 3]);
            producer.publish(|slot| *slot = 4);
            assert_eq!(drain(&mut late), [4]);
        }
    }
    Ok(())
}

#[test]
fn a_thread_may_poll_and_drop_any_number_of_consumers() -> Result {
    let ring = Ring::<u64>::builder(2).build()?;
    let mut producer = ring.producer()?;
    let mut moved = Vec::new();
    for n in 0..1000 {
        let mut consumer = ring.consumer(ConsumerOptions::default())?;
        producer.publish(|slot| *slot = n);
        assert_eq!(drain(&mut consumer), [n]);
        if n % 2 == 0 {
            moved.push(on_another_thread(move || {
                assert!(consumer.poll(1).rows().is_none());
                consumer
            }));
            moved.clear();
        }
    }
    assert!(ring.metrics().consumers.is_empty());
    Ok(())
}

#[test]
fn a_leaked_consumer_that_is_lossy_or_evictable_needs_no_lease() -> Result {
    let ring = Ring::<u64>::builder(1).build()?;
    let evict = OnLag::Evict {
        rows: 1,
        after: Duration::from_millis(1),
    };
    let mut producer = ring.producer()?;
    for on_lag in [OnLag::Lossy, evict] {
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        assert!(matches!(consumer.poll(1), Poll::Empty));
        producer.publish_timeout(LONG, |slot| *slot = 0)?;
        forget(consumer);
        producer.publish_timeout(LONG, |slot| *slot = 1)?;
    }
    Ok(())
}
