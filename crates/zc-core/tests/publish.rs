//! `Publisher` and `Reader` from the outside.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use zc_core::error::{Closed, WaitError};
use zc_core::sync::block_on;
use zc_core::{Frozen, Publisher, Reader};

const SOON: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_reader_keeps_what_it_looks_at() {
    let mut publisher = Publisher::new(vec![1, 2]);
    let mut reader = publisher.reader();
    let pinned = reader.load();
    let first = pinned.version();
    let second = publisher.publish(vec![3]);
    assert!(second > first);
    assert_eq!(*pinned, [1, 2], "the old version, untouched");
    let kept = pinned.to_frozen();
    drop(pinned);
    publisher.publish(vec![4]);
    assert_eq!(*reader.load(), [4]);
    assert_eq!(*kept, [1, 2]);
    assert_eq!(reader.version(), publisher.version());
}

#[test]
fn latest_is_one_view_until_there_is_a_newer_version() {
    let mut publisher = Publisher::new(vec![1]);
    let mut reader = publisher.reader();
    let first = reader.latest().clone();
    assert!(first.ptr_eq(reader.latest()));
    publisher.publish(vec![2]);
    assert_eq!(**reader.latest(), [2]);
}

#[test]
fn publishing_hands_the_memory_on_without_copying() {
    let view = Frozen::from_vec(vec![1, 2, 3]);
    let mut publisher = Publisher::new(Frozen::new());
    publisher.publish(view.slice(1..));
    let mut reader = publisher.reader();
    assert_eq!(reader.load().as_ptr(), view[1..].as_ptr());
}

#[test]
fn drafts_use_the_memory_that_nobody_looks_at() {
    let mut publisher = Publisher::new(vec![0_u8; 4]);
    let first = publisher.current().as_ptr();
    let mut reader = publisher.reader();
    let pinned = reader.load();
    let mut draft = publisher.draft();
    assert_ne!(draft.as_ptr(), first, "the current version is read");
    draft.fill(1);
    let second = draft.as_ptr();
    draft.commit();
    let mut draft = publisher.draft();
    assert_ne!(draft.as_ptr(), first, "and still read");
    draft.fill(2);
    draft.commit();
    assert_eq!(*pinned, [0; 4]);
    drop(pinned);
    let mut draft = publisher.draft();
    assert_eq!(
        draft.as_ptr(),
        second,
        "two versions back, nobody looks at it"
    );
    draft.fill(3);
    draft.commit();
    assert_eq!(*reader.load(), [3; 4]);
}

#[test]
fn a_dropped_draft_publishes_nothing_and_neither_does_a_panic() {
    let mut publisher = Publisher::new(vec![1, 1]);
    let version = publisher.version();
    publisher.draft().fill(9);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut draft = publisher.draft();
        draft[0] = 8;
        panic!("in the middle");
    }));
    assert!(panicked.is_err());
    assert_eq!(publisher.version(), version);
    assert_eq!(*publisher.current(), [1, 1]);
    assert_eq!(publisher.draft().len(), 2);
}

#[test]
fn waits_end_with_a_newer_version_or_with_the_publisher() {
    let mut publisher = Publisher::new(vec![0]);
    let mut reader = publisher.reader();
    let version = reader.load().version();
    assert_eq!(reader.wait_newer(version, SOON), Err(WaitError::Timeout));
    thread::scope(|s| {
        let waiting = s.spawn(|| reader.wait_newer(version, LONG));
        let newer = publisher.publish(vec![1]);
        assert_eq!(waiting.join().unwrap(), Ok(newer));
    });
    assert_eq!(
        block_on(reader.changed()),
        Ok(publisher.version()),
        "not looked at yet"
    );
    let _ = reader.load();
    thread::scope(|s| {
        let waiting = s.spawn(|| block_on(reader.changed()));
        publisher.publish(vec![2]);
        let last = publisher.version();
        drop(publisher);
        assert_eq!(
            waiting.join().unwrap(),
            Ok(last),
            "published before the end"
        );
    });
    assert_eq!(*reader.load(), [2], "the last version stays");
    assert_eq!(block_on(reader.changed()), Err(Closed));
    assert_eq!(
        reader.wait_newer(reader.version(), LONG),
        Err(WaitError::Closed)
    );
}

#[test]
fn a_leaked_pin_keeps_its_version_and_holds_nobody_up() {
    let mut publisher = Publisher::new(vec![String::from("first")]);
    let mut reader = publisher.reader();
    std::mem::forget(reader.load());
    for i in 0..10 {
        publisher.publish(vec![i.to_string()]);
    }
    assert_eq!(*reader.load(), ["9"]);
}

#[test]
fn readers_never_see_a_torn_version_and_never_go_back() {
    let mut publisher = Publisher::new(vec![0_u64; 64]);
    let reads = |mut reader: Reader<u64>| {
        let mut last = 0;
        loop {
            let pinned = reader.load();
            assert!(pinned.iter().all(|&x| x == pinned[0]), "torn");
            assert!(pinned[0] >= last, "went back");
            last = pinned[0];
            let version = pinned.version();
            drop(pinned);
            assert!(reader.latest()[0] >= last);
            if last == 2_000 {
                return;
            }
            if last % 3 == 0 {
                let _ = reader.wait_newer(version, Duration::from_micros(20));
            }
        }
    };
    thread::scope(|s| {
        let reader = publisher.reader();
        let (a, b) = (reader.clone(), reader);
        s.spawn(|| reads(a));
        s.spawn(|| reads(b));
        for i in 1..=2_000 {
            let mut draft = publisher.draft();
            draft.fill(i);
            draft.commit();
        }
    });
}

#[test]
fn a_draft_may_be_finished_or_dropped_on_another_thread() {
    let mut publisher = Publisher::new(vec![0; 4]);
    let draft = publisher.draft();
    let version = thread::scope(|s| {
        let finishing = s.spawn(move || {
            let mut draft = draft;
            draft.fill(1);
            draft.commit()
        });
        finishing.join().unwrap()
    });
    assert_eq!(publisher.version(), version);
    let draft = publisher.draft();
    thread::scope(|s| s.spawn(move || drop(draft)).join().unwrap());
    assert_eq!(*publisher.current(), [1; 4]);
}

#[test]
fn readers_that_come_and_go_leave_nothing_behind() {
    let mut publisher = Publisher::new(vec![String::from("first")]);
    let reader = publisher.reader();
    for i in 0..100 {
        let mut other = reader.clone();
        assert_eq!(other.load().len(), 1);
        let last = other.latest().clone();
        drop(other);
        publisher.publish(vec![i.to_string()]);
        assert!(last.try_into_mut().is_ok(), "no reader keeps it");
    }
}

/// A snapshot that is always alive when the next version is written costs no copy of its own.
#[test]
fn memory_comes_back_when_the_snapshots_of_it_are_gone() {
    let mut publisher = Publisher::new(vec![0_u64; 1000]);
    let mut places = std::collections::BTreeSet::new();
    for i in 0..50 {
        let snapshot = publisher.current();
        let mut draft = publisher.draft();
        draft.fill(i);
        places.insert(draft.as_ptr());
        draft.commit();
        drop(snapshot);
    }
    assert!(places.len() <= 3, "{} places", places.len());
}

#[test]
fn elements_without_a_size_are_published() {
    let mut publisher = Publisher::new(vec![(); 5]);
    let mut reader = publisher.reader();
    assert_eq!(publisher.draft().commit(), reader.load().version());
    assert_eq!(reader.load().len(), 5);
    publisher.publish(zc_core::Frozen::new());
    assert!(reader.load().is_empty());
}
