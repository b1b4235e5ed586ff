//! `docs/unsafe.md`: every file with `unsafe` in it, how often, on which invariants it rests, and
//! which lanes exercise it.
//!
//! `--bless` brings files and counts up to date. The two columns of words survive it; for a new
//! file they start with what the file and its crate give away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::File;
use super::files::{crate_of, words};
use crate::tree::Tree;

const PATH: &str = "docs/unsafe.md";
const BEGIN: &str = "<!-- table: cargo xtask tidy --bless -->";
const END: &str = "<!-- end of table -->";
const INTRO: &str = "# Unsafe code\n\n\
    Every file of the workspace that contains `unsafe`, and how often. Each block has a `SAFETY` \
    comment that names the\ninvariant it rests on (clippy's `undocumented_unsafe_blocks` is on); \
    the invariants stand at the top of the type\nthat owns the code. `cargo xtask tidy` fails when \
    a file or a count is not as it stands here.\n";

/// The words that people wrote about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    count: usize,
    invariants: String,
    lanes: String,
}

pub(super) fn check(files: &[File]) -> Vec<String> {
    let listed = files.iter().find(|f| f.path == PATH);
    let listed = listed.map_or_else(BTreeMap::new, |f| rows(&f.raw));
    let found = count(files);
    let mut problems = Vec::new();
    for (path, n) in &found {
        match listed.get(path) {
            None => problems.push(format!("{PATH}: {path} is not listed ({n} unsafe)")),
            Some(row) if row.count != *n => problems.push(format!(
                "{PATH}: {path} has {n} unsafe, the table says {}",
                row.count
            )),
            Some(row) if row.invariants.is_empty() || row.lanes.is_empty() => {
                problems.push(format!("{PATH}: {path} lacks its invariants or its lanes"));
            }
            Some(_) => {}
        }
    }
    let gone = listed.keys().filter(|path| !found.contains_key(*path));
    problems.extend(gone.map(|path| format!("{PATH}: {path} has no unsafe any more")));
    problems
}

pub(super) fn bless(tree: &Tree, files: &[File]) -> Result<String, String> {
    let old = files
        .iter()
        .find(|f| f.path == PATH)
        .map(|f| f.raw.as_str());
    let text = table(tree, files, old.unwrap_or_default());
    if old == Some(text.as_str()) {
        return Ok(format!("{PATH} is up to date"));
    }
    let path = tree.root.join(PATH);
    let folder = tree.root.join("docs");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(format!("{PATH} written"))
}

/// The document with a fresh table.
fn table(tree: &Tree, files: &[File], old: &str) -> String {
    let listed = rows(old);
    let found = count(files);
    let mut table = format!(
        "{BEGIN}\n\n{} in {} files.\n\n| file | unsafe | invariants | lanes |\n|---|--:|---|---|\n",
        found.values().sum::<usize>(),
        found.len()
    );
    for (path, n) in &found {
        let fresh = || guess(tree, files, path);
        let row = listed.get(path).cloned().unwrap_or_else(fresh);
        table += &format!("| {path} | {n} | {} | {} |\n", row.invariants, row.lanes);
    }
    table += &format!("\n{END}");
    match (old.find(BEGIN), old.find(END)) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{table}{}", &old[..from], &old[to + END.len()..])
        }
        _ => format!("{INTRO}\n{table}\n"),
    }
}

/// How often `unsafe` stands in each file that has any.
fn count(files: &[File]) -> BTreeMap<String, usize> {
    let counts = files
        .iter()
        .map(|f| (f.path.clone(), words(&f.code, "unsafe").count()));
    counts.filter(|(_, n)| *n > 0).collect()
}

/// The rows of the table in `text`.
fn rows(text: &str) -> BTreeMap<String, Row> {
    let from = text.find(BEGIN).unwrap_or(text.len());
    let mut rows = BTreeMap::new();
    for line in text[from..].lines() {
        let cells: Vec<&str> = line
            .trim()
            .trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect();
        if let [path, count, invariants, lanes] = cells.as_slice()
            && let Ok(count) = count.parse()
        {
            let row = Row {
                count,
                invariants: (*invariants).to_owned(),
                lanes: (*lanes).to_owned(),
            };
            rows.insert((*path).to_owned(), row);
        }
    }
    rows
}

/// What can be read off a file that nobody has described yet.
fn guess(tree: &Tree, files: &[File], path: &str) -> Row {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|f| f.path == path) {
        for word in file.raw.split(|c: char| !c.is_ascii_alphanumeric()) {
            let number = word.strip_prefix('I').filter(|n| n.len() < 3);
            if let Some(number) = number.and_then(|n| n.parse::<u32>().ok()) {
                names.insert(number);
            }
        }
    }
    let names: Vec<String> = names.iter().map(|n| format!("I{n}")).collect();
    let invariants = if path.starts_with("xtask/canaries/") {
        "none: it is the defect that the lane must report".to_owned()
    } else if names.is_empty() {
        "in its SAFETY comments".to_owned()
    } else {
        names.join(", ")
    };
    let member = crate_of(path).and_then(|name| tree.member(name).ok());
    let mut lanes = vec!["asan", "tsan"];
    if let Some(member) = member {
        lanes.extend(
            ["loom", "shuttle"]
                .into_iter()
                .filter(|l| member.has_test(l)),
        );
    }
    let lanes = match path {
        _ if path.starts_with("xtask/canaries/") => "the lane it is for".to_owned(),
        _ if path.starts_with("benches/") => "bench smoke".to_owned(),
        _ => lanes.join(", "),
    };
    Row {
        count: 0,
        invariants,
        lanes,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const SOURCE: &str =
        "// unsafe\nfn f() { /* I2 */ unsafe { g() } }\nunsafe impl Send for X {}\n";

    fn tree() -> Tree {
        Tree {
            root: PathBuf::new(),
            crates: Vec::new(),
        }
    }

    fn with(document: &str) -> Vec<File> {
        vec![
            File::new("crates/zc-x/src/a.rs", SOURCE),
            File::new(PATH, document),
        ]
    }

    #[test]
    fn a_blessed_table_is_clean_and_stays_so() {
        let text = table(&tree(), &with(""), "");
        assert!(
            text.contains("| crates/zc-x/src/a.rs | 2 | I2 | asan, tsan |"),
            "{text}"
        );
        assert!(check(&with(&text)).is_empty());
        assert_eq!(table(&tree(), &with(&text), &text), text);
    }

    #[test]
    fn a_missing_a_wrong_and_a_stale_row_are_seen() {
        assert!(check(&with(""))[0].contains("is not listed"));
        let text = table(&tree(), &with(""), "");
        assert!(check(&with(&text.replace("| 2 |", "| 1 |")))[0].contains("the table says 1"));
        assert!(check(&with(&text.replace("| I2 |", "|  |")))[0].contains("lacks"));
        let stale = [File::new(PATH, &text)];
        assert!(check(&stale)[0].contains("no unsafe any more"));
    }

    #[test]
    fn words_and_surroundings_survive_a_bless() {
        let text = table(&tree(), &with(""), "");
        let edited = text.replace("| I2 |", "| I2: the slot is ours |") + "\nMore.\n";
        let wrong = edited.replace("| 2 |", "| 7 |");
        let again = table(&tree(), &with(&wrong), &wrong);
        assert_eq!(again, edited);
    }
}
