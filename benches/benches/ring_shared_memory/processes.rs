//! The other process: starting it, hearing from it, and what it does.
//!
//! The consumer says `ready` when it has joined, and in the end `done` and the time, or what was wrong.
//! Both take the time from a clock that the processes of a machine share.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use zc_benches::broadcast::{Check, pin};

/// Who is to consume, from where, and how many rows, one a line.
const ASKED: &str = "ZC_BENCH_CONSUMER";

/// A consumer in a process of its own. Ends with this handle, whatever it is doing.
pub(crate) struct Consumer {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Consumer {
    /// Starts it, and waits until it has joined.
    pub(crate) fn start(kind: &str, place: &str, rows: u64) -> Result<Self, String> {
        let program = env::current_exe().map_err(|e| format!("this program: {e}"))?;
        let mut child = Command::new(program)
            .env(ASKED, format!("{kind}\n{place}\n{rows}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("starting the consumer: {e}"))?;
        let out = child.stdout.take().ok_or("the consumer has no output")?;
        let lines = BufReader::new(out);
        let mut consumer = Self { child, lines };
        match consumer.line()?.as_str() {
            "ready" => Ok(consumer),
            other => Err(format!("the consumer: {other}")),
        }
    }

    /// Waits for its end, which is a time.
    pub(crate) fn end(mut self) -> Result<Duration, String> {
        let line = self.line()?;
        let nanos = line.strip_prefix("done ").and_then(|n| n.parse().ok());
        nanos
            .map(Duration::from_nanos)
            .ok_or(format!("the consumer: {line}"))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        read.map_err(|e| format!("the consumer's output: {e}"))?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // It has ended, or is to; either way it must not be left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does what a consumer does, where this process was started as one.
pub(crate) fn consume() -> Option<ExitCode> {
    let asked = env::var(ASKED).ok()?;
    let said = match consume_as(&asked) {
        Ok(end) => format!("done {}", end.as_nanos()),
        Err(why) => why,
    };
    Some(match writeln!(std::io::stdout(), "{said}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn consume_as(asked: &str) -> Result<Duration, String> {
    let mut words = asked.lines();
    let mut word = || words.next().ok_or("half a line of orders");
    let (kind, place, rows) = (word()?, word()?, word()?);
    let rows: u64 = rows.parse().map_err(|e| format!("rows: {e}"))?;
    pin(1);
    let mut seen = Check::default();
    match kind {
        "ours" => super::ends::consume(place, rows, &mut seen)?,
        #[cfg(feature = "peers")]
        "iceoryx2" => super::iox::consume(place, rows, &mut seen)?,
        other => return Err(format!("there is no consumer `{other}`")),
    }
    let end = now()?;
    seen.verdict(rows)?;
    Ok(end)
}

/// The consumer has joined.
pub(crate) fn ready() -> Result<(), String> {
    writeln!(std::io::stdout(), "ready").map_err(|e| format!("saying so: {e}"))
}

/// Since a moment that is the same for all processes.
pub(crate) fn now() -> Result<Duration, String> {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC);
    time.map(Duration::from)
        .map_err(|e| format!("the clock: {e}"))
}
