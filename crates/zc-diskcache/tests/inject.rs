//! A disk that fails: EIO, ENOSPC, short reads and writes, at every single call in turn.
//!
//! This binary has its own `pread` and `pwrite`, which the cache then calls instead of libc's.
//! The faults are the calling thread's own, so tests do not disturb each other.

#![cfg(all(target_os = "linux", not(any(zc_loom, zc_shuttle))))]

mod common;

use std::cell::Cell;
use std::collections::HashMap;

use bytes::Bytes;
use common::{Dir, KIB, pattern};
use zc_core::sync::block_on;
use zc_diskcache::{CacheErrorKind, RawDiskCache, Verify};

#[derive(Clone, Copy, Default)]
struct Plan {
    /// Calls until the fault; `None`: no fault.
    after: Option<u64>,
    /// The fault goes on until it is lifted.
    stays: bool,
    error: libc::c_int,
    /// Transfers are cut to at most this many bytes.
    at_most: Option<usize>,
    /// Calls so far.
    calls: u64,
}

thread_local! {
    static WRITES: Cell<Plan> = const { Cell::new(Plan { after: None, stays: false, error: 0, at_most: None, calls: 0 }) };
    static READS: Cell<Plan> = const { Cell::new(Plan { after: None, stays: false, error: 0, at_most: None, calls: 0 }) };
}

/// What a call is to do: fail, or go on with so many bytes.
fn step(plan: &Cell<Plan>, len: usize) -> Result<usize, libc::c_int> {
    let mut now = plan.get();
    now.calls += 1;
    let fails = match now.after {
        Some(0) => {
            now.after = now.stays.then_some(0);
            true
        }
        Some(left) => {
            now.after = Some(left - 1);
            false
        }
        None => false,
    };
    plan.set(now);
    if fails {
        Err(now.error)
    } else {
        Ok(len.min(now.at_most.unwrap_or(len)))
    }
}

fn fail(error: libc::c_int) -> isize {
    // SAFETY: takes nothing.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: that is this thread's own errno.
    unsafe { *errno = error };
    -1
}

/// In place of libc's.
#[unsafe(no_mangle)]
extern "C" fn pwrite(
    fd: libc::c_int,
    buf: *const libc::c_void,
    len: usize,
    offset: libc::off_t,
) -> isize {
    match step_of(&WRITES, len) {
        // SAFETY: the caller's own arguments, or fewer bytes of them.
        Ok(len) => unsafe { libc::syscall(libc::SYS_pwrite64, fd, buf, len, offset) as isize },
        Err(error) => fail(error),
    }
}

/// In place of libc's.
#[unsafe(no_mangle)]
extern "C" fn pread(
    fd: libc::c_int,
    buf: *mut libc::c_void,
    len: usize,
    offset: libc::off_t,
) -> isize {
    match step_of(&READS, len) {
        // SAFETY: the caller's own arguments, or fewer bytes of them.
        Ok(len) => unsafe { libc::syscall(libc::SYS_pread64, fd, buf, len, offset) as isize },
        Err(error) => fail(error),
    }
}

fn step_of(
    plan: &'static std::thread::LocalKey<Cell<Plan>>,
    len: usize,
) -> Result<usize, libc::c_int> {
    plan.with(|plan| step(plan, len))
}

fn open(dir: &Dir) -> RawDiskCache {
    let builder = RawDiskCache::builder(dir.path())
        .capacity(256 * KIB as u64)
        .verify(Verify::Never);
    block_on(builder.open()).unwrap()
}

fn lift() {
    WRITES.set(Plan::default());
    READS.set(Plan::default());
}

