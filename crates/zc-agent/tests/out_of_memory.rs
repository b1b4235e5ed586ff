//! The system has no more memory: a reservation says so, and nothing else suffers.
//!
//! One test in a file of its own, for the limit is the whole process's.
#![cfg(all(target_os = "linux", not(any(zc_loom, zc_shuttle))))]

mod common;

use common::{Ranges, fill_and_commit, size};
use futures_util::FutureExt;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use zc_agent::*;

/// Bytes in a group; more than the rest of the process will ask for.
const GROUP: usize = 256 << 20;

/// Runs `f` while the process may not map another group.
fn without_memory<R>(f: impl FnOnce() -> R) -> R {
    let (soft, hard) = getrlimit(Resource::RLIMIT_AS).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mapped = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kib: u64 = mapped
        .unwrap()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .unwrap();
    let mapped = kib << 10;
    setrlimit(Resource::RLIMIT_AS, mapped + GROUP as u64 / 2, hard).unwrap();
    let result = f();
    setrlimit(Resource::RLIMIT_AS, soft, hard).unwrap();
    result
}

fn assert_out_of_memory<T: std::fmt::Debug>(result: Result<T, BufferError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, BufferError::OutOfMemory(_)), "{error}");
    // The system's own reason is at the end of the chain.
    let mut reason: &dyn std::error::Error = &error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    let reason = reason.downcast_ref::<std::io::Error>();
    let kind = reason.expect("the system's reason").kind();
    assert_eq!(kind, std::io::ErrorKind::OutOfMemory);
}

#[test]
fn without_memory_a_reservation_fails_and_nothing_else_does() {
    let (handle, mut groups, mut failures) = Manager::builder()
        .min_group_commit_size(GROUP)
        .max_reservation(GROUP)
        .memory_budget(8 * GROUP)
        .spawn()
        .unwrap();
    let some = handle.try_reserve_writer(size(100)).unwrap();
    let used = handle.metrics().budget_used;

    let first = without_memory(|| {
        // The open group has room, and needs nothing.
        fill_and_commit(handle.try_reserve_writer(size(100)).unwrap());
        // What crosses the line still fits; the one behind it needs a group.
        let last = handle.try_reserve_writer(size(GROUP)).unwrap();
        assert_out_of_memory(handle.try_reserve_writer(size(1)));
        assert_out_of_memory(handle.reserve_writer(size(1)).now_or_never().unwrap());
        assert_out_of_memory(handle.blocking_reserve_writer(size(1)));
        let mut writer = handle.writer(4096);
        assert_out_of_memory(writer.blocking_write(b"lost to nobody"));
        assert_eq!(handle.metrics().budget_used, used, "nothing is charged");
        // Neighbours are as they were: one fails, and is reported.
        last.fail("given up");
        fill_and_commit(some);
        let failed = failures.try_recv().unwrap().item().unwrap();
        assert_eq!(failed.failed_reservations[0].offset, 200);
        // The range can be had again later: a retry that fails for want of memory was none.
        let info = &failed.failed_reservations[0];
        let again = handle.retry(info).now_or_never().unwrap();
        assert_out_of_memory(again);
        failed
    });

    let info = first.failed_reservations[0].clone();
    let mut ranges = Ranges::default();
    ranges.failure(&first);
    drop(first);
    while let Some(Received::Item(failed)) = failures.try_recv() {
        ranges.failure(&failed);
    }
    assert_eq!(ranges.good_len(), 200);
    let again = handle.retry(&info).now_or_never().unwrap().unwrap();
    assert_eq!((again.offset(), again.size()), (200, GROUP));
    again.fail("known to work");
    drop(failures.try_recv());
    let agent = handle.try_reserve_writer(size(10)).unwrap();
    assert_eq!(agent.offset(), 200 + GROUP as u64, "no offset was lost");
    fill_and_commit(agent);
    handle.flush();
    let group = groups.try_recv().unwrap().item().unwrap();
    assert_eq!((group.offset, group.len), (200 + GROUP as u64, 10));
    drop(group);
    assert_eq!(handle.metrics().budget_used, 0);
}
