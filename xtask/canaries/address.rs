//! Reads memory after it was freed: AddressSanitizer must say so.

fn main() {
    let freed = Box::into_raw(Box::new(std::env::args().count()));
    // SAFETY: none, this is the defect.
    drop(unsafe { Box::from_raw(freed) });
    // SAFETY: none, this is the defect.
    println!("{}", unsafe { freed.read_volatile() });
}
