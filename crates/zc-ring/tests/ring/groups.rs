//! Consumer groups: each row goes to exactly one member.

use std::collections::HashMap;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use zc_core::sync::block_on;
use zc_ring::{ConsumerOptions, Partition, Poll, PublishError, Ring};

use crate::{Result, drain};

const LONG: Duration = Duration::from_secs(30);

#[test]
fn by_turn_each_member_gets_its_share_in_order() -> Result {
    let ring = Ring::<u64>::builder(16).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let mut members = [group.member()?, group.member()?, group.member()?];
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3, 4, 5, 6])?;
    let shares = members.each_mut().map(drain);
    assert_eq!(shares, [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
    assert!(members.iter_mut().all(|m| matches!(m.poll(1), Poll::Empty)));
    Ok(())
}

#[test]
fn by_key_all_rows_of_a_key_go_to_one_member_in_order() -> Result {
    let ring = Ring::<u64>::builder(256).build()?;
    let group = ring.consumer_group("workers", Partition::ByKey(|row| row % 10))?;
    let mut members = [group.member()?, group.member()?];
    let rows: Vec<u64> = (0..200).collect();
    ring.producer()?.publish_slice(&rows)?;
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut all = Vec::new();
    for (index, member) in members.iter_mut().enumerate() {
        let share = drain(member);
        assert!(!share.is_empty() && share.is_sorted());
        for row in &share {
            assert_eq!(*seen.entry(row % 10).or_insert(index), index);
        }
        all.extend(share);
    }
    all.sort_unstable();
    assert_eq!(all, rows);
    Ok(())
}

#[test]
fn the_group_holds_the_producer_back_as_one() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let (mut one, mut two) = (group.member()?, group.member()?);
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    assert_eq!(drain(&mut one), [0, 2]);
    assert!(producer.try_publish(|slot| *slot = 4).is_err());
    assert_eq!(drain(&mut two), [1, 3]);
    assert!(producer.try_publish(|slot| *slot = 4).is_ok());
    Ok(())
}

#[test]
fn a_member_that_leaves_hands_its_unread_rows_on() -> Result {
    let ring = Ring::<u64>::builder(16).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let (mut one, mut two) = (group.member()?, group.member()?);
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3, 4, 5])?;
    let batch = one.poll(1).rows().ok_or("a row")?;
    assert_eq!(batch[0], 0);
    drop(batch);
    drop(one);
    producer.publish_slice(&[6, 7])?;
    let mut rest = drain(&mut two);
    assert!(
        rest.ends_with(&[6, 7]),
        "rows after the change come last: {rest:?}"
    );
    rest.sort_unstable();
    assert_eq!(rest, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(ring.metrics().consumers.len(), 1);
    Ok(())
}

#[test]
fn a_member_that_panics_with_a_batch_hands_that_on_too() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let (mut one, mut two) = (group.member()?, group.member()?);
    ring.producer()?.publish_slice(&[0, 1, 2, 3])?;
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _batch = one.poll(1);
        panic!("mid-batch");
    }));
    assert!(caught.is_err());
    let mut rows = drain(&mut two);
    rows.sort_unstable();
    assert_eq!(rows, [0, 1, 2, 3]);
    Ok(())
}

#[test]
fn a_leaked_member_hands_its_rows_on_when_its_thread_ends() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let (mut one, mut two) = (group.member()?, group.member()?);
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    let leak = thread::spawn(move || {
        assert_eq!(one.poll(1).rows().map(|batch| batch[0]), Some(0));
        forget(one);
    });
    leak.join().expect("no panic");
    let mut rows = drain(&mut two);
    rows.sort_unstable();
    assert_eq!(rows, [1, 2, 3]);
    producer.publish_timeout(LONG, |slot| *slot = 4)?;
    assert_eq!(drain(&mut two), [4]);
    Ok(())
}

#[test]
fn a_member_that_changes_threads_joins_again_and_loses_nothing() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let mut member = group.member()?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2])?;
    let mut member = thread::spawn(move || {
        assert_eq!(member.poll(1).rows().map(|batch| batch[0]), Some(0));
        member
    })
    .join()
    .expect("no panic");
    assert_eq!(drain(&mut member), [1, 2]);
    producer.publish_slice(&[3])?;
    assert_eq!(drain(&mut member), [3]);
    Ok(())
}

#[test]
fn rows_without_a_member_wait_for_the_next_one() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let group = ring.consumer_group("workers", Partition::ByKey(|row| *row))?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1])?;
    let mut one = group.member()?;
    assert_eq!(one.poll(1).rows().map(|batch| batch[0]), Some(0));
    drop(one);
    producer.publish_slice(&[2, 3, 4])?;
    assert!(producer.try_publish(|slot| *slot = 5).is_err());
    let mut two = group.member()?;
    assert_eq!(drain(&mut two), [1, 2, 3, 4]);
    Ok(())
}

