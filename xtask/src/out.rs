//! What this program says. A reader that has seen enough (`cargo xtask ci | head`) is no reason to
//! stop: the run goes on, and its report is written.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line.
///
/// # Panics
/// When standard output cannot be written to for another reason than that nobody reads it.
pub(crate) fn line(text: Arguments<'_>) {
    write(&mut std::io::stdout().lock(), text);
}

fn write(to: &mut impl Write, text: Arguments<'_>) {
    match writeln!(to, "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => panic!("standard output: {e}"),
        Ok(()) | Err(_) => {}
    }
}

/// As `println!`, for readers that may go away.
macro_rules! say {
    ($($text:tt)*) => { $crate::out::line(format_args!($($text)*)) };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        write(&mut Broken(ErrorKind::BrokenPipe), format_args!("x"));
    }

    #[test]
    #[should_panic(expected = "standard output")]
    fn a_full_disk_is_one() {
        write(&mut Broken(ErrorKind::StorageFull), format_args!("x"));
    }
}
