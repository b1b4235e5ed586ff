//! Published versions of a chunked buffer.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use zc_core::chunked::{ChunkedBuffer, ChunkedPublisher, ChunkedReader};
use zc_core::error::{Closed, WaitError};
use zc_core::sync::block_on;

const LONG: Duration = Duration::from_secs(30);

fn buffer(chunk_len: usize, elements: impl IntoIterator<Item = u32>) -> ChunkedBuffer<u32> {
    let mut buffer = ChunkedBuffer::with_chunk_len(chunk_len);
    buffer.extend(elements);
    buffer
}

#[test]
fn readers_see_whole_versions() {
    let mut publisher = ChunkedPublisher::new(buffer(4, 0..20));
    let mut reader = publisher.reader();
    let first = publisher.version();
    let pinned = reader.load();
    let second = publisher.write_at(0, &[100]);
    assert!(second > first);
    assert_eq!((pinned.version(), pinned[0]), (first, 0));
    drop(pinned);
    assert_eq!(reader.latest()[0], 100);
    let mut draft = publisher.draft();
    draft.write_at(1, &[101]);
    draft.push(20);
    assert_eq!(reader.latest().len(), 20, "nothing is seen of a draft");
    let third = draft.commit();
    let now = reader.load();
    assert_eq!(
        (now.version(), now[0], now[1], now.len()),
        (third, 100, 101, 21)
    );
    drop(now);
    publisher.publish(vec![7]);
    assert_eq!(publisher.current().to_vec(), [7]);
    assert_eq!(reader.load().to_vec(), [7]);
}

#[test]
fn a_dropped_draft_and_a_panic_in_one_publish_nothing() {
    let mut publisher = ChunkedPublisher::new(buffer(4, 0..20));
    let version = publisher.version();
    publisher.draft().write_at(0, &[9; 10]);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut draft = publisher.draft();
        draft.extend([1, 2, 3]);
        *draft = ChunkedBuffer::with_chunk_len(7);
        draft.extend(0..100);
        panic!("in the middle");
    }));
    assert!(panicked.is_err());
    let panicked = catch_unwind(AssertUnwindSafe(|| publisher.write_at(19, &[1, 2])));
    assert!(panicked.is_err(), "out of bounds");
    assert_eq!(publisher.version(), version);
    let expected: Vec<_> = (0..20).collect();
    assert_eq!(publisher.current().to_vec(), expected);
    assert_eq!(publisher.draft().to_vec(), expected);
    for i in 0..20 {
        publisher.write_at(i, &[50]);
    }
    assert_eq!(publisher.current().to_vec(), [50; 20]);
}

#[test]
fn memory_that_nobody_looks_at_is_used_again() {
    let mut publisher = ChunkedPublisher::new(buffer(4, 0..200));
    let mut places = std::collections::BTreeSet::new();
    for i in 0..200 {
        publisher.write_at(i % 4, &[1]);
        places.insert(publisher.current().chunk(0).unwrap().as_ptr());
    }
    assert!(places.len() <= 4, "{} places", places.len());
}

#[test]
fn a_leaked_snapshot_costs_its_own_chunks_only() {
    let mut publisher = ChunkedPublisher::new(buffer(4, 0..200));
    let held = publisher.current();
    let mut reader = publisher.reader();
    std::mem::forget(reader.load());
    std::mem::forget(reader);
    let mut places = std::collections::BTreeSet::new();
    for i in 0..200 {
        publisher.write_at(i % 4, &[1]);
        places.insert(publisher.current().chunk(0).unwrap().as_ptr());
    }
    assert!(places.len() <= 5, "{} places", places.len());
    assert_eq!(held.to_vec(), (0..200).collect::<Vec<_>>());
}

#[test]
fn waits_end_with_a_newer_version_or_with_the_publisher() {
    let mut publisher = ChunkedPublisher::new(vec![0_u8]);
    let mut reader = publisher.reader();
    let version = reader.load().version();
    let soon = Duration::from_millis(1);
    assert_eq!(reader.wait_newer(version, soon), Err(WaitError::Timeout));
    thread::scope(|s| {
        let waiting = s.spawn(|| reader.wait_newer(version, LONG));
        let newer = publisher.write_at(0, &[1]);
        assert_eq!(waiting.join().unwrap(), Ok(newer));
    });
    assert_eq!(block_on(reader.changed()), Ok(publisher.version()));
    assert_eq!(reader.latest()[0], 1);
    drop(publisher);
    assert_eq!(block_on(reader.changed()), Err(Closed));
    assert_eq!(reader.load()[0], 1, "the last version stays");
}

#[test]
fn readers_never_see_a_torn_version_and_never_go_back() {
    const ROUNDS: u32 = 1_000;
    let mut publisher = ChunkedPublisher::new(buffer(8, [0; 100]));
    let reads = |mut reader: ChunkedReader<u32>| {
        let mut last = 0;
        let mut kept = Vec::new();
        while last < ROUNDS {
            let pinned = reader.load();
            assert!(pinned.iter().all(|&x| x == pinned[0]), "torn");
            assert!(pinned[0] >= last, "went back");
            last = pinned[0];
            if last % 5 == 0 {
                kept.push((last, pinned.to_snapshot()));
                kept.truncate(3);
            }
            drop(pinned);
            assert!(reader.latest()[50] >= last);
        }
        assert!(kept.iter().all(|(n, of)| of.iter().all(|x| x == n)));
    };
    thread::scope(|s| {
        let reader = publisher.reader();
        let (a, b) = (reader.clone(), reader);
        s.spawn(|| reads(a));
        s.spawn(|| reads(b));
        for i in 1..=ROUNDS {
            let mut draft = publisher.draft();
            draft.write_at(0, &[i; 50]);
            draft.write_at(50, &[i; 50]);
            draft.commit();
        }
    });
}
