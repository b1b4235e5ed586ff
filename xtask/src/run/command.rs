//! Runs commands under a deadline, several at a time, and leaves no process behind.
//!
//! Each command leads a process group of its own and writes into a log file, so that its output
//! comes out in order, costs no pipe, and is there after a crash. A command that outlives its
//! deadline is asked to end (test runners then end their tests), and two seconds later it and
//! everything it had started are killed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// How long a command that was asked to end may take about it.
const GRACE: Duration = Duration::from_secs(2);
/// How often a running command is looked at.
const TICK: Duration = Duration::from_millis(15);

/// A command line, with the environment it differs in.
#[derive(Debug, Clone)]
pub(crate) struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(String, String)>,
    dir: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) end: End,
    pub(crate) output: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Ok,
    /// A non-zero exit code.
    Code(i32),
    /// Ended by a signal that did not come from here: an abort, a crash.
    Signal(i32),
    /// Its time ran out.
    Timeout,
    /// The user asked this program to end.
    Interrupted,
}

impl Cmd {
    pub(crate) fn new(program: impl Into<OsString>, dir: &Path) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            dir: dir.to_path_buf(),
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.env.push((key.to_owned(), value.into()));
        self
    }

    /// Lets each process of the command map so many bytes at most.
    pub(crate) fn memory(mut self, bytes: u64) -> Self {
        let limited = format!("ulimit -v {} && exec \"$@\"", bytes / 1024);
        let program = std::mem::replace(&mut self.program, "sh".into());
        let head: [OsString; 4] = ["-c".into(), limited.into(), "sh".into(), program];
        self.args.splice(0..0, head);
        self
    }

    /// As one would type it in a shell.
    pub(crate) fn line(&self) -> String {
        let quoted = |s: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@".contains(c);
            if !s.is_empty() && s.chars().all(plain) {
                s.to_owned()
            } else {
                format!("'{}'", s.replace('\'', r"'\''"))
            }
        };
        let env = self.env.iter().map(|(k, v)| format!("{k}={}", quoted(v)));
        let words = std::iter::once(&self.program).chain(&self.args);
        let words = words.map(|w| quoted(&w.to_string_lossy()));
        env.chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The process to be, in the environment that the user gave and not the one cargo made for
    /// this program: a nested cargo would see the difference and build again.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir);
        for (key, _) in std::env::vars_os() {
            let name = key.to_string_lossy();
            let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
            let exact = ["CARGO", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];
            if ours.iter().any(|p| name.starts_with(p)) || exact.contains(&&*name) {
                command.env_remove(&key);
            }
        }
        for (key, value) in &self.env {
            command.env(key, value);
            if key == "RUSTFLAGS" {
                command.env_remove("CARGO_ENCODED_RUSTFLAGS");
            }
        }
        command
    }

    fn start(&self, log: &Path) -> io::Result<Child> {
        let out = File::create(log)?;
        self.command()
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out)
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1")
            .process_group(0)
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", self.line())))
    }
}

/// Runs `jobs`, at most `width` at a time, each with its own deadline counted from its start and
/// never beyond `deadline`. Gives the results in the order of the jobs.
pub(crate) fn run_all(
    jobs: &[(Cmd, Duration)],
    width: usize,
    deadline: Instant,
    logs: &Path,
    signals: &Receiver<Signal>,
) -> io::Result<Vec<Ran>> {
    fs::create_dir_all(logs)?;
    let mut results: Vec<Option<Ran>> = jobs.iter().map(|_| None).collect();
    let mut running: Vec<(usize, Child, Instant)> = Vec::new();
    let mut next = 0;
    let mut stop = None;
    let log = |i: usize| logs.join(format!("{i:03}.log"));
    while next < jobs.len() || !running.is_empty() {
        while stop.is_none() && next < jobs.len() && running.len() < width.max(1) {
            let child = jobs[next].0.start(&log(next))?;
            running.push((next, child, (Instant::now() + jobs[next].1).min(deadline)));
            next += 1;
        }
        if stop.is_some() && running.is_empty() {
            break;
        }
        match signals.recv_timeout(TICK) {
            Ok(_) => stop = Some(End::Interrupted),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
        }
        let mut still = Vec::new();
        for (i, mut child, until) in running {
            let end = match child.try_wait()? {
                Some(status) => ended(status),
                None if stop.is_some() || Instant::now() >= until => {
                    end_tree(&mut child)?;
                    stop.unwrap_or(End::Timeout)
                }
                None => {
                    still.push((i, child, until));
                    continue;
                }
            };
            let output = String::from_utf8_lossy(&fs::read(log(i))?).into_owned();
            results[i] = Some(Ran { end, output });
        }
        running = still;
        if Instant::now() >= deadline {
            stop = stop.or(Some(End::Timeout));
        }
    }
    let missing = stop.unwrap_or(End::Timeout);
    Ok(results
        .into_iter()
        .map(|r| {
            r.unwrap_or(Ran {
                end: missing,
                output: String::new(),
            })
        })
        .collect())
}

fn ended(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(0), _) => End::Ok,
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or(0)),
    }
}

