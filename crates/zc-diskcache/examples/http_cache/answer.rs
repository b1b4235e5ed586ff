//! What to answer for an object that is there: conditions, then ranges (RFC 9110, section 13.2.2).

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::range::{Wanted, wanted};
use crate::request::Request;

/// What is known of the object's edition.
#[derive(Debug, Clone)]
pub(crate) struct Edition {
    /// A strong validator, with its quotes.
    pub(crate) etag: String,
    /// Seconds since 1970.
    pub(crate) modified: u64,
    pub(crate) content_type: String,
    pub(crate) length: u64,
}

/// The head of an answer, and which bytes of the object follow it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Option<Range<u64>>,
}

pub(crate) fn answer(request: &Request, edition: &Edition) -> Answer {
    if let Some(status) = failed_condition(request, edition) {
        return whole_head(request, edition, status, "Content-Length: 0\r\n", None);
    }
    let all = 0..edition.length;
    // A range is for GET, and only if the client has the same edition.
    let range = request.range.as_deref();
    let range = range.filter(|_| !request.head && same_as_if_range(request, edition));
    let length = edition.length;
    let (status, more, body) = match wanted(range, length) {
        Wanted::All => ("200 OK", format!("Content-Length: {length}\r\n"), all),
        Wanted::Part(part) => {
            let (first, last) = (part.start, part.end - 1);
            let more = format!(
                "Content-Length: {}\r\nContent-Range: bytes {first}-{last}/{length}\r\n",
                part.end - part.start,
            );
            ("206 Partial Content", more, part)
        }
        Wanted::Unsatisfiable => {
            let more = format!("Content-Length: 0\r\nContent-Range: bytes */{length}\r\n");
            return whole_head(request, edition, "416 Range Not Satisfiable", &more, None);
        }
    };
    let body = (!request.head).then_some(body);
    whole_head(request, edition, status, &more, body)
}

fn whole_head(
    request: &Request,
    edition: &Edition,
    status: &str,
    more: &str,
    body: Option<Range<u64>>,
) -> Answer {
    // Of a 304 and what comes without a body, only what a cache needs.
    let content_type = if body.is_some() || request.head {
        format!("Content-Type: {}\r\n", edition.content_type)
    } else {
        String::new()
    };
    let length = if status.starts_with("304") { "" } else { more };
    let head = format!(
        "HTTP/1.1 {status}\r\nDate: {}\r\nETag: {}\r\nLast-Modified: {}\r\nAccept-Ranges: bytes\r\n\
         {content_type}{length}Connection: {}\r\n\r\n",
        httpdate::fmt_http_date(SystemTime::now()),
        edition.etag,
        httpdate::fmt_http_date(time(edition.modified)),
        if request.keep_alive {
            "keep-alive"
        } else {
            "close"
        },
    );
    Answer { head, body }
}

/// The status that a condition of the request asks for; `None`: go on.
fn failed_condition(request: &Request, edition: &Edition) -> Option<&'static str> {
    const FAILED: &str = "412 Precondition Failed";
    const SAME: &str = "304 Not Modified";
    if let Some(list) = &request.if_match {
        if !names(list, edition, strong) {
            return Some(FAILED);
        }
    } else if let Some(since) = seconds(request.if_unmodified_since.as_deref())
        && edition.modified > since
    {
        return Some(FAILED);
    }
    if let Some(list) = &request.if_none_match {
        return names(list, edition, weak).then_some(SAME);
    }
    let since = seconds(request.if_modified_since.as_deref())?;
    (edition.modified <= since).then_some(SAME)
}

fn same_as_if_range(request: &Request, edition: &Edition) -> bool {
    match request.if_range.as_deref() {
        None => true,
        Some(tag) if tag.contains('"') => strong(tag, edition),
        Some(date) => seconds(Some(date)) == Some(edition.modified),
    }
}

fn names(list: &str, edition: &Edition, same: fn(&str, &Edition) -> bool) -> bool {
    // Our own tags have no comma in them.
    list.trim() == "*" || list.split(',').any(|tag| same(tag.trim(), edition))
}

fn strong(tag: &str, edition: &Edition) -> bool {
    tag == edition.etag
}

fn weak(tag: &str, edition: &Edition) -> bool {
    tag.strip_prefix("W/").unwrap_or(tag) == edition.etag
}

/// A date that is none counts as absent.
fn seconds(date: Option<&str>) -> Option<u64> {
    let time = httpdate::parse_http_date(date?).ok()?;
    time.duration_since(UNIX_EPOCH).ok().map(|d| d.as_secs())
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(change: impl FnOnce(&mut Request)) -> (String, Option<Range<u64>>) {
        let edition = Edition {
            etag: "\"1-2\"".to_owned(),
            modified: 1_700_000_000,
            content_type: "text/plain".to_owned(),
            length: 100,
        };
        let mut request = Request::default();
        change(&mut request);
        let answer = answer(&request, &edition);
        (answer.head[9..12].to_owned(), answer.body)
    }

    fn date(seconds: u64) -> Option<String> {
        Some(httpdate::fmt_http_date(time(seconds)))
    }

    #[test]
    fn conditions_come_in_their_order() {
        let tag = |text: &str| Some(text.to_owned());
        let not_modified = ("304".to_owned(), None);
        let failed = ("412".to_owned(), None);
        let all = ("200".to_owned(), Some(0..100));
        assert_eq!(status(|_| {}), all);
        assert_eq!(status(|r| r.if_none_match = tag("\"1-2\"")), not_modified);
        assert_eq!(
            status(|r| r.if_none_match = tag("\"9\", W/\"1-2\"")),
            not_modified
        );
        assert_eq!(status(|r| r.if_none_match = tag("*")), not_modified);
        assert_eq!(status(|r| r.if_none_match = tag("\"9\"")), all);
        assert_eq!(
            status(|r| r.if_modified_since = date(1_700_000_000)),
            not_modified
        );
        assert_eq!(status(|r| r.if_modified_since = date(1_600_000_000)), all);
        assert_eq!(status(|r| r.if_modified_since = tag("yesterday")), all);
        // The tag counts, the date does not.
        let both = |r: &mut Request| {
            r.if_none_match = tag("\"9\"");
            r.if_modified_since = date(1_800_000_000);
        };
        assert_eq!(status(both), all);
        assert_eq!(status(|r| r.if_match = tag("\"1-2\"")), all);
        assert_eq!(status(|r| r.if_match = tag("W/\"1-2\"")), failed);
        assert_eq!(
            status(|r| r.if_unmodified_since = date(1_600_000_000)),
            failed
        );
        assert_eq!(status(|r| r.if_unmodified_since = date(1_700_000_000)), all);
    }

    #[test]
    fn a_range_needs_the_same_edition() {
        let tag = |text: &str| Some(text.to_owned());
        let part = |r: &mut Request| r.range = tag("bytes=-10");
        assert_eq!(status(part), ("206".to_owned(), Some(90..100)));
        for (if_range, same) in [
            (tag("\"1-2\""), true),
            (tag("\"9\""), false),
            (tag("W/\"1-2\""), false),
            (date(1_700_000_000), true),
            (date(1_800_000_000), false),
        ] {
            let got = status(|r| {
                part(r);
                r.if_range = if_range.clone();
            });
            assert_eq!(got.0 == "206", same, "{if_range:?}");
        }
        let head = |r: &mut Request| {
            part(r);
            r.head = true;
        };
        assert_eq!(status(head), ("200".to_owned(), None));
        assert_eq!(status(|r| r.range = tag("bytes=100-")).0, "416");
    }
}
