//! [`SeqCell`]: a small value that is read without ever being waited for by its writer.

mod cell;
mod words;

pub use cell::SeqCell;
