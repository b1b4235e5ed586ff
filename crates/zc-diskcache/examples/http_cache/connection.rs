//! One connection: requests one after the other, each answered before the next is looked at.
//!
//! Back-pressure comes by itself. The body goes from the file to the socket and never into memory of
//! this process, a full socket makes the send wait, and while it waits no further request is read.
//! A pipelining client has at most one buffer of requests here. Every wait has an end.

use std::io;
use std::ops::Range;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zc_diskcache::{Entry, FetchError};

use crate::answer::answer;
use crate::origin::edition;
use crate::request::{MOST, Request, parse};
use crate::server::Server;
use crate::status::Refusal;

/// Serves until the client goes, does something wrong, or is too slow.
pub(crate) async fn serve(server: &Server, mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut unread = Vec::with_capacity(1024);
    loop {
        let request = match next(server, &mut socket, &mut unread).await? {
            Some(Ok(request)) => request,
            Some(Err(refusal)) => {
                in_time(server, 0, socket.write_all(&refusal.to_bytes(false, false))).await?;
                return linger(socket).await;
            }
            None => return Ok(()),
        };
        match found(server, &request).await {
            Ok(entry) => send(server, &mut socket, &request, &entry).await?,
            Err(refusal) => {
                let bytes = refusal.to_bytes(request.head, request.keep_alive);
                in_time(server, 0, socket.write_all(&bytes)).await?;
            }
        }
        if !request.keep_alive {
            return linger(socket).await;
        }
    }
}

/// The next request; `None` if the client is through.
async fn next(
    server: &Server,
    socket: &mut TcpStream,
    unread: &mut Vec<u8>,
) -> io::Result<Option<Result<Request, Refusal>>> {
    let read = async {
        loop {
            match parse(unread) {
                Ok(Some((request, length))) => {
                    unread.drain(..length);
                    return Ok(Some(Ok(request)));
                }
                Ok(None) => {}
                Err(refusal) => return Ok(Some(Err(refusal))),
            }
            let room = (MOST - unread.len()) as u64;
            if (&mut *socket).take(room).read_buf(unread).await? == 0 {
                return Ok(None);
            }
        }
    };
    let read = timeout(server.limits.request, read).await;
    match read {
        Ok(request) => request,
        // Between two requests silence is no fault.
        Err(_) if unread.is_empty() => Ok(None),
        Err(_) => Ok(Some(Err(Refusal::TIMEOUT))),
    }
}

/// The object, fetched if it is not there.
async fn found(server: &Server, request: &Request) -> Result<Entry, Refusal> {
    let key = request.path.as_str();
    let cache = &server.cache;
    // Between the fetch and the second look somebody may evict it.
    for _ in 0..4 {
        match cache.entry(key).await {
            Ok(Some(entry)) => return Ok(entry),
            Ok(None) => {}
            Err(_) => return Err(Refusal::BAD_GATEWAY),
        }
        match cache.get_or_fetch(key, server.origin.fetch(key)).await {
            Ok(_) => {}
            Err(FetchError::Fetch(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Refusal::NOT_FOUND);
            }
            Err(_) => return Err(Refusal::BAD_GATEWAY),
        }
    }
    Err(Refusal::BAD_GATEWAY)
}

async fn send(
    server: &Server,
    socket: &mut TcpStream,
    request: &Request,
    entry: &Entry,
) -> io::Result<()> {
    let Some(edition) = edition(entry) else {
        let bytes = Refusal::BAD_GATEWAY.to_bytes(request.head, request.keep_alive);
        return in_time(server, 0, socket.write_all(&bytes)).await;
    };
    let answer = answer(request, &edition);
    let Some(body) = answer.body.filter(|body| !body.is_empty()) else {
        return in_time(server, 0, socket.write_all(answer.head.as_bytes())).await;
    };
    let Range { start, end } = body;
    let send = async {
        write_with_more(socket, answer.head.as_bytes()).await?;
        let sent = entry.send_range(start..end, &*socket).await;
        sent.map_err(io::Error::other)
    };
    in_time(server, end - start, send).await.map(|_| ())
}

/// Writes what the body follows at once, so that both begin in one packet.
async fn write_with_more(socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        let write =
            || SockRef::from(socket).send_with_flags(bytes, libc::MSG_MORE | libc::MSG_NOSIGNAL);
        match socket.try_io(Interest::WRITABLE, write) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Lets a client take its time, but not for ever: so much, and more for more bytes.
async fn in_time<T>(
    server: &Server,
    bytes: u64,
    send: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let limit = server.limits.send_time(bytes);
    timeout(limit, send)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Ends a connection so that what was sent arrives: a close with unread bytes would be a reset, which
/// may overtake the answer.
async fn linger(mut socket: TcpStream) -> io::Result<()> {
    socket.shutdown().await?;
    let mut rest = [0; 1024];
    let drain = async {
        // A client that goes on sending is cut off.
        for _ in 0..64 {
            if socket.read(&mut rest).await? == 0 {
                break;
            }
        }
        Ok(())
    };
    timeout(std::time::Duration::from_secs(1), drain)
        .await
        .unwrap_or(Ok(()))
}
