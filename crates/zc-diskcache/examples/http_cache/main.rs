//! An HTTP/1.1 server over the cache: a folder of files behind it, everything read through once.
//!
//! Ranges, conditions, HEAD, keep-alive, pipelining. A body leaves by whatever primitive the cache
//! chooses; it never passes through this process's memory.
//!
//! ```text
//! cargo run --release -p zc-diskcache --example http_cache -- FOLDER [--cache FILE] [--capacity MIB]
//!     [--listen ADDRESS]
//! curl -r 0-99 http://127.0.0.1:8080/some/file
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

mod answer;
mod connection;
mod origin;
mod range;
mod request;
mod server;
mod status;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use zc_diskcache::RawDiskCache;

use crate::origin::Origin;
use crate::server::{Limits, Server};

struct Options {
    folder: PathBuf,
    cache: PathBuf,
    capacity: u64,
    listen: String,
}

fn main() -> ExitCode {
    let done = Options::from_args().and_then(run);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http_cache: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn from_args() -> Result<Self, Box<dyn Error>> {
        let mut args = std::env::args().skip(1);
        let mut options = Self {
            folder: PathBuf::new(),
            cache: PathBuf::from("http.cache"),
            capacity: 1 << 30,
            listen: "127.0.0.1:8080".to_owned(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--cache" => options.cache = value()?.into(),
                "--capacity" => options.capacity = value()?.parse::<u64>()? << 20,
                "--listen" => options.listen = value()?,
                flag if flag.starts_with('-') => return Err(format!("unknown: {flag}").into()),
                folder => options.folder = folder.into(),
            }
        }
        if !options.folder.is_dir() {
            return Err("name the folder that holds the files".into());
        }
        Ok(options)
    }
}

#[tokio::main]
async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let cache = RawDiskCache::builder(&options.cache)
        .capacity(options.capacity)
        .ttl(Duration::from_secs(3600))
        .open()
        .await?;
    let listener = TcpListener::bind(&options.listen).await?;
    println!("http://{}/", listener.local_addr()?);
    let server = Arc::new(Server {
        cache: cache.clone(),
        origin: Origin(options.folder),
        limits: Limits::default(),
    });
    tokio::select! {
        done = server.run(listener) => done?,
        _ = tokio::signal::ctrl_c() => {}
    }
    let (stats, sends) = (cache.stats(), cache.zero_copy_stats().await);
    println!(
        "{} hits, {} misses, {} fetches; {} sends by sendfile, {} from the mapping, {} by copying",
        stats.hits,
        stats.misses,
        stats.fetches,
        sends.by_sendfile,
        sends.by_mapped_send,
        sends.fallback_transfers,
    );
    cache.close().await?;
    Ok(())
}
