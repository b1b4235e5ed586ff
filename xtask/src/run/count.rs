//! How many tests a command ran, read from what it printed.

/// Tests run, over every summary line of nextest (`Summary [ 0.1s] 8 tests run: …`), of libtest
/// (`test result: ok. 3 passed; 1 failed; …`) and of the benches (`smoke: 12 cells checked`).
pub(crate) fn tests(output: &str) -> usize {
    output.lines().map(line).sum()
}

fn line(line: &str) -> usize {
    let line = line.trim_start();
    if line.starts_with("Summary [") {
        return before(line, " tests run")
            .or(before(line, " test run"))
            .unwrap_or(0);
    }
    if line.starts_with("test result:") {
        let failed = before(line, " failed").unwrap_or(0);
        return before(line, " passed").unwrap_or(0) + failed;
    }
    if line.starts_with("smoke:") {
        return before(line, " cells checked").unwrap_or(0);
    }
    0
}

/// The number that stands right before `word`.
fn before(line: &str, word: &str) -> Option<usize> {
    let head = &line[..line.find(word)?];
    // nextest writes `7/8 tests run` when it stopped early: seven ran.
    let number = head.rsplit([' ', ']']).next()?;
    number.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::tests;

    #[test]
    fn the_three_kinds_of_summary_are_read() {
        let nextest = "     Summary [   0.066s] 8 tests run: 8 passed, 0 skipped\n";
        let stopped = "     Summary [   0.066s] 7/8 tests run: 6 passed, 1 failed, 0 skipped\n";
        let one = "     Summary [   0.066s] 1 test run: 1 passed, 0 skipped\n";
        let libtest = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.00s\n";
        let bench = "smoke: 12 cells checked\n";
        assert_eq!(tests(nextest), 8);
        assert_eq!(tests(stopped), 7);
        assert_eq!(tests(one), 1);
        assert_eq!(tests(libtest), 4);
        assert_eq!(tests(bench), 12);
        assert_eq!(tests(&format!("{nextest}{libtest}noise 5 tests run\n")), 12);
    }

    #[test]
    fn nothing_run_counts_as_nothing() {
        assert_eq!(tests("test result: ok. 0 passed; 0 failed; 0 ignored\n"), 0);
        assert_eq!(tests("Finished `dev` profile\n"), 0);
    }
}
