//! The server: range requests for groups, whose bytes go from the cache's file to the socket
//! without passing through this program.

use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zcbuf::diskcache::RawDiskCache;

use crate::failure::Failure;

const MAX_HEAD: usize = 8 << 10;
/// Connections served at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// Binds the address; a port that is taken is said now, not later.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(Failure::because(format_args!("serving on {address}")))
}

/// Serves until it is dropped. A connection that goes wrong ends alone.
pub async fn serve(listener: TcpListener, cache: RawDiskCache) {
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let cache = cache.clone();
                connections.spawn(async move {
                    let _place = place;
                    // The client has gone away or talks nonsense: its connection is closed.
                    drop(converse(stream, cache).await);
                });
            }
            // Out of descriptors, or a client that was gone before it was accepted.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

/// A request that is understood.
struct Request {
    key: String,
    range: Option<String>,
    head_only: bool,
    keep_alive: bool,
}

async fn converse(mut stream: TcpStream, cache: RawDiskCache) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let Some(request) = read_request(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        let keep_alive = request.keep_alive;
        answer(&mut stream, &cache, request).await?;
        if !keep_alive {
            return Ok(());
        }
    }
}

/// The next request, with its head taken out of `buffer`; `None` at the end of the connection.
async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> std::io::Result<Option<Request>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(buffer) {
            Ok(httparse::Status::Complete(len)) => {
                let header = |name: &str| {
                    let found = parsed
                        .headers
                        .iter()
                        .find(|h| h.name.eq_ignore_ascii_case(name));
                    found.and_then(|h| std::str::from_utf8(h.value).ok())
                };
                let method = parsed.method.unwrap_or_default();
                let key = match method {
                    "GET" | "HEAD" => parsed
                        .path
                        .unwrap_or_default()
                        .trim_start_matches('/')
                        .to_owned(),
                    _ => {
                        simple(stream, "405 Method Not Allowed").await?;
                        return Ok(None);
                    }
                };
                let request = Request {
                    key,
                    range: header("range").map(str::to_owned),
                    head_only: method == "HEAD",
                    keep_alive: parsed.version == Some(1)
                        && !header("connection").is_some_and(|c| c.eq_ignore_ascii_case("close")),
                };
                buffer.drain(..len);
                return Ok(Some(request));
            }
            Ok(httparse::Status::Partial) if buffer.len() < MAX_HEAD => {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
            Ok(httparse::Status::Partial) => {
                simple(stream, "431 Request Header Fields Too Large").await?;
                return Ok(None);
            }
            Err(_) => {
                simple(stream, "400 Bad Request").await?;
                return Ok(None);
            }
        }
    }
}

async fn answer(
    stream: &mut TcpStream,
    cache: &RawDiskCache,
    request: Request,
) -> std::io::Result<()> {
    let view = match cache.get_frozen(&request.key) {
        Ok(Some(view)) => view,
        Ok(None) => return simple(stream, "404 Not Found").await,
        Err(_) => return simple(stream, "500 Internal Server Error").await,
    };
    let total = view.len() as u64;
    let (range, status) = match request
        .range
        .as_deref()
        .map(|text| parse_range(text, total))
    {
        None => (0..total, "200 OK"),
        Some(Some(range)) => (range, "206 Partial Content"),
        Some(None) => {
            let head = format!(
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n\r\n"
            );
            return stream.write_all(head.as_bytes()).await;
        }
    };
    let content_range = if status.starts_with("206") {
        format!(
            "Content-Range: bytes {}-{}/{total}\r\n",
            range.start,
            range.end - 1
        )
    } else {
        String::new()
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nAccept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n{content_range}\r\n",
        range.end - range.start
    );
    stream.write_all(head.as_bytes()).await?;
    if request.head_only || range.is_empty() {
        return Ok(());
    }
    // The length has been promised: whatever goes wrong from here on ends the connection.
    match cache
        .send_range_to_socket(&request.key, range, &*stream)
        .await
    {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(std::io::ErrorKind::NotFound.into()),
        Err(error) => Err(std::io::Error::other(error)),
    }
}

async fn simple(stream: &mut TcpStream, status: &str) -> std::io::Result<()> {
    stream
        .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())
        .await
}

/// One byte range of a whole of `total` bytes; `None` if it cannot be satisfied.
fn parse_range(text: &str, total: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first.trim(), last.trim()) {
        ("", suffix) => total.saturating_sub(suffix.parse().ok()?)..total,
        (first, "") => first.parse().ok()?..total,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?.min(total),
    };
    (range.start < range.end).then_some(range)
}
