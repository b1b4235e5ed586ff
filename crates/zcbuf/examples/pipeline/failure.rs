//! What ends the demo early: one clear line and an exit code.

use std::fmt;
use std::process::ExitCode;

const UNUSABLE: u8 = 2;

/// Why the demo could not do its work.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The input or the options are unusable.
    pub fn input(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: UNUSABLE,
        }
    }

    /// Something went wrong on the way.
    pub fn run(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    /// For `map_err`: what failed, and the reason.
    pub fn because<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self::run(format!("{what}: {error}"))
    }

    /// Whether it is the input or the options that are unusable.
    pub fn is_input(&self) -> bool {
        self.code == UNUSABLE
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
