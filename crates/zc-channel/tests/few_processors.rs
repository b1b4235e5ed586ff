//! Where threads must share a processor: no turn is wasted by spinning, and waiting is free.
#![cfg(all(target_os = "linux", not(any(zc_loom, zc_shuttle))))]

use std::hint;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use zc_channel::bounded;
use zc_core::sync::atomic::{AtomicBool, Ordering};

/// Runs `f` on a thread of its own that may use the first `count` processors of those that this
/// one may use; the threads that it starts inherit that. `None` if there are fewer.
fn on_processors<R: Send>(count: usize, f: impl FnOnce() -> R + Send) -> Option<R> {
    let this_thread = Pid::from_raw(0);
    let all = sched_getaffinity(this_thread).unwrap();
    let mut few = CpuSet::new();
    let allowed = (0..CpuSet::count()).filter(|&cpu| all.is_set(cpu).unwrap());
    let taken = allowed.take(count).map(|cpu| few.set(cpu).unwrap()).count();
    (taken == count).then(|| {
        thread::scope(|scope| {
            let pinned = scope.spawn(|| {
                sched_setaffinity(this_thread, &few).unwrap();
                f()
            });
            pinned.join().unwrap()
        })
    })
}

/// Four senders, four receivers, `n` messages: how long that takes.
fn four_by_four(capacity: usize, n: u64) -> Duration {
    let (tx, rx) = bounded(capacity);
    let begin = Instant::now();
    thread::scope(|scope| {
        for tx in vec![tx; 4] {
            scope.spawn(move || (0..n / 4).for_each(|i| tx.send_blocking(i).unwrap()));
        }
        let receivers = vec![rx; 4];
        let receivers: Vec<_> = receivers
            .into_iter()
            .map(|rx| scope.spawn(move || rx.iter().count() as u64))
            .collect();
        let received: u64 = receivers.into_iter().map(|r| r.join().unwrap()).sum();
        assert_eq!(received, n);
    });
    begin.elapsed()
}

/// On one processor, 4×4 runs at least half as fast as on two, where there is room for more than one
/// item. (With room for one, each item on one processor needs a switch to another thread, which on two
/// it does not: there it is several times slower.)
///
/// Other programs may take turns of the one processor, so it is enough if it once succeeds.
#[test]
fn one_processor_is_at_least_half_as_good_as_two() {
    const N: u64 = 40_000;
    for capacity in [64, 1024] {
        let mut tries = Vec::new();
        let fair = (0..20).any(|_| {
            let one = on_processors(1, || four_by_four(capacity, N)).expect("there is one");
            let Some(two) = on_processors(2, || four_by_four(capacity, N)) else {
                return true; // Then one is all that this machine can do.
            };
            tries.push((one, two));
            one <= 2 * two
        });
        assert!(
            fair,
            "capacity {capacity}, (one, two) processors: {tries:?}"
        );
    }
}

/// Beside other programs that never rest, a yield is a gift of a whole slice to one of them. An item at
/// a time must not cost one each: it took 1.4 ms an item, where waking a parked thread takes 30 µs, and
/// a bench that had counted on 0.2 µs looked as if it hung.
///
/// What else runs here may slow all of it down, so it is enough if it once succeeds.
#[test]
fn other_programs_do_not_take_a_slice_for_each_item() {
    const N: u64 = 3_000;
    const BOUND: Duration = Duration::from_secs(2);
    let done = AtomicBool::new(false);
    let beside_others = || {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        hint::spin_loop();
                    }
                });
            }
            let tries: Vec<_> = (0..3)
                .map(|_| four_by_four(1, N))
                .take_while(|&took| took >= BOUND)
                .collect();
            done.store(true, Ordering::Relaxed);
            assert!(tries.len() < 3, "{tries:?}");
        });
    };
    on_processors(1, beside_others).expect("there is one");
}

/// Time that this thread was on a processor.
fn on_processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = stat.split_whitespace().next().unwrap().parse().unwrap();
    Duration::from_nanos(nanos)
}

/// Eight receivers of an idle channel use no processor time: each spends less on a long wait than
/// on falling asleep, on one processor and on all.
#[test]
fn idle_receivers_cost_nothing() {
    const IDLE: Duration = Duration::from_millis(400);
    let idle = || {
        let (tx, rx) = bounded::<u8>(1);
        let (report, reports) = mpsc::channel();
        thread::scope(|scope| {
            for rx in vec![rx; 8] {
                let report = report.clone();
                scope.spawn(move || {
                    let before = on_processor();
                    assert_eq!(rx.recv_blocking(), None);
                    report.send(on_processor() - before).unwrap();
                });
            }
            drop(report);
            thread::sleep(IDLE);
            drop(tx);
        });
        let spent: Duration = reports.iter().sum();
        assert!(spent < IDLE / 10, "{spent:?} in eight waits of {IDLE:?}");
    };
    on_processors(1, idle).expect("there is one");
    idle();
}