#[test]
fn the_faults_do_arrive() {
    let dir = Dir::new();
    let cache = open(&dir);
    block_on(cache.store("key", pattern(1, 5000))).unwrap();
    for (error, kind) in [
        (libc::EIO, CacheErrorKind::Io),
        (libc::ENOSPC, CacheErrorKind::DiskFull),
        (libc::EDQUOT, CacheErrorKind::DiskFull),
    ] {
        WRITES.set(Plan {
            after: Some(0),
            error,
            ..Plan::default()
        });
        let failed = block_on(cache.store("key", pattern(2, 5000))).unwrap_err();
        assert_eq!(failed.kind(), kind, "{failed}");
        assert_eq!(failed.key(), Some(&b"key"[..]));
        assert!(failed.to_string().contains("offset"), "{failed}");
        assert_eq!(failed.io_error().unwrap().raw_os_error(), Some(error));
        READS.set(Plan {
            after: Some(0),
            error: libc::EIO,
            ..Plan::default()
        });
        let failed = block_on(cache.lookup("key")).unwrap_err();
        assert_eq!(failed.kind(), CacheErrorKind::Io);
        lift();
        assert_eq!(
            block_on(cache.lookup("key")).unwrap(),
            Some(pattern(1, 5000)),
            "the old value"
        );
    }
}

#[test]
fn short_and_interrupted_transfers_are_continued() {
    let dir = Dir::new();
    let cache = open(&dir);
    for at_most in [1, 7, 100, 4095] {
        let short = Plan {
            at_most: Some(at_most),
            after: Some(2),
            error: libc::EINTR,
            ..Plan::default()
        };
        WRITES.set(short);
        READS.set(short);
        let key = "k".repeat(200);
        block_on(cache.store(&key, pattern(at_most as u64, 5000))).unwrap();
        assert_eq!(
            block_on(cache.lookup(&key)).unwrap(),
            Some(pattern(at_most as u64, 5000))
        );
        assert!(WRITES.get().calls > 2);
        lift();
    }
    drop(cache);
    READS.set(Plan {
        at_most: Some(100),
        ..Plan::default()
    });
    let cache = open(&dir);
    lift();
    assert_eq!(cache.len(), 1);
}

/// One write after the other fails, for once or for good, through stores, overwrites, evictions,
/// removals and touches. Whatever happens, a hit has the right bytes, now and after a reopening
/// that stands for a kill; and what was acknowledged stays.
#[test]
fn every_write_fails_once() {
    for stays in [false, true] {
        for after in 0..60 {
            for error in [libc::EIO, libc::ENOSPC] {
                one_failing_write(Plan {
                    after: Some(after),
                    stays,
                    error,
                    ..Plan::default()
                });
            }
        }
    }
}

fn one_failing_write(plan: Plan) {
    let dir = Dir::new();
    let mut cache = open(&dir);
    let mut maybe: HashMap<String, Vec<Option<Bytes>>> = HashMap::new();
    WRITES.set(plan);
    for n in 0..12_u64 {
        let key = format!("key{}", n % 5);
        let known = maybe.entry(key.clone()).or_insert_with(|| vec![None]);
        if n % 4 == 3 {
            match block_on(cache.remove(&key)) {
                Ok(_) => *known = vec![None],
                Err(_) => known.push(None),
            }
        } else {
            let value = pattern(n, 30_000 + n as usize * 3000);
            match block_on(cache.store(&key, value.clone())) {
                Ok(()) => *known = vec![Some(value)],
                Err(error) => {
                    assert_eq!(error.io_error().unwrap().raw_os_error(), Some(plan.error));
                    known.push(Some(value));
                }
            }
        }
        let _ = block_on(cache.touch(&key));
        check(&cache, &maybe);
    }
    // The disk is whole again, and so is the cache.
    lift();
    check(&cache, &maybe);
    drop(cache);
    cache = open(&dir);
    check(&cache, &maybe);
    block_on(cache.store("new", pattern(99, 100_000))).unwrap();
    assert_eq!(
        block_on(cache.lookup("new")).unwrap(),
        Some(pattern(99, 100_000))
    );
    block_on(cache.clear()).unwrap();
    let stats = cache.stats();
    assert_eq!(
        stats.free_bytes + stats.lent_bytes,
        256 * KIB as u64,
        "nothing leaks"
    );
}

fn check(cache: &RawDiskCache, maybe: &HashMap<String, Vec<Option<Bytes>>>) {
    for (key, allowed) in maybe {
        // A miss is always possible: it may have been evicted.
        if let Some(found) = block_on(cache.lookup(key)).unwrap() {
            assert!(
                allowed.contains(&Some(found)),
                "{key} has bytes that nobody acknowledged"
            );
        }
    }
}
