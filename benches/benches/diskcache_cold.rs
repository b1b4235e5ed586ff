//! What a hit costs whose bytes are not in memory: the file's pages are dropped, outside of the time,
//! before each round, and every object is read once a round.
//!
//! Objects of 4 KiB are asked for by 32 tasks at once, as a server would; the peer that goes past the
//! page cache keeps 32 reads with the disk by one `io_uring`. Objects of 1 MiB are read one after the
//! other; that peer reads the same bytes in parts, 32 at once. It is no limit: reads through the page
//! cache take neighbours along (6.8 µs an object of 4 KiB against its 13.2, 2.8 GB/s against 1.4). A
//! virtual disk is often bound by its operations a second and may be throttled, and its host may
//! have the bytes in memory, so only figures of one run compare.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use io_uring::{IoUring, opcode, types};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use zc_benches::threads::expect;
use zc_benches::{Bench, Unit, lazily};
use zc_core::region::Region;
use zc_core::sync::atomic::{AtomicUsize, Ordering};
use zc_core::sync::block_on;
use zc_diskcache::RawDiskCache;

/// Reads with the disk at once.
const DEPTH: usize = 32;

fn main() -> ExitCode {
    Bench::main("diskcache_cold", |bench| {
        let small = lazily(|| Cold::new(4 << 10, 4096));
        let [a, b, c] = [small.clone(), small.clone(), small];
        bench
            .cell("cold lookup, 4 KiB, 32 tasks", Unit::NsPerOp, 64)
            .goal(10_000.0)
            .ours(move |ops| a()?.by_tasks(ops, Cold::lookup))
            .peer("pread on tokio's pool", move |ops| {
                b()?.by_tasks(ops, Cold::pread)
            })
            .peer("io_uring, O_DIRECT", move |ops| {
                c()?.past_the_page_cache(ops, 4 << 10)
            })
            .run();
        let large = lazily(|| Cold::new(1 << 20, 64));
        let [a, b, c] = [large.clone(), large.clone(), large];
        let unit = Unit::GigabytesPerSecond { bytes: 1 << 20 };
        bench
            .cell("cold lookup, 1 MiB, 1 task", unit, 8)
            .ours(move |ops| a()?.one_by_one(ops, Cold::lookup))
            .peer("pread on tokio's pool", move |ops| {
                b()?.one_by_one(ops, Cold::pread)
            })
            .peer("io_uring, O_DIRECT", move |ops| {
                c()?.past_the_page_cache(ops, 128 << 10)
            })
            .run();
    })
}

/// A cache on a disk, and the same file by other ways.
struct Cold {
    cache: RawDiskCache,
    runtime: Runtime,
    /// Through the page cache, and past it.
    file: Arc<File>,
    direct: File,
    length: usize,
    /// Where each object lies in the file.
    offsets: Vec<u64>,
    _folder: TempDir,
}

type Reading = Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>>;
type Read = fn(Arc<Cold>, usize) -> Reading;

