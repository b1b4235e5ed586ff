//! `docs/guarantees.md` and `docs/guarantees/*.md`: what is promised, and what holds it to that.
//!
//! A row of a table there is a promise; in it stand, in backticks, the tests and models that would
//! fail without it. Each row names at least one, and each that is named exists: a name is the
//! function of some test, with or without file and modules before it, or a file of tests as a whole. A
//! path or a piece of code is no test and is not looked for.

use std::collections::BTreeSet;

use super::File;
use super::files::words;
use super::mask::is_word;

const INDEX: &str = "docs/guarantees.md";
const FOLDER: &str = "docs/guarantees/";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let tests = tests(files);
    let mut problems = Vec::new();
    for file in files
        .iter()
        .filter(|f| f.path == INDEX || f.path.starts_with(FOLDER))
    {
        for (line, row) in rows(&file.raw) {
            let at = |what: String| format!("{}:{line}: {what}", file.path);
            let named: Vec<&str> = names(row).collect();
            let known = |name: &&str| tests.contains(last(name));
            problems.extend(
                named
                    .iter()
                    .filter(|name| looks_like_a_test(name) && !known(name))
                    .map(|name| at(format!("there is no test `{name}`"))),
            );
            if !named.iter().any(known) && file.path != INDEX {
                problems.push(at("a promise without a test".to_owned()));
            }
        }
    }
    problems
}

/// The rows of all tables but their heads, with their line numbers.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: &&str| {
        line.starts_with("|--") || line.starts_with("| --") || line.starts_with("|:-")
    };
    let heads: BTreeSet<usize> = (0..lines.len())
        .filter(|i| lines.get(i + 1).is_some_and(is_rule))
        .collect();
    let rows = lines
        .into_iter()
        .enumerate()
        .filter(move |(i, line)| line.starts_with('|') && !is_rule(line) && !heads.contains(i));
    rows.map(|(i, line)| (i + 1, line))
}

/// What stands in backticks.
fn names(row: &str) -> impl Iterator<Item = &str> {
    row.split('`').skip(1).step_by(2)
}

/// The function's name in `file module::function`.
fn last(name: &str) -> &str {
    let name = name.rsplit([' ', ':', '/']).next().unwrap_or_default();
    name.trim_end_matches(".rs")
}

/// Three words or more in snake case, as the tests here are called: `publish_then_consume`.
fn looks_like_a_test(name: &str) -> bool {
    let last = last(name);
    let plain = last
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    plain && last.matches('_').count() >= 2 && !name.contains('.')
}

/// The names of all functions in tests, and of all in sources that are tests.
fn tests(files: &[File]) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        if file.path.contains("/tests/") {
            tests.insert(last(&file.path));
        }
        for at in words(&file.code, "fn") {
            let rest = file.code[at + 2..].trim_start();
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let attributes = &file.code[at.saturating_sub(160)..at];
            let is_test = attributes.contains("test") || file.path.contains("/tests/");
            if is_test {
                tests.insert(&rest[..end]);
            }
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(page: &str) -> Vec<String> {
        let source = "#[test]\nfn nothing_is_lost_ever() {}\nfn helper_of_some_kind() {}\n";
        check(&[
            File::new("crates/zc-x/src/a.rs", source),
            File::new("docs/guarantees.md", ""),
            File::new("docs/guarantees/zc-x.md", page),
        ])
    }

    #[test]
    fn a_promise_with_a_test_that_exists_is_fine() {
        let page =
            "| promise | test |\n|---|---|\n| nothing is lost | `edges::nothing_is_lost_ever` |\n";
        assert!(problems(page).is_empty(), "{:?}", problems(page));
    }

    #[test]
    fn a_promise_without_a_test_and_a_test_that_is_gone_are_seen() {
        let head = "| promise | test |\n|---|---|\n";
        let row = |cell: &str| problems(&format!("{head}| nothing is lost | {cell} |\n"));
        assert_eq!(row("`no_such_test_here`").len(), 2);
        assert_eq!(row("nobody").len(), 1);
        assert_eq!(row("`SharedBuffer::read`").len(), 1, "code is no test");
        assert_eq!(
            row("`nothing_is_lost_ever`, `was_removed_last_week`").len(),
            1
        );
    }
}
