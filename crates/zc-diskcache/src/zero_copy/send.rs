//! Sending: from the cache to a socket.
//!
//! # Whose bytes the peer gets
//!
//! `sendfile` returns when the socket's queue *refers* to the pages, long before the peer has read
//! them; over loopback and between containers, even before the peer's kernel has. Writing another
//! object into such pages would change what a slow reader is about to be given. So an extent that
//! was ever sent this way is marked *lent*, and when it becomes free it is used again only after
//! the kernel has dropped its pages from the page cache, which it refuses while anything else
//! refers to them (`io::pages::drop_unreferenced`). Where that proof cannot be had (a file system
//! that keeps its pages, blocks smaller than a page, too much lent already) bytes leave by `send`
//! with the mapping as its buffer: the kernel copies them before the call returns, this process
//! does not.
//!
//! # Sockets
//!
//! A non-blocking socket is written until it would block, then awaited with tokio's reactor on a
//! duplicate of the descriptor. A blocking socket is served on the pool for blocking work, with
//! calls that do not block and a wait that looks every 100 ms whether the future still exists.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use zc_core::ledger;
use zc_core::sync::atomic::{AtomicBool, Ordering};

use super::manager::Primitive;
use crate::error::{CacheError, CacheErrorKind};
use crate::read::view::Object;
use crate::runtime;
use crate::stats::Count;

/// Bytes after which a send lets other tasks run.
const SLICE: u64 = 1 << 20;
/// How often a blocking send looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// The buffer of the portable way.
const BUFFER: usize = 64 << 10;

/// One send under way.
#[derive(Debug)]
struct Job {
    object: Object,
    /// Where it begins in the value.
    offset: u64,
    len: u64,
    sent: u64,
    primitive: Primitive,
    /// Calls on a blocking socket that must not block.
    dont_wait: bool,
    /// Time in system calls, all with `primitive`; `None` once it was another one for a while.
    spent: Option<Duration>,
    /// When the first of them began and the last one ended.
    times: Option<(Instant, Instant)>,
    buffer: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Done,
    /// Some bytes went; there may be room for more.
    More,
    /// The socket takes nothing now.
    Full,
}

/// Sends `len` bytes of `object` from `offset` on; gives `len` back.
pub(crate) async fn send(
    object: Object,
    offset: u64,
    len: u64,
    socket: BorrowedFd<'_>,
) -> Result<u64, CacheError> {
    let shared = object.shared();
    let primitive = shared.zero_copy.primitive(len, shared.may_lend());
    let mut job = Job {
        object,
        offset,
        len,
        sent: 0,
        primitive,
        dont_wait: true,
        spent: Some(Duration::ZERO),
        times: None,
        buffer: Vec::new(),
    };
    if job.fits(socket)? {
        return Ok(job.finish());
    }
    let non_blocking = is_non_blocking(socket).map_err(|error| job.failed(error))?;
    job.dont_wait = !non_blocking;
    if non_blocking && runtime::in_runtime() {
        job.on_reactor(socket).await
    } else {
        job.on_thread(socket).await
    }
}

impl Job {
    /// Sends what the socket's queue has room for, without asking what kind of socket it is, which
    /// would be a system call more; says whether that was all.
    fn fits(&mut self, socket: BorrowedFd<'_>) -> Result<bool, CacheError> {
        if self.primitive != Primitive::MappedSend || self.len > SLICE {
            return Ok(false);
        }
        self.timed(|job| {
            while job.sent < job.len {
                let from = (job.offset + job.sent) as usize;
                let to = (job.offset + job.len) as usize;
                match send_to_socket(socket, &job.object.bytes()[from..to], true) {
                    Ok(0) => return Ok(false),
                    Ok(n) => job.sent += n as u64,
                    Err(error) => match error.raw_os_error() {
                        // Full, interrupted, or a pipe: for the general way.
                        Some(libc::EAGAIN | libc::EINTR | libc::ENOTSOCK) => return Ok(false),
                        Some(libc::EFAULT) => return Err(job.truncated()),
                        _ => return Err(job.failed(error)),
                    },
                }
            }
            Ok(true)
        })
    }

