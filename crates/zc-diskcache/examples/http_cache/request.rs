//! Requests: from bytes to what this server looks at.

use crate::status::Refusal;

/// Bytes that a request may have before its end.
pub(crate) const MOST: usize = 16 << 10;
/// Headers that it may have.
const HEADERS: usize = 64;

/// What this server looks at in a request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) head: bool,
    /// Decoded, without a leading slash; never leads outside of the folder it is looked up in.
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_modified_since: Option<String>,
    pub(crate) if_unmodified_since: Option<String>,
    pub(crate) if_range: Option<String>,
    pub(crate) keep_alive: bool,
}

/// Reads one request from the front of `bytes`; gives it with its length, `None` if there is more
/// to come.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < MOST => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::HEADERS_TOO_LARGE);
        }
        Err(httparse::Error::Version) => return Err(Refusal::VERSION),
        Err(_) => return Err(Refusal::BAD_REQUEST),
    };
    let mut request = Request {
        keep_alive: parsed.version == Some(1),
        ..Request::default()
    };
    let mut hosts = 0;
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value).map_err(|_| Refusal::BAD_REQUEST)?;
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let place = if is("range") {
            &mut request.range
        } else if is("if-match") {
            &mut request.if_match
        } else if is("if-none-match") {
            &mut request.if_none_match
        } else if is("if-modified-since") {
            &mut request.if_modified_since
        } else if is("if-unmodified-since") {
            &mut request.if_unmodified_since
        } else if is("if-range") {
            &mut request.if_range
        } else {
            if is("host") {
                hosts += 1;
            } else if is("connection") {
                let mut options = value.split(',').map(str::trim);
                let mut has = |name: &str| options.any(|o| o.eq_ignore_ascii_case(name));
                request.keep_alive = if request.keep_alive {
                    !has("close")
                } else {
                    has("keep-alive")
                };
            } else if is("transfer-encoding") || is("content-length") && value.trim() != "0" {
                // What follows would be a body, which nothing here has a use for.
                return Err(Refusal::BAD_REQUEST);
            }
            continue;
        };
        // Two lines of a list are one list.
        *place = Some(match place.take() {
            Some(before) => format!("{before}, {value}"),
            None => value.to_owned(),
        });
    }
    if hosts > 1 || hosts == 0 && parsed.version == Some(1) {
        return Err(Refusal::BAD_REQUEST);
    }
    match parsed.method {
        Some("GET") => {}
        Some("HEAD") => request.head = true,
        _ => return Err(Refusal::METHOD),
    }
    request.path = path(parsed.path.unwrap_or_default()).ok_or(Refusal::BAD_REQUEST)?;
    Ok(Some((request, length)))
}

/// The path of a target in any of its forms. `None` if it would lead elsewhere.
fn path(target: &str) -> Option<String> {
    let after_scheme = ["http://", "https://"]
        .iter()
        .find_map(|scheme| target.strip_prefix(scheme));
    let target = match after_scheme {
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => target,
    };
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(high << 4 | low).ok()?
        } else {
            byte
        };
        decoded.push(byte);
    }
    let path = String::from_utf8(decoded).ok()?;
    let inside = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    path.split('/').all(inside).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(lines: &str) -> Result<Option<(Request, usize)>, Refusal> {
        parse(lines.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn a_request_ends_at_its_empty_line() {
        let text = "GET /a%20b/c?q#f HTTP/1.1\nHost: x\nRange: bytes=1-\n\n";
        let (request, length) = get(&format!("{text}GET /")).unwrap().unwrap();
        assert_eq!(length, text.len() + 4);
        assert_eq!(request.path, "a b/c");
        assert_eq!(request.range.as_deref(), Some("bytes=1-"));
        assert!(request.keep_alive && !request.head);
        for cut in 0..text.len() {
            assert_eq!(get(&text[..cut]).unwrap(), None, "cut at {cut}");
        }
    }

    #[test]
    fn keep_alive_follows_the_version_and_the_header() {
        for (version, header, keeps) in [
            ("1.1", "", true),
            ("1.1", "Connection: TE, close\n", false),
            ("1.0", "", false),
            ("1.0", "connection: Keep-Alive\n", true),
        ] {
            let text = format!("HEAD /x HTTP/{version}\nHost: x\n{header}\n");
            let (request, _) = get(&text).unwrap().unwrap();
            assert_eq!(request.keep_alive, keeps, "{text}");
            assert!(request.head);
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (text, refusal) in [
            ("GET / HTTP/1.1\nHost: x\n\n", Refusal::BAD_REQUEST),
            ("GET /../x HTTP/1.1\nHost: x\n\n", Refusal::BAD_REQUEST),
            (
                "GET /a/%2e%2E/x HTTP/1.1\nHost: x\n\n",
                Refusal::BAD_REQUEST,
            ),
            ("GET /a%2 HTTP/1.1\nHost: x\n\n", Refusal::BAD_REQUEST),
            ("GET /a%00 HTTP/1.1\nHost: x\n\n", Refusal::BAD_REQUEST),
            ("GET /a HTTP/1.1\n\n", Refusal::BAD_REQUEST),
            (
                "GET /a HTTP/1.1\nHost: x\nHost: y\n\n",
                Refusal::BAD_REQUEST,
            ),
            (
                "GET /a HTTP/1.1\nHost: x\nContent-Length: 5\n\n",
                Refusal::BAD_REQUEST,
            ),
            ("nonsense\n\n", Refusal::BAD_REQUEST),
            ("DELETE /a HTTP/1.1\nHost: x\n\n", Refusal::METHOD),
            ("GET /a HTTP/3.0\nHost: x\n\n", Refusal::VERSION),
        ] {
            assert_eq!(get(text).unwrap_err(), refusal, "{text}");
        }
        let long = format!("GET /a HTTP/1.1\nHost: x\nX: {}", "y".repeat(MOST));
        assert_eq!(get(&long).unwrap_err(), Refusal::HEADERS_TOO_LARGE);
        let many = format!("GET /a HTTP/1.1\nHost: x\n{}\n", "a: b\n".repeat(65));
        assert_eq!(get(&many).unwrap_err(), Refusal::HEADERS_TOO_LARGE);
    }

    #[test]
    fn an_absolute_target_has_a_path_too() {
        let text = "GET http://host:80/a/b HTTP/1.1\nHost: x\n\n";
        assert_eq!(get(text).unwrap().unwrap().0.path, "a/b");
    }
}
