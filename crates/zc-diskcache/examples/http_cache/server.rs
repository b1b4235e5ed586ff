//! The server: accepts, within limits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use zc_diskcache::RawDiskCache;

use crate::connection;
use crate::origin::Origin;

/// How long and how much.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections at once; more wait to be accepted.
    pub(crate) connections: usize,
    /// For a request to come in, and for the next one of a connection.
    pub(crate) request: Duration,
    /// For an answer to leave, beside what its length allows.
    pub(crate) send: Duration,
    /// Bytes a second that a client must take on average.
    pub(crate) rate: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            request: Duration::from_secs(30),
            send: Duration::from_secs(30),
            rate: 16 << 10,
        }
    }
}

impl Limits {
    /// Time for an answer of so many bytes.
    pub(crate) fn send_time(&self, bytes: u64) -> Duration {
        self.send + Duration::from_secs(bytes / self.rate.max(1))
    }
}

/// What all the connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) cache: RawDiskCache,
    pub(crate) origin: Origin,
    pub(crate) limits: Limits,
}

impl Server {
    /// Accepts until the future is dropped; the connections are dropped with it.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let seats = Arc::new(Semaphore::new(self.limits.connections));
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
                return Ok(());
            };
            let socket = match listener.accept().await {
                Ok((socket, _)) => socket,
                // Of this connection, or of this moment; the next one may be fine.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            let server = Arc::clone(&self);
            connections.spawn(async move {
                // What ends a connection early is the client's affair.
                let _ = connection::serve(&server, socket).await;
                drop(seat);
            });
        }
    }
}