    async fn on_reactor(mut self, socket: BorrowedFd<'_>) -> Result<u64, CacheError> {
        loop {
            match self.advance(socket)? {
                Step::Done => return Ok(self.finish()),
                Step::More => tokio::task::yield_now().await,
                Step::Full => break,
            }
        }
        let own = socket
            .try_clone_to_owned()
            .map_err(|error| self.failed(error))?;
        // SAFETY: an `OwnedFd` is open, always the same, and closed only when the `AsyncFd` that
        // owns it is dropped.
        let own = unsafe { AsyncFd::register_with_interest(own, Interest::WRITABLE) };
        let own = own.map_err(|error| self.failed(error.into()))?;
        loop {
            let mut ready = own.writable().await.map_err(|error| self.failed(error))?;
            match self.advance(own.get_ref().as_fd())? {
                Step::Done => return Ok(self.finish()),
                Step::More => tokio::task::yield_now().await,
                Step::Full => ready.clear_ready(),
            }
        }
    }

    async fn on_thread(self, socket: BorrowedFd<'_>) -> Result<u64, CacheError> {
        if !runtime::in_runtime() {
            return self.wait_and_send(socket, &AtomicBool::new(true));
        }
        let own = socket
            .try_clone_to_owned()
            .map_err(|error| self.failed(error))?;
        let wanted = Arc::new(AtomicBool::new(true));
        let _until_dropped = Unwanted(Arc::clone(&wanted));
        runtime::blocking(move || self.wait_and_send(OwnedFd::as_fd(&own), &wanted)).await
    }

    fn wait_and_send(
        mut self,
        socket: BorrowedFd<'_>,
        wanted: &AtomicBool,
    ) -> Result<u64, CacheError> {
        // `sendfile` has no flag to keep it from blocking, `send` has.
        if self.dont_wait && self.primitive == Primitive::Sendfile {
            self.fall_back();
        }
        loop {
            match self.advance(socket)? {
                Step::Done => return Ok(self.finish()),
                Step::More => {}
                Step::Full => wait_writable(socket).map_err(|error| self.failed(error))?,
            }
            if !wanted.load(Ordering::Relaxed) {
                return Err(self.failed(io::ErrorKind::Interrupted.into()));
            }
        }
    }

    /// Sends until the socket is full, the slice is over, or all is sent.
    fn advance(&mut self, socket: BorrowedFd<'_>) -> Result<Step, CacheError> {
        self.timed(|job| job.advance_untimed(socket))
    }

    fn timed<R>(&mut self, calls: impl FnOnce(&mut Self) -> R) -> R {
        let begin = Instant::now();
        let result = calls(self);
        let end = Instant::now();
        self.spent = self.spent.map(|spent| spent + (end - begin));
        let (first, _) = self.times.unwrap_or((begin, end));
        self.times = Some((first, end));
        result
    }

