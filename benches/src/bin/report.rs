//! `cargo xtask bench --report` and `--collect`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program"
)]

use std::process::ExitCode;

use zc_benches::report;

fn main() -> ExitCode {
    let collect = std::env::args().any(|a| a == "--collect");
    let done = if collect {
        report::collect()
    } else {
        report::publish()
    };
    match done {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
