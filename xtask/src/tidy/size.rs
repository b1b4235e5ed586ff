//! A file can be read in one go.

use super::File;

const LINES: usize = 500;
/// Tests repeat themselves; they may be longer.
const TEST_LINES: usize = 1000;

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        let tests = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
        let most = if tests { TEST_LINES } else { LINES };
        let lines = file.raw.lines().count();
        if lines > most {
            problems.push(format!("{}: {lines} lines, {most} at most", file.path));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_seen() {
        let lines = |n: usize| "x\n".repeat(n);
        let count = |path: &str, n| check(&[File::new(path, &lines(n))]).len();
        assert_eq!(count("crates/zc-x/src/a.rs", 500), 0);
        assert_eq!(count("crates/zc-x/src/a.rs", 501), 1);
        assert_eq!(count("crates/zc-x/tests/a.rs", 501), 0);
        assert_eq!(count("crates/zc-x/src/a/tests.rs", 1001), 1);
        assert_eq!(count("README.md", 2000), 0);
    }
}
