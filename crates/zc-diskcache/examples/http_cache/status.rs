//! Answers without an object.

/// Why a request gets no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: &'static str,
    /// Whether the connection can go on: it cannot where it is unknown how the next request begins.
    pub(crate) closes: bool,
}

impl Refusal {
    pub(crate) const BAD_REQUEST: Self = Self::fatal("400 Bad Request");
    pub(crate) const TIMEOUT: Self = Self::fatal("408 Request Timeout");
    pub(crate) const HEADERS_TOO_LARGE: Self = Self::fatal("431 Request Header Fields Too Large");
    pub(crate) const METHOD: Self = Self::fatal("405 Method Not Allowed");
    pub(crate) const VERSION: Self = Self::fatal("505 HTTP Version Not Supported");
    pub(crate) const NOT_FOUND: Self = Self {
        status: "404 Not Found",
        closes: false,
    };
    pub(crate) const BAD_GATEWAY: Self = Self {
        status: "502 Bad Gateway",
        closes: false,
    };

    const fn fatal(status: &'static str) -> Self {
        Self {
            status,
            closes: true,
        }
    }

    /// The answer, with a body that says the same.
    pub(crate) fn to_bytes(self, head: bool, keep_alive: bool) -> Vec<u8> {
        let connection = if keep_alive && !self.closes {
            "keep-alive"
        } else {
            "close"
        };
        let allow = if self == Self::METHOD {
            "Allow: GET, HEAD\r\n"
        } else {
            ""
        };
        let status = self.status;
        let body = if head { "" } else { status };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{allow}\
             Connection: {connection}\r\n\r\n{body}",
            status.len(),
        )
        .into_bytes()
    }
}