    fn advance_untimed(&mut self, socket: BorrowedFd<'_>) -> Result<Step, CacheError> {
        let stop = (self.sent + SLICE).min(self.len);
        while self.sent < stop {
            match self.send_once(socket, stop - self.sent) {
                Ok(0) => return Err(self.truncated()),
                Ok(n) => self.sent += n as u64,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EAGAIN) => return Ok(Step::Full),
                    // Not every descriptor takes pages; every one takes bytes.
                    Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP)
                        if self.primitive == Primitive::Sendfile =>
                    {
                        self.fall_back();
                    }
                    // The kernel could not read the mapping.
                    Some(libc::EFAULT) => return Err(self.truncated()),
                    _ => return Err(self.failed(error)),
                },
            }
        }
        Ok(if self.sent == self.len {
            Step::Done
        } else {
            Step::More
        })
    }

    /// Every descriptor takes bytes.
    fn fall_back(&mut self) {
        self.primitive = Primitive::MappedSend;
        self.spent = None;
    }

    fn send_once(&mut self, socket: BorrowedFd<'_>, most: u64) -> io::Result<usize> {
        match self.primitive {
            Primitive::Sendfile => self.sendfile(socket, most),
            Primitive::MappedSend => {
                let from = (self.offset + self.sent) as usize;
                let bytes = &self.object.bytes()[from..from + most as usize];
                send_bytes(socket, bytes, self.dont_wait)
            }
            Primitive::Fallback => {
                let most = (most as usize).min(BUFFER);
                self.buffer.resize(most, 0);
                let at = self.object.start + self.offset + self.sent;
                let file = &self.object.shared().file;
                file.read_exact_at(&mut self.buffer, at).map_err(|error| {
                    // Anything that ends in a message naming the file will do here.
                    io::Error::other(error)
                })?;
                let n = send_bytes(socket, &self.buffer, self.dont_wait)?;
                ledger::copied("cache.send_copy", n);
                Ok(n)
            }
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn sendfile(&self, socket: BorrowedFd<'_>, most: u64) -> io::Result<usize> {
        self.object.lend();
        let at = self.object.start + self.offset + self.sent;
        let mut at = libc::off_t::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let file = self.object.shared().file.as_fd().as_raw_fd();
        // SAFETY: both descriptors are open; the pointer is to a local.
        let n = unsafe { libc::sendfile(socket.as_raw_fd(), file, &raw mut at, most as usize) };
        usize::try_from(n).map_err(|_| io::Error::last_os_error())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn sendfile(&self, _: BorrowedFd<'_>, _: u64) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    fn finish(self) -> u64 {
        let shared = self.object.shared();
        shared.zero_copy.count_send(self.primitive, self.len);
        if let (Some(spent), Some((begin, end))) = (self.spent, self.times) {
            let all = end - begin;
            shared.zero_copy.learn(self.primitive, self.len, spent, all);
        }
        let hit = match self.primitive {
            Primitive::Fallback => Count::CopiedHits,
            Primitive::Sendfile | Primitive::MappedSend => Count::SendHits,
        };
        shared.count(hit, 1);
        ledger::delivered(self.len as usize);
        self.len
    }

    fn failed(&self, error: io::Error) -> CacheError {
        CacheError::socket(error, self.sent).at(self.object.shared().file.path())
    }

    fn truncated(&self) -> CacheError {
        CacheError::new(CacheErrorKind::Truncated)
            .detail("the file ends inside of the object that was being sent")
            .sent(self.sent)
            .at(self.object.shared().file.path())
    }
}

/// Tells the blocking send that its future is gone.
struct Unwanted(Arc<AtomicBool>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn send_bytes(socket: BorrowedFd<'_>, bytes: &[u8], dont_wait: bool) -> io::Result<usize> {
    match send_to_socket(socket, bytes, dont_wait) {
        // A pipe or a file: only sockets have flags.
        Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => {
            write_bytes(socket.as_raw_fd(), bytes)
        }
        result => result,
    }
}

fn send_to_socket(socket: BorrowedFd<'_>, bytes: &[u8], dont_wait: bool) -> io::Result<usize> {
    let wait = if dont_wait { libc::MSG_DONTWAIT } else { 0 };
    // SAFETY: the pointer and length are those of a slice that lives across the call.
    let n = unsafe {
        libc::send(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL | wait,
        )
    };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

fn write_bytes(fd: libc::c_int, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: as in `send_bytes`.
    let n = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

fn is_non_blocking(socket: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: takes no pointer.
    match unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_GETFL) } {
        -1 => Err(io::Error::last_os_error()),
        flags => Ok(flags & libc::O_NONBLOCK != 0),
    }
}

/// Waits until the socket takes bytes, or [`LOOK`] is over.
fn wait_writable(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut fds = [libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    }];
    // SAFETY: the pointer is to a local array of one element.
    let n = unsafe { libc::poll(fds.as_mut_ptr(), 1, LOOK.as_millis() as libc::c_int) };
    if n >= 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        error => Err(error),
    }
}
