//! Waiting for a `SharedBuffer`: tasks and threads, who gives up, who is forgotten, and that nobody
//! starves.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use zc_core::SharedBuffer;
use zc_core::sync::atomic::{AtomicBool, Ordering};
use zc_core::sync::block_on;

#[test]
fn async_readers_and_writers_get_in() {
    let buffer = SharedBuffer::from_vec(vec![0_u32]);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let buffer = buffer.clone();
            thread::spawn(move || {
                block_on(async {
                    for _ in 0..100 {
                        buffer.write_async().await.unwrap()[0] += 1;
                        assert!(buffer.read_async().await.unwrap()[0] > 0);
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*buffer.read().unwrap(), [400]);
}

#[test]
fn a_forgotten_pending_writer_bars_nobody_once_the_lock_is_free() {
    let buffer: &'static SharedBuffer<u8> = Box::leak(Box::new(vec![1].into()));
    let reader = buffer.read().unwrap();
    let mut pending = Box::pin(buffer.write_async());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(Future::poll(pending.as_mut(), &mut cx).is_pending());
    std::mem::forget(pending);
    let (tell, told) = mpsc::channel();
    let second = thread::spawn(move || {
        tell.send(()).unwrap();
        drop(buffer.read().unwrap()); // stands back for the writer while the lock is held
    });
    told.recv().unwrap();
    drop(reader);
    second.join().unwrap();
    drop(buffer.write().unwrap());
    drop(buffer.read().unwrap());
}

#[test]
fn readers_that_come_again_and_again_do_not_starve_a_writer() {
    let buffer = SharedBuffer::from_vec(vec![0_u64; 8]);
    let done = zc_core::sync::atomic::AtomicBool::new(false);
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while !done.load(zc_core::sync::atomic::Ordering::Relaxed) {
                    let guard = buffer.read().unwrap();
                    assert!(guard.iter().all(|&x| x == guard[0]), "torn");
                }
            });
        }
        for _ in 0..200 {
            buffer.write().unwrap().iter_mut().for_each(|x| *x += 1);
        }
        done.store(true, zc_core::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(buffer.read().unwrap()[0], 200);
}

/// A write each millisecond, `write(i)` for the `i`th of 50, beside four readers in a loop who stay for
/// `section` each time and see no torn write.
fn write_beside_readers(buffer: &SharedBuffer<u64>, section: Duration, mut write: impl FnMut(u64)) {
    let done = AtomicBool::new(false);
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let guard = buffer.read().unwrap();
                    assert!(guard.iter().all(|&x| x == guard[0]), "torn");
                    let inside = Instant::now();
                    while inside.elapsed() < section {
                        std::hint::spin_loop();
                    }
                }
            });
        }
        for i in 0..50 {
            thread::sleep(Duration::from_millis(1));
            write(i);
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// No write waits for long (the figure is the bench's; the bound here is only there to see
/// starvation), and no write is torn.
#[test]
fn readers_in_a_loop_do_not_starve_a_writer() {
    let buffer = SharedBuffer::from_vec(vec![0_u64; 8]);
    write_beside_readers(&buffer, Duration::ZERO, |i| {
        let written = buffer.write_timeout(Duration::from_secs(20));
        written.expect("starved").fill(i);
    });
}

/// Each reader stays for longer than a task that has been woken looks at the lock: it gets in because
/// they stand back for it, not by luck.
#[test]
fn readers_in_a_loop_do_not_starve_a_task_that_writes() {
    let buffer = SharedBuffer::from_vec(vec![0_u64; 8]);
    write_beside_readers(&buffer, Duration::from_micros(100), |i| {
        block_on(buffer.write_async()).unwrap().fill(i);
    });
}

#[test]
fn readers_stand_back_for_a_task_that_has_come_in_vain() {
    let buffer = SharedBuffer::from_vec(vec![0_u8]);
    let mut cx = Context::from_waker(Waker::noop());
    let guard = buffer.read().unwrap();
    let mut writing = pin!(buffer.write_async());
    assert!(writing.as_mut().poll(&mut cx).is_pending());
    assert!(writing.as_mut().poll(&mut cx).is_pending());
    drop(guard);
    let mut reading = pin!(buffer.read_async());
    assert!(reading.as_mut().poll(&mut cx).is_pending());
    // Who has no time to wait need not.
    drop(buffer.try_read().unwrap());
    drop(buffer.read_timeout(Duration::ZERO).unwrap());
    block_on(writing).unwrap()[0] = 1;
    assert_eq!(block_on(reading).unwrap()[0], 1);
}

#[test]
fn a_forgotten_writer_that_had_come_in_vain_holds_readers_up_for_a_moment_only() {
    let buffer: &'static SharedBuffer<u8> = Box::leak(Box::new(vec![1].into()));
    let mut cx = Context::from_waker(Waker::noop());
    let guard = buffer.read().unwrap();
    let mut pending = Box::pin(buffer.write_async());
    assert!(pending.as_mut().poll(&mut cx).is_pending());
    assert!(pending.as_mut().poll(&mut cx).is_pending());
    std::mem::forget(pending);
    let (tell, told) = mpsc::channel();
    let second = thread::spawn(move || {
        tell.send(()).unwrap();
        drop(buffer.read().unwrap());
    });
    told.recv().unwrap();
    drop(guard);
    drop(block_on(buffer.read_async()).unwrap());
    second.join().unwrap();
    drop(buffer.read().unwrap());
    drop(buffer.write().unwrap());
}
