//! Rust source with its comments, or its comments and literals, blanked out.
//!
//! Enough of a lexer that a word in a comment or in a string is not taken for code. Every blanked
//! character becomes a space and every line break stays, so that offsets and line numbers hold.

/// The two views of a source text.
pub(super) struct Masked {
    /// Comments and the contents of string and character literals are blank.
    pub(super) code: String,
    /// Comments are blank.
    pub(super) literal: String,
}

pub(super) fn mask(source: &str) -> Masked {
    let mut lexer = Lexer {
        rest: source,
        previous: ' ',
        out: Masked {
            code: String::with_capacity(source.len()),
            literal: String::with_capacity(source.len()),
        },
    };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.out
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Literal,
    Comment,
}

struct Lexer<'s> {
    rest: &'s str,
    /// The last character of code.
    previous: char,
    out: Masked,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let starts_word = !is_word(self.previous);
        if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()), Kind::Comment);
        } else if rest.starts_with("/*") {
            self.take(block_comment(rest), Kind::Comment);
        } else if let Some((prefix, body)) = starts_word.then(|| raw_string(rest)).flatten() {
            self.quoted(prefix, body);
        } else if rest.starts_with('"') {
            self.quoted(1, quoted(rest, '"'));
        } else if let Some(body) = character(rest) {
            self.quoted(1, body);
        } else {
            self.take(rest.chars().next().map_or(1, char::len_utf8), Kind::Code);
        }
    }

    /// A literal: `prefix` bytes of code, then everything up to byte `end` is its content and
    /// closing quote.
    fn quoted(&mut self, prefix: usize, end: usize) {
        self.take(prefix, Kind::Code);
        self.take(end.saturating_sub(prefix), Kind::Literal);
        self.previous = '"';
    }

    fn take(&mut self, bytes: usize, kind: Kind) {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.rest = rest;
        for c in taken.chars() {
            // One blank a byte, so that offsets agree.
            let blank = |out: &mut String| {
                if c == '\n' {
                    out.push('\n');
                } else {
                    out.extend(std::iter::repeat_n(' ', c.len_utf8()));
                }
            };
            match kind {
                Kind::Code => {
                    self.previous = c;
                    self.out.code.push(c);
                    self.out.literal.push(c);
                }
                Kind::Literal => {
                    blank(&mut self.out.code);
                    self.out.literal.push(c);
                }
                Kind::Comment => {
                    blank(&mut self.out.code);
                    blank(&mut self.out.literal);
                }
            }
        }
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut i) = (0, 0);
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if bytes[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    text.len()
}

/// `r"…"`, `br#"…"#`: the length up to and with the opening quote, and the length of it all.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let letters = ["r", "br", "cr"].iter().find(|p| {
        text.strip_prefix(**p)
            .is_some_and(|t| t.starts_with(['"', '#']))
    })?;
    let after = &text[letters.len()..];
    let hashes = after.bytes().take_while(|b| *b == b'#').count();
    if !after[hashes..].starts_with('"') {
        return None; // A raw identifier.
    }
    let prefix = letters.len() + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = text[prefix..]
        .find(&close)
        .map_or(text.len(), |i| prefix + i + close.len());
    Some((prefix, end))
}

/// The length of a literal that starts with `quote`, backslashes considered.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return i + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let mut chars = text.strip_prefix('\'')?.chars();
    match (chars.next()?, chars.next()?) {
        ('\\', _) => Some(quoted(text, '\'')),
        (c, '\'') if c != '\'' => Some(2 + c.len_utf8()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        let masked = mask(source);
        assert_eq!(masked.code.len(), source.len());
        assert_eq!(masked.literal.len(), source.len());
        masked.code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(code("a // unsafe\nb"), "a b");
        assert_eq!(code("a /* x /* unsafe */ y */ b"), "a b");
        assert_eq!(code(r#"f("unsafe \" unsafe") + g"#), r#"f(" ) + g"#);
        assert_eq!(code(r##"f(r#"unsafe " "#) + g"##), r##"f(r#" ) + g"##);
        assert_eq!(code("b\"unsafe\" x"), "b\" x");
        assert_eq!(code("x('\"', '\\'', b'u') y"), "x(' , ' , b' ) y");
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code("r#unsafe + r"), "r#unsafe + r");
        assert_eq!(code("for x in 'l: loop {}"), "for x in 'l: loop {}");
    }

    #[test]
    fn literals_stay_where_only_comments_are_blanked() {
        let masked = mask("edge(\"a.b\", X) // edge(\"c.d\")");
        assert!(masked.literal.contains("\"a.b\""));
        assert!(!masked.literal.contains("c.d"));
    }

    #[test]
    fn what_is_never_closed_ends_with_the_text() {
        for open in ["\"abc", "/* abc", "r#\"abc", "'\\"] {
            code(open);
        }
    }
}
