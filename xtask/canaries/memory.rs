//! Branches on memory that nobody has written: MemorySanitizer must say so.

use std::mem::MaybeUninit;

fn main() {
    let unwritten = Box::new(MaybeUninit::<usize>::uninit());
    // SAFETY: none, this is the defect.
    let value = unsafe { (&raw const *unwritten).cast::<usize>().read_volatile() };
    std::process::exit(if value == 7 { 1 } else { 0 });
}