#[test]
fn a_group_that_is_dropped_frees_the_ring() -> Result {
    let ring = Ring::<u64>::builder(2).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let member = group.member()?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1])?;
    drop(member);
    let refused = producer.publish_timeout(Duration::from_millis(20), |slot| *slot = 2);
    assert_eq!(refused, Err(PublishError::TimedOut));
    drop(group);
    producer.publish(|slot| *slot = 2);
    assert!(ring.metrics().consumers.is_empty());
    Ok(())
}

#[test]
fn members_find_the_ring_closed_when_their_rows_are_read() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let (mut one, mut two) = (group.member()?, group.member()?);
    ring.producer()?.publish_slice(&[0, 1, 2])?;
    drop(ring);
    assert_eq!(drain(&mut one), [0, 2]);
    assert!(matches!(one.recv_blocking(), Poll::Closed));
    drop(one);
    assert_eq!(drain(&mut two), [1]);
    assert!(matches!(two.poll(1), Poll::Closed));
    Ok(())
}

#[test]
fn a_panicking_claim_is_nobodys_row() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let (mut one, mut two) = (group.member()?, group.member()?);
    let mut producer = ring.multi_producer();
    producer.publish(|slot| *slot = 0);
    let caught = catch_unwind(AssertUnwindSafe(|| producer.publish(|_| panic!("no row"))));
    assert!(caught.is_err());
    producer.publish(|slot| *slot = 2);
    producer.publish(|slot| *slot = 3);
    let mut rows = drain(&mut one);
    rows.extend(drain(&mut two));
    rows.sort_unstable();
    assert_eq!(rows, [0, 2, 3]);
    Ok(())
}

#[test]
fn a_forgotten_batch_counts_as_read_for_the_group() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let (mut one, mut two) = (group.member()?, group.member()?);
    ring.producer()?.publish_slice(&[0, 1, 2])?;
    forget(one.poll(1));
    drop(one);
    let mut rows = drain(&mut two);
    rows.sort_unstable();
    assert_eq!(rows, [1, 2]);
    Ok(())
}

#[test]
fn a_member_is_a_stream_and_a_task_too() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let group = ring.consumer_group("workers", Partition::RoundRobin)?;
    let (mut one, two) = (group.member()?, group.member()?);
    ring.producer()?.publish_slice(&[0, 1, 2, 3])?;
    drop(ring);
    block_on(async {
        let first = one.recv_async().await.rows().map(|batch| batch[0]);
        assert_eq!(first, Some(0));
        assert_eq!(one.next().await, Some(Ok(2)));
        let rest: Vec<_> = two.map(|row| row.expect("a row")).collect().await;
        assert_eq!(rest, [1, 3]);
    });
    Ok(())
}

#[test]
fn members_come_and_go_and_no_row_is_lost_or_read_twice() -> Result {
    const ROWS: u64 = 20_000;
    for by_key in [false, true] {
        let partition = if by_key {
            Partition::ByKey(|row: &u64| row % 7)
        } else {
            Partition::RoundRobin
        };
        let ring = Ring::<u64>::builder(64).build()?;
        let group = ring.consumer_group("workers", partition)?;
        let mut everybody = ring.consumer(ConsumerOptions::default())?;
        let mut producer = ring.producer()?;
        drop(ring);
        let work = |turns: u64| {
            let mut rows = Vec::new();
            // Some leave soon and leave rows behind, one stays.
            let mut member = group.member().expect("a member");
            for turn in 0.. {
                match member.recv_timeout(LONG) {
                    Poll::Rows(batch) => rows.extend(batch.iter().copied()),
                    Poll::Closed => return (rows, false),
                    other => panic!("{other:?}"),
                }
                if turn == turns {
                    break;
                }
            }
            (rows, true)
        };
        let mut all = thread::scope(|scope| {
            scope.spawn(move || {
                (0..ROWS).for_each(|n| {
                    producer.publish(|slot| *slot = n);
                });
            });
            scope.spawn(move || while everybody.recv_timeout(LONG).rows().is_some() {});
            let stays = scope.spawn(move || work(u64::MAX).0);
            let come_and_go: Vec<_> = (0..2)
                .map(|one| {
                    scope.spawn(move || {
                        let mut rows = Vec::new();
                        for turn in 0.. {
                            let (more, is_open) = work(40 + 13 * one + turn % 5);
                            rows.extend(more);
                            if !is_open {
                                break;
                            }
                        }
                        rows
                    })
                })
                .collect();
            let mut all = stays.join().expect("the one that stays");
            for one in come_and_go {
                all.extend(one.join().expect("one that comes and goes"));
            }
            all
        });
        // Whatever the last to leave has not read.
        if let Ok(mut last) = group.member() {
            all.extend(drain(&mut last));
        }
        all.sort_unstable();
        assert_eq!(all, (0..ROWS).collect::<Vec<_>>());
    }
    Ok(())
}
