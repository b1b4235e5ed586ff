//! From the cache to a loopback socket: what the cache chooses by itself, against each primitive
//! alone on the same file. The peer reads on another thread and counts the bytes.
//!
//! Loopback has two speeds, by where the reader runs, so that medians of 1 MiB and more differ by a
//! third between runs for every contestant (sendfile 2.8 to 8.6 GB/s in one run). At 4 KiB ours pays
//! some 200 ns a send for the lookup, the pin and the two looks at the clock by which it chooses.
//!
//! Tried: choosing by the time of the sending calls alone. Over loopback `sendfile` is cheap for the
//! sender and dear for the reader, so that chose it at 4 and 64 KiB, where it is a third slower.
//! Trying the slower way in one phase of 16, which cost 6 % where it takes twice as long. Asking for
//! the socket's mode before each send: a system call, a tenth of a send of 4 KiB.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

use std::time::{Duration, Instant};

use bytes::Bytes;
use memmap2::Mmap;
use tempfile::TempDir;
use zc_benches::threads::expect;
use zc_benches::{Bench, Unit, lazily};
use zc_core::sync::block_on;
use zc_diskcache::RawDiskCache;

fn main() -> ExitCode {
    Bench::main("diskcache_send", |bench| {
        for (size, length) in [
            ("4 KiB", 4 << 10),
            ("64 KiB", 64 << 10),
            ("1 MiB", 1 << 20),
            ("16 MiB", 16 << 20),
        ] {
            let objects = ((64 << 20) / length).clamp(4, 1024);
            let ours = lazily(move || Ours::new(objects, length));
            let file = lazily(move || OneFile::new(objects, length));
            let [by_sendfile, by_send, by_copy] = [file.clone(), file.clone(), file];
            let unit = Unit::GigabytesPerSecond {
                bytes: length as u64,
            };
            // The goal is 0.95 of the best peer of the same run.
            bench
                .cell(
                    format!("send, {size}, {objects} objects, loopback"),
                    unit,
                    16,
                )
                .ours(move |ops| ours()?.send(ops))
                .peer("sendfile", move |ops| {
                    by_sendfile()?.send(ops, OneFile::sendfile)
                })
                .peer("send from a mapping", move |ops| {
                    by_send()?.send(ops, OneFile::by_map)
                })
                .peer("pread and send", move |ops| {
                    by_copy()?.send(ops, OneFile::by_copy)
                })
                .run();
        }
    })
}

/// A connection whose other end reads `bytes` bytes and then ends the time.
fn to_a_reader(
    bytes: u64,
    send: impl FnOnce(TcpStream) -> Result<(), String>,
) -> Result<Duration, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let ours = TcpStream::connect(listener.local_addr().map_err(text)?).map_err(text)?;
    let (mut theirs, _) = listener.accept().map_err(text)?;
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 256 << 10];
        let mut all = 0;
        loop {
            match theirs.read(&mut buffer) {
                Ok(0) => return Ok(all),
                Ok(n) => all += n as u64,
                Err(error) => return Err(text(error)),
            }
        }
    });
    let begin = Instant::now();
    send(ours)?;
    let got = reader.join().map_err(|_| "the reader panicked")??;
    let elapsed = begin.elapsed();
    expect("bytes", got, bytes)?;
    Ok(elapsed)
}

struct Ours {
    cache: RawDiskCache,
    runtime: tokio::runtime::Runtime,
    objects: usize,
    length: usize,
    _folder: TempDir,
}

impl Ours {
    fn new(objects: usize, length: usize) -> Result<Self, String> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(text)?;
        let builder = RawDiskCache::builder(folder.path().join("cache"));
        let builder = builder.capacity(2 * (objects * length) as u64);
        let cache = block_on(builder.open()).map_err(text)?;
        for number in 0..objects {
            let data = Bytes::from(vec![7; length]);
            block_on(cache.store(number.to_le_bytes(), data)).map_err(text)?;
            let verified = cache.get_frozen(number.to_le_bytes()).map_err(text)?;
            verified.ok_or("an object is gone")?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(text)?;
        Ok(Self {
            cache,
            runtime,
            objects,
            length,
            _folder: folder,
        })
    }

    fn send(&self, ops: u64) -> Result<Duration, String> {
        to_a_reader(ops * self.length as u64, |socket| {
            socket.set_nonblocking(true).map_err(text)?;
            self.runtime.block_on(async {
                for op in 0..ops as usize {
                    let key = (op % self.objects).to_le_bytes();
                    let sent = self.cache.sendfile_to_socket(key, &socket).await;
                    expect("sent", sent.map_err(text)?, Some(self.length as u64))?;
                }
                Ok(())
            })
        })
    }
}

struct OneFile {
    file: File,
    map: Mmap,
    objects: usize,
    length: usize,
}

impl OneFile {
    fn new(objects: usize, length: usize) -> Result<Self, String> {
        let file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).map_err(text)?;
        for number in 0..objects {
            file.write_all_at(&vec![7; length], (number * length) as u64)
                .map_err(text)?;
        }
        // SAFETY: nobody else has the file, which has no name.
        let map = unsafe { Mmap::map(&file) }.map_err(text)?;
        Ok(Self {
            file,
            map,
            objects,
            length,
        })
    }

    fn send(
        &self,
        ops: u64,
        one: fn(&Self, &mut TcpStream, usize, &mut [u8]) -> Result<(), String>,
    ) -> Result<Duration, String> {
        let mut buffer = vec![0; self.length];
        to_a_reader(ops * self.length as u64, |mut socket| {
            for op in 0..ops as usize {
                let at = op % self.objects * self.length;
                one(self, &mut socket, at, &mut buffer)?;
            }
            Ok(())
        })
    }

    fn sendfile(&self, socket: &mut TcpStream, at: usize, _: &mut [u8]) -> Result<(), String> {
        let mut offset = libc::off_t::try_from(at).map_err(text)?;
        let end = offset + libc::off_t::try_from(self.length).map_err(text)?;
        while offset < end {
            let left = usize::try_from(end - offset).map_err(text)?;
            let (to, from) = (socket.as_raw_fd(), self.file.as_raw_fd());
            // SAFETY: both descriptors are open; the pointer is to a local.
            if unsafe { libc::sendfile(to, from, &raw mut offset, left) } < 0 {
                return Err(text(std::io::Error::last_os_error()));
            }
        }
        Ok(())
    }

    fn by_map(&self, socket: &mut TcpStream, at: usize, _: &mut [u8]) -> Result<(), String> {
        socket
            .write_all(&self.map[at..at + self.length])
            .map_err(text)
    }

    fn by_copy(&self, socket: &mut TcpStream, at: usize, buffer: &mut [u8]) -> Result<(), String> {
        self.file.read_exact_at(buffer, at as u64).map_err(text)?;
        socket.write_all(buffer).map_err(text)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