impl Cold {
    fn new(length: usize, objects: usize) -> Result<Self, String> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(text)?;
        let path: PathBuf = folder.path().join("cache");
        let builder = RawDiskCache::builder(&path).capacity((objects * length) as u64);
        let cache = block_on(builder.open()).map_err(text)?;
        for number in 0..objects {
            let stored = cache.store(number.to_le_bytes(), object(number, length));
            block_on(stored).map_err(text)?;
        }
        block_on(cache.flush()).map_err(text)?;
        let file = File::open(&path).map_err(text)?;
        // The data area is the end of the file, and filled from its beginning.
        let begin = file.metadata().map_err(text)?.len() - (objects * length) as u64;
        let direct = File::options()
            .read(true)
            .custom_flags(libc::O_DIRECT)
            .open(&path)
            .map_err(text)?;
        Ok(Self {
            cache,
            runtime: Builder::new_multi_thread().build().map_err(text)?,
            file: Arc::new(file),
            direct,
            length,
            offsets: (0..objects).map(|n| begin + (n * length) as u64).collect(),
            _folder: folder,
        })
    }

    fn lookup(self: Arc<Self>, number: usize) -> Reading {
        Box::pin(async move {
            let found = self.cache.lookup(number.to_le_bytes()).await;
            found.map_err(text)?.ok_or_else(|| "a miss".to_owned())
        })
    }

    fn pread(self: Arc<Self>, number: usize) -> Reading {
        Box::pin(async move {
            let (file, offset) = (Arc::clone(&self.file), self.offsets[number]);
            let mut bytes = vec![0; self.length];
            let read = move || file.read_exact_at(&mut bytes, offset).map(|()| bytes);
            let read = tokio::task::spawn_blocking(read).await.map_err(text)?;
            read.map(Bytes::from).map_err(text)
        })
    }

    /// Rounds of at most all the objects, in an order that no read-ahead guesses.
    fn rounds(
        &self,
        ops: u64,
        mut round: impl FnMut(Vec<usize>) -> Result<(), String>,
    ) -> Result<Duration, String> {
        let objects = self.offsets.len();
        let mut left = usize::try_from(ops).map_err(text)?;
        let mut all = Duration::ZERO;
        while left > 0 {
            let many = left.min(objects);
            // 2049 has no factor in common with a power of two.
            let order = (0..many).map(|n| (n * 2049 + left) % objects).collect();
            self.drop_pages()?;
            let begin = Instant::now();
            round(order)?;
            all += begin.elapsed();
            left -= many;
        }
        Ok(all)
    }

    fn drop_pages(&self) -> Result<(), String> {
        self.file.sync_data().map_err(text)?;
        // SAFETY: takes no pointer.
        match unsafe { libc::posix_fadvise(self.file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) }
        {
            0 => Ok(()),
            error => Err(text(std::io::Error::from_raw_os_error(error))),
        }
    }

    fn check(&self, number: usize, bytes: &[u8]) -> Result<(), String> {
        expect("bytes", bytes.len(), self.length)?;
        expect("the first", bytes[0], first(number))
    }

    fn by_tasks(self: &Arc<Self>, ops: u64, read: Read) -> Result<Duration, String> {
        self.rounds(ops, |order| {
            let (order, next) = (Arc::new(order), Arc::new(AtomicUsize::new(0)));
            self.runtime.block_on(async {
                let tasks: Vec<_> = (0..DEPTH)
                    .map(|_| {
                        let (this, order, next) =
                            (Arc::clone(self), Arc::clone(&order), Arc::clone(&next));
                        self.runtime.spawn(async move {
                            while let Some(&number) =
                                order.get(next.fetch_add(1, Ordering::Relaxed))
                            {
                                this.check(number, &read(Arc::clone(&this), number).await?)?;
                            }
                            Ok::<_, String>(())
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.map_err(text)??;
                }
                Ok(())
            })
        })
    }

    fn one_by_one(self: &Arc<Self>, ops: u64, read: Read) -> Result<Duration, String> {
        self.rounds(ops, |order| {
            self.runtime.block_on(async {
                for number in order {
                    self.check(number, &read(Arc::clone(self), number).await?)?;
                }
                Ok(())
            })
        })
    }

    /// All of these objects in parts of `part` bytes, [`DEPTH`] of them with the disk at once.
    fn past_the_page_cache(&self, ops: u64, part: usize) -> Result<Duration, String> {
        let mut ring = IoUring::new(DEPTH as u32).map_err(text)?;
        let mut buffers = ManuallyDrop::new(Region::anonymous(DEPTH * part).map_err(text)?);
        let start = buffers.as_mut_slice().as_mut_ptr();
        let size = u32::try_from(part).map_err(text)?;
        let all = self.rounds(ops, |order| {
            let per_object = self.length / part;
            let mut parts = order.iter().flat_map(|&number| {
                (0..per_object).map(move |n| self.offsets[number] + (n * part) as u64)
            });
            let mut free: Vec<usize> = (0..DEPTH).collect();
            let mut under_way = 0;
            loop {
                while let Some(&buffer) = free.last() {
                    let Some(offset) = parts.next() else {
                        break;
                    };
                    let into = start.wrapping_add(buffer * part);
                    let read = opcode::Read::new(types::Fd(self.direct.as_raw_fd()), into, size);
                    let read = read.offset(offset).build().user_data(buffer as u64);
                    // SAFETY: each buffer is in one read at a time, and stays until all reads were
                    // waited for; the file is open for as long.
                    unsafe { ring.submission().push(&read) }.map_err(text)?;
                    free.pop();
                    under_way += 1;
                }
                if under_way == 0 {
                    return Ok(());
                }
                ring.submit_and_wait(1).map_err(text)?;
                for done in ring.completion() {
                    under_way -= 1;
                    free.push(done.user_data() as usize);
                    expect("bytes", done.result(), part as i32)?;
                }
            }
        })?;
        // After an error the kernel may still write into the buffers: then they stay.
        drop(ManuallyDrop::into_inner(buffers));
        Ok(all)
    }
}

fn first(number: usize) -> u8 {
    (number % 251) as u8
}

fn object(number: usize, length: usize) -> Bytes {
    let mut bytes = vec![7; length];
    bytes[0] = first(number);
    Bytes::from(bytes)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
