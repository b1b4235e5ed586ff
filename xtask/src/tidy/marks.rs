//! The calls of `edge` and `seeded` in the sources.

use std::path::Path;

use super::File;
use super::files::{self, crate_of, words};

/// One call of `edge` or `seeded`.
#[derive(Debug)]
pub(crate) struct Mark<'f> {
    pub(crate) name: &'f str,
    /// The ordering's last word, `Release` for example; empty for a step.
    pub(crate) order: &'f str,
    pub(crate) place: String,
    /// The folder in `crates/`.
    pub(crate) krate: Option<&'f str>,
}

/// The library sources, for those who look at their marks.
pub(crate) struct Marks(Vec<File>);

impl Marks {
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        files::read(root).map(Self)
    }

    /// Every edge and every step, in the order of the files.
    pub(crate) fn all(&self) -> Vec<Mark<'_>> {
        let mut all = marks(&self.0, "edge(");
        all.extend(marks(&self.0, "seeded("));
        all
    }
}

/// Every call of `function` (written with its parenthesis) with a literal name, in the libraries.
pub(super) fn marks<'f>(files: &'f [File], function: &'f str) -> Vec<Mark<'f>> {
    let mut found = Vec::new();
    for file in files.iter().filter(|f| f.is_library() && !defines_marks(f)) {
        for at in words(&file.literal, function) {
            let arguments = file.literal[at + function.len()..].trim_start();
            let Some((name, rest)) = arguments.strip_prefix('"').and_then(|a| a.split_once('"'))
            else {
                continue;
            };
            let order = rest.split([')', ';']).next().unwrap_or_default();
            let order = order.trim_matches(|c: char| c == ',' || c.is_whitespace());
            found.push(Mark {
                name,
                order: order.rsplit("::").next().unwrap_or_default(),
                place: file.at(at, "").trim_end_matches([':', ' ']).to_owned(),
                krate: crate_of(&file.path),
            });
        }
    }
    found
}

/// Where marks are defined and explained, and none is placed.
fn defines_marks(file: &File) -> bool {
    ["edge.rs", "mod.rs"]
        .iter()
        .any(|name| file.path == format!("crates/zc-core/src/sync/{name}"))
}
