//! A client for range requests: just enough HTTP/1.1 to check the server with.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::failure::Failure;

/// Bytes asked for at a time.
const RANGE: usize = 256 << 10;
const MAX_HEAD: usize = 8 << 10;
/// A server on this machine that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// One kept-alive connection.
pub struct Client {
    stream: TcpStream,
}

impl Client {
    pub fn connect(server: SocketAddr) -> Result<Self, Failure> {
        let connect = || {
            let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = connect().map_err(|error: std::io::Error| {
            Failure::run(format!("connecting to {server}: {error}"))
        })?;
        Ok(Self { stream })
    }

    /// The `len` bytes of the group `key`, in as many range requests as it takes.
    pub fn fetch(&mut self, key: &str, len: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::with_capacity(len);
        while body.len() < len {
            let end = len.min(body.len() + RANGE);
            self.fetch_range(key, end, len, &mut body)?;
        }
        Ok(body)
    }

    /// Appends the bytes up to `end` to `body`.
    fn fetch_range(
        &mut self,
        key: &str,
        end: usize,
        len: usize,
        body: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let start = body.len();
        let broken = |what: &dyn std::fmt::Display| {
            Failure::run(format!("GET /{key} bytes {start}-{}: {what}", end - 1))
        };
        let request = format!(
            "GET /{key} HTTP/1.1\r\nHost: demo\r\nRange: bytes={start}-{}\r\n\r\n",
            end - 1
        );
        self.stream
            .write_all(request.as_bytes())
            .map_err(|e| broken(&e))?;

        let mut head = Vec::with_capacity(512);
        let body_at = loop {
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&head).map_err(|e| broken(&e))? {
                httparse::Status::Complete(at) => {
                    if response.code != Some(206) {
                        return Err(broken(&format_args!("status {:?}", response.code)));
                    }
                    let header = |name: &str| {
                        let found = response
                            .headers
                            .iter()
                            .find(|h| h.name.eq_ignore_ascii_case(name));
                        found.and_then(|h| std::str::from_utf8(h.value).ok())
                    };
                    let (length, range) = (header("content-length"), header("content-range"));
                    if length != Some(&(end - start).to_string())
                        || range != Some(&format!("bytes {start}-{}/{len}", end - 1))
                    {
                        return Err(broken(&format_args!(
                            "wrong headers: {length:?}, {range:?}"
                        )));
                    }
                    break at;
                }
                httparse::Status::Partial if head.len() < MAX_HEAD => {
                    let mut more = [0; 1024];
                    let n = self.stream.read(&mut more).map_err(|e| broken(&e))?;
                    if n == 0 {
                        return Err(broken(&"the server hung up"));
                    }
                    head.extend_from_slice(&more[..n]);
                }
                httparse::Status::Partial => return Err(broken(&"an endless head")),
            }
        };
        body.extend_from_slice(&head[body_at..]);
        let left = (end as u64).saturating_sub(body.len() as u64);
        (&mut self.stream)
            .take(left)
            .read_to_end(body)
            .map_err(|e| broken(&e))?;
        if body.len() != end {
            return Err(broken(&format_args!("{} bytes came", body.len() - start)));
        }
        Ok(())
    }
}
