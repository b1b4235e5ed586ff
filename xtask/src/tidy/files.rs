//! The text files of the tree.

use std::fs;
use std::path::Path;

use super::mask::mask;

/// One text file.
pub(super) struct File {
    /// From the root, with slashes.
    pub(super) path: String,
    pub(super) raw: String,
    /// See [`mask`]; empty when it is no Rust.
    pub(super) code: String,
    pub(super) literal: String,
}

impl File {
    pub(super) fn new(path: &str, raw: &str) -> Self {
        let rust = path.ends_with(".rs").then(|| mask(raw));
        let (code, literal) = rust.map_or_else(Default::default, |m| (m.code, m.literal));
        Self {
            path: path.to_owned(),
            raw: raw.to_owned(),
            code,
            literal,
        }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// A source file of a library crate.
    pub(super) fn is_library(&self) -> bool {
        self.is_rust() && self.path.starts_with("crates/") && self.path.contains("/src/")
    }

    /// The one place that may name the real primitives.
    pub(super) fn is_sync_shim(&self) -> bool {
        self.path.starts_with("crates/zc-core/src/sync/")
    }

    /// A complaint about the place at byte `at`.
    pub(super) fn at(&self, at: usize, what: &str) -> String {
        let line = self.raw[..at.min(self.raw.len())].matches('\n').count() + 1;
        format!("{}:{line}: {what}", self.path)
    }
}

/// The crate that `path` lies in, if it is one of `crates/`.
pub(super) fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

/// Every place in `text` where `word` stands as a word of its own.
pub(super) fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(word).map(|(i, _)| i).filter(move |i| {
        let before = text[..*i].chars().next_back();
        let after = text[i + word.len()..].chars().next();
        let edge = |c: Option<char>| c.is_none_or(|c| !super::mask::is_word(c));
        let starts = word.starts_with(super::mask::is_word);
        let ends = word.ends_with(super::mask::is_word);
        (!starts || edge(before)) && (!ends || edge(after))
    })
}

/// Reads every text file below `root` that is part of the project.
pub(super) fn read(root: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    walk(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(dir: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), String> {
    let broken = |e: std::io::Error| format!("{}: {e}", dir.display());
    for entry in fs::read_dir(dir).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(broken)?;
        if kind.is_dir() && !skipped(&name) {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && is_text(&path) {
            let raw = fs::read_to_string(entry.path()).map_err(|e| format!("{path}: {e}"))?;
            files.push(File::new(&path, &raw));
        }
    }
    Ok(())
}

fn skipped(name: &str) -> bool {
    let kept = [".cargo", ".ci", ".config", ".github"];
    name == "target"
        || name.starts_with("mutants.out")
        || name.starts_with('.') && !kept.contains(&name)
}

fn is_text(path: &str) -> bool {
    let endings = [".rs", ".md", ".toml", ".txt", ".yml", ".yaml", ".sh"];
    endings.iter().any(|e| path.ends_with(e))
        || path.starts_with(".ci/")
        || path == "benches/results.json"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_words() {
        let text = "unsafe_code unsafe { } not_unsafe";
        assert_eq!(words(text, "unsafe").collect::<Vec<_>>(), [12]);
        assert_eq!(words("a.fence(x) offence(x)", "fence(").count(), 1);
    }

    #[test]
    fn a_place_is_given_as_path_and_line() {
        let file = File::new("a.rs", "one\ntwo\nthree");
        assert_eq!(file.at(4, "bad"), "a.rs:2: bad");
    }

    #[test]
    fn crates_are_told_apart_by_their_folder() {
        assert_eq!(crate_of("crates/zc-core/src/lib.rs"), Some("zc-core"));
        assert_eq!(crate_of("xtask/src/main.rs"), None);
    }
}