/// Ends a command, its process group, and whatever it had started in groups of their own (test
/// runners give one to each test).
fn end_tree(child: &mut Child) -> io::Result<()> {
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let family = descendants(pid);
    // An error here says that the group is gone already, which is what is wanted.
    let asked = killpg(Pid::from_raw(pid), Signal::SIGTERM);
    let until = Instant::now() + GRACE;
    while asked.is_ok() && Instant::now() < until {
        if child.try_wait()?.is_some() && family.iter().all(|p| started(p.0) != Some(p.1)) {
            return Ok(());
        }
        std::thread::sleep(TICK);
    }
    // Here too an error only says that nothing is left to kill.
    let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    let left = || family.iter().filter(|p| started(p.0) == Some(p.1));
    for (pid, _) in left() {
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
    child.wait()?;
    let until = Instant::now() + GRACE;
    while left().next().is_some() && Instant::now() < until {
        std::thread::sleep(TICK);
    }
    Ok(())
}

/// Every process below `root`, with the time it started at, which tells it from a later process
/// with the same number.
fn descendants(root: i32) -> Vec<(i32, u64)> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().parse::<i32>();
        if let Some((pid, stat)) = pid.ok().and_then(|p| stat(p).map(|s| (p, s))) {
            all.push((pid, stat));
        }
    }
    let mut family = vec![root];
    let mut found = Vec::new();
    while let Some(parent) = family.pop() {
        for (pid, stat) in &all {
            if stat.parent == parent {
                family.push(*pid);
                found.push((*pid, stat.started));
            }
        }
    }
    found
}

struct Stat {
    parent: i32,
    started: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name comes second, in parentheses, and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// When the process `pid` started; `None` when it is gone or only waits to be collected.
fn started(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let zombie = text.rsplit_once(')')?.1.trim_start().starts_with('Z');
    if zombie {
        None
    } else {
        Some(stat(pid)?.started)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn sh(script: &str) -> Cmd {
        Cmd::new("sh", Path::new("/")).args(["-c", script])
    }

    fn run(jobs: &[(Cmd, Duration)], width: usize, name: &str) -> Vec<Ran> {
        let logs = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
        let (_keep, signals) = channel();
        let deadline = Instant::now() + Duration::from_secs(60);
        let ran = run_all(jobs, width, deadline, &logs, &signals).unwrap();
        fs::remove_dir_all(logs).unwrap();
        ran
    }

    #[test]
    fn output_and_exit_codes_come_back_in_order() {
        let long = Duration::from_secs(30);
        let jobs = [
            (sh("sleep 0.2; echo one"), long),
            (sh("echo two >&2; exit 3"), long),
            (sh("kill -9 $$"), long),
        ];
        let ran = run(&jobs, 3, "order");
        assert_eq!((ran[0].end, ran[0].output.as_str()), (End::Ok, "one\n"));
        assert_eq!(
            (ran[1].end, ran[1].output.as_str()),
            (End::Code(3), "two\n")
        );
        assert_eq!(ran[2].end, End::Signal(9));
    }

    #[test]
    fn a_command_over_its_time_is_killed_with_all_it_started() {
        // The grandchild leaves the group and ignores the request to end.
        let script = "setsid sh -c 'trap \"\" TERM; echo $$; sleep 60; sleep 60' & wait";
        let ran = run(&[(sh(script), Duration::from_millis(500))], 1, "kill");
        assert_eq!(ran[0].end, End::Timeout);
        let pid: i32 = ran[0]
            .output
            .trim()
            .parse()
            .expect("the grandchild's number");
        assert_eq!(started(pid), None, "the grandchild is still there");
    }

    #[test]
    fn a_signal_to_this_program_ends_the_commands() {
        let logs = std::env::temp_dir().join(format!("xtask-{}-int", std::process::id()));
        let (send, signals) = channel();
        send.send(Signal::SIGINT).unwrap();
        let begin = Instant::now();
        let jobs = [
            (sh("sleep 60"), Duration::from_secs(60)),
            (sh("echo"), GRACE),
        ];
        let deadline = begin + Duration::from_secs(60);
        let ran = run_all(&jobs, 1, deadline, &logs, &signals).unwrap();
        fs::remove_dir_all(logs).unwrap();
        assert!(ran.iter().all(|r| r.end == End::Interrupted));
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_memory_limit_holds() {
        let cmd = sh("ulimit -v; echo \"$0\"").memory(1 << 30);
        let ran = run(&[(cmd, Duration::from_secs(30))], 1, "memory");
        assert_eq!(ran[0].output, "1048576\nsh\n");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let logs = std::env::temp_dir().join(format!("xtask-{}-none", std::process::id()));
        let (_keep, signals) = channel();
        let jobs = [(Cmd::new("zc-no-such-program", Path::new("/")), GRACE)];
        let deadline = Instant::now() + GRACE;
        let error = run_all(&jobs, 1, deadline, &logs, &signals).unwrap_err();
        fs::remove_dir_all(logs).unwrap();
        assert!(error.to_string().contains("zc-no-such-program"));
    }

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let cmd = Cmd::new("cargo", Path::new("/"))
            .args(["test", "a b"])
            .env("RUSTFLAGS", "--cfg zc_loom");
        assert_eq!(cmd.line(), "RUSTFLAGS='--cfg zc_loom' cargo test 'a b'");
    }
}
