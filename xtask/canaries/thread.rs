//! Two threads write one word without any order between them: ThreadSanitizer must say so.

static mut WORD: usize = 0;

fn race() {
    for _ in 0..1000 {
        // SAFETY: none, this is the defect.
        unsafe { (&raw mut WORD).write((&raw const WORD).read() + 1) };
    }
}

fn main() {
    let other = std::thread::spawn(race);
    race();
    other.join().expect("the other thread ends");
}
