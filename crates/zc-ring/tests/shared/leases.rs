//! Leases: who is dead is found out, who sleeps is not, and a child is not its parent.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use zc_ring::{ProducerError, PushError};

use super::*;

const ROLE: &str = "ZC_SHARED_ROLE";
const PATH: &str = "ZC_SHARED_PATH";

/// This test program again, as another process that does what [`a_child`] says and waits.
fn spawn(role: &str, path: &Temp) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leases::a_child", "--nocapture"])
        .env(ROLE, role)
        .env(PATH, &path.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It says `@` when it has what it is to hold.
    let mut byte = [0];
    let out = child.stdout.as_mut().unwrap();
    while byte != *b"@" {
        out.read_exact(&mut byte).expect("the child is ready");
    }
    child
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// What children do; nothing where this is not one.
#[test]
fn a_child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let ring = RowRing::open_shared(std::env::var(PATH).unwrap()).unwrap();
    let _consumer =
        (role == "consumer").then(|| ring.consumer(ConsumerOptions::default()).unwrap());
    let _producer = (role == "producer").then(|| ring.producer().unwrap());
    std::io::stdout().write_all(b"@").unwrap();
    std::io::stdout().flush().unwrap();
    // Until the parent closes its end, or kills this.
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn a_dead_consumer_is_reaped_within_a_second_of_the_ring_filling() {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut producer = ring.producer().unwrap();
    let mut child = spawn("consumer", &path);
    assert_eq!(ring.metrics().consumers.len(), 1);
    publish(&mut producer, 8);
    let schema = schema();
    assert_eq!(
        producer.try_push(|row| fill(row, &schema)),
        Err(PushError::Full)
    );
    child.kill().unwrap();
    // Not waited for: a zombie is dead as well.
    producer
        .push_timeout(Duration::from_secs(1), |row| fill(row, &schema))
        .unwrap();
    publish(&mut producer, 100);
    assert!(ring.metrics().consumers.is_empty());
    child.wait().unwrap();
}

#[test]
fn a_stopped_consumer_is_not_reaped() {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut producer = ring.producer().unwrap();
    let mut child = spawn("consumer", &path);
    signal(&child, "-STOP");
    publish(&mut producer, 8);
    let schema = schema();
    let waited = producer.push_timeout(Duration::from_millis(1500), |row| fill(row, &schema));
    assert_eq!(waited, Err(PushError::TimedOut));
    let metrics = ring.metrics();
    assert_eq!(metrics.consumers.len(), 1);
    assert!(!metrics.consumers[0].thread_ended);
    assert!(metrics.time_blocked >= Duration::from_millis(1400));
    child.kill().unwrap();
    producer
        .push_timeout(Duration::from_secs(1), |row| fill(row, &schema))
        .unwrap();
    child.wait().unwrap();
}

#[test]
fn a_dead_producers_place_is_free_and_a_stopped_ones_is_not() {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut child = spawn("producer", &path);
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    signal(&child, "-STOP");
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    child.kill().unwrap();
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut producer = loop {
        match ring.producer() {
            Ok(producer) => break producer,
            Err(_) => assert!(Instant::now() < deadline, "not within a second"),
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    publish(&mut producer, 8);
    child.wait().unwrap();
}

#[test]
fn a_ring_whose_processes_are_all_dead_is_closed() {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    let mut child = spawn("producer", &path);
    drop(ring);
    assert!(matches!(
        consumer.recv_timeout(Duration::from_millis(200)),
        Poll::Empty
    ));
    child.kill().unwrap();
    child.wait().unwrap();
    let found = consumer.recv_timeout(Duration::from_secs(10));
    assert!(matches!(found, Poll::Closed), "{found:?}");
}

/// A child that was forked drops its copies of the handles: what its parent holds stays held.
#[test]
fn a_forked_child_gives_nothing_back() {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    let mut producer = ring.producer().unwrap();
    publish(&mut producer, 8);
    // SAFETY: the child only drops values of this thread, and ends without running anything else.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        drop((consumer, producer, ring));
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    let mut status = 1;
    // SAFETY: `status` is there to be written to.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((waited, status), (pid, 0));
    let schema = schema();
    assert_eq!(
        producer.try_push(|row| fill(row, &schema)),
        Err(PushError::Full)
    );
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    assert_eq!(read(&mut consumer, 100), 8);
    drop(producer);
    assert!(
        matches!(consumer.poll(1), Poll::Empty),
        "the parent's handle is there"
    );
    drop(ring);
    assert!(matches!(consumer.poll(1), Poll::Closed));
}
