//! Placement has the effect it says, or an error that says why not.

#![cfg(all(target_os = "linux", not(any(zc_loom, zc_shuttle))))]

use std::fs;

#[cfg(not(zc_seeded))]
use zc_ring::place::lock_memory;
use zc_ring::place::{PlaceError, numa_node_of, pin_current_thread, set_realtime_priority};

/// A line of what the system says of the calling thread.
fn status(key: &str) -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap().trim_matches([':', ' ', '\t']).to_owned()
}

fn allowed() -> Vec<usize> {
    let list = status("Cpus_allowed_list");
    let ranges = list.split(',').flat_map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        from.parse::<usize>().unwrap()..=to.parse().unwrap()
    });
    ranges.collect()
}

#[test]
fn a_pinned_thread_may_run_on_its_core_only() {
    std::thread::spawn(|| {
        let core = *allowed().last().unwrap();
        pin_current_thread(core).unwrap();
        assert_eq!(allowed(), [core]);
        for none in [1023, 1024, usize::MAX] {
            let error = pin_current_thread(none).unwrap_err();
            assert!(
                matches!(error, PlaceError::Core { core, .. } if core == none),
                "{error}"
            );
        }
        assert_eq!(allowed(), [core]);
    })
    .join()
    .unwrap();
}

#[test]
fn a_real_time_priority_is_had_or_refused_with_the_reason() {
    std::thread::spawn(|| {
        for none in [0, 100, 255] {
            let error = set_realtime_priority(none).unwrap_err();
            assert!(
                matches!(
                    error,
                    PlaceError::Level {
                        lowest: 1,
                        highest: 99,
                        ..
                    }
                ),
                "{error}"
            );
        }
        let stat = || fs::read_to_string("/proc/thread-self/stat").unwrap();
        // Field 41 of proc(5), counted behind the name: 1 is SCHED_FIFO.
        let policy = || {
            stat()
                .rsplit(')')
                .next()
                .unwrap()
                .split_whitespace()
                .nth(41 - 3)
                .unwrap()
                .to_owned()
        };
        match set_realtime_priority(1) {
            Ok(()) => assert_eq!(policy(), "1"),
            Err(error) => {
                assert!(
                    matches!(error, PlaceError::Priority { level: 1, .. }),
                    "{error}"
                );
                assert_eq!(policy(), "0");
            }
        }
    })
    .join()
    .unwrap();
}

// The sanitizers' runtimes, whose builds are seeded ones, make this call do nothing.
#[cfg(not(zc_seeded))]
#[test]
fn memory_is_locked_or_the_reason_given() {
    match lock_memory() {
        Ok(()) => assert_ne!(status("VmLck"), "0 kB"),
        Err(error) => assert!(matches!(error, PlaceError::Lock { .. }), "{error}"),
    }
}

#[test]
fn a_core_has_a_node_and_no_core_has_none() {
    let node = numa_node_of(allowed()[0]).unwrap();
    let path = format!("/sys/devices/system/node/node{node}");
    assert!(node == 0 || fs::exists(path).unwrap());
    let error = numa_node_of(100_000).unwrap_err();
    assert!(
        matches!(error, PlaceError::Node { core: 100_000, .. }),
        "{error}"
    );
}
