//! [`Process`]: who holds a lease, so that others can tell whether it is still there.
//!
//! A process is its id and the time it was started, in ticks since the machine was: ids are used
//! again, but not within the tick. A child that was forked has an id and a start time of its own, so
//! what its parent holds is not its.
//!
//! Both fit into 62 bits (22 for the id, which is the most Linux has, and 40 for the time, which is
//! 348 years), so that a lease with its state is one word, taken and freed by one compare-and-swap.

use std::fs;
use std::io;

const PID_BITS: u32 = 22;
const START_BITS: u32 = 40;

/// A process, as a number of 62 bits that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u64);

/// What `/proc/PID/stat` says.
#[derive(Debug)]
struct Stat {
    start: u64,
    is_over: bool,
}

impl Process {
    /// The calling one.
    pub(crate) fn current() -> io::Result<Self> {
        let pid = std::process::id();
        let stat = Stat::read(pid)?;
        Ok(Self::new(pid, stat.start))
    }

    pub(crate) fn new(pid: u32, start: u64) -> Self {
        Self(start << PID_BITS & Self::MASK | u64::from(pid))
    }

    const MASK: u64 = (1 << (PID_BITS + START_BITS)) - 1;

    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        (bits & Self::MASK != 0).then_some(Self(bits & Self::MASK))
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    pub(crate) fn pid(self) -> u32 {
        (self.0 & ((1 << PID_BITS) - 1)) as u32
    }

    /// Whether it is the calling process: false in a child that was forked since.
    pub(crate) fn is_current(self) -> bool {
        self.pid() == std::process::id()
    }

    /// Whether it runs, sleeps or is stopped. Where the system does not say, it does.
    pub(crate) fn is_alive(self) -> bool {
        match Stat::read(self.pid()) {
            Ok(stat) => !stat.is_over && Self::new(self.pid(), stat.start) == self,
            // `hidepid` makes processes of others invisible there, but not to a signal.
            Err(_) => exists(self.pid()),
        }
    }
}

/// Whether a process has this id, whoever's it is.
fn exists(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else {
        return false;
    };
    // 0 and below name groups of processes; nobody has a lease for these.
    if pid <= 0 {
        return false;
    }
    // SAFETY: signal 0 is none; the call takes two integers.
    let result = unsafe { libc::kill(pid, 0) };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

impl Stat {
    fn read(pid: u32) -> io::Result<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat"))?;
        Self::parse(&stat).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The name, in parentheses, may hold anything, parentheses too.
    fn parse(stat: &[u8]) -> Option<Self> {
        let name_end = stat.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
        // Fields are counted from 1 by proc(5); the one behind the name is number 3.
        let field = |number: usize| rest.split_ascii_whitespace().nth(number - 3);
        let state = field(3)?;
        // The first thread of a process may be over while others go on; a zombie has no others.
        let threads: u32 = field(20)?.parse().ok()?;
        Some(Self {
            start: field(22)?.parse().ok()?,
            is_over: matches!(state, "Z" | "X" | "x") && threads <= 1,
        })
    }
}

/// A number of the process-id namespace of the calling process.
pub(crate) fn namespace() -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata("/proc/self/ns/pid")?.ino())
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn this_process_is_alive_and_is_itself() {
        let this = Process::current().unwrap();
        assert!(this.is_alive());
        assert!(this.is_current());
        assert_eq!(this, Process::current().unwrap());
        assert_eq!(Process::from_bits(this.bits()), Some(this));
    }

    #[test]
    fn another_start_time_is_another_process() {
        let this = Process::current().unwrap();
        let earlier = Process(this.0 - (1 << PID_BITS));
        assert!(!earlier.is_alive());
        assert_eq!(Process::from_bits(0), None);
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let process = Process::new(child.id(), Stat::read(child.id()).unwrap().start);
        assert!(process.is_alive());
        child.kill().unwrap();
        // Not waited for: it stays in the table, as a zombie.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while process.is_alive() {
            assert!(
                std::time::Instant::now() < deadline,
                "a zombie counts as alive"
            );
            std::thread::yield_now();
        }
        assert!(Stat::read(child.id()).unwrap().is_over);
        child.wait().unwrap();
        assert!(!process.is_alive());
    }

    #[test]
    fn a_name_with_parentheses_confuses_nobody() {
        let line = b"7 (a) S 1 (b)) Z 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 98765 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.start, 98765);
        assert!(stat.is_over);
        let leader_gone = b"7 (a) Z 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 2 0 98765 0";
        assert!(!Stat::parse(leader_gone).unwrap().is_over);
        assert!(Stat::parse(b"7 (a").is_none());
        assert!(Stat::parse(b"7 (a) S 1").is_none());
    }
}
