//! `cargo xtask tidy`: the rules that the tree is held to, checked over its text.
//!
//! | rule | file |
//! |---|---|
//! | crates depend downwards only; tokio stays where it belongs; versions stand in the root | `manifests` |
//! | `docs/unsafe.md` lists every file with `unsafe` and how often | `unsafe_table` |
//! | a named edge has both its ends, and its crate's prefix | `edges` |
//! | a seed names an edge or a step that exists, and a test that exists | `seeds` |
//! | no unfinished code, no ignored test, no stand-alone fence, no path of one machine | `forbidden` |
//! | real atomics, cells and threads in the sync shim only | `primitives` |
//! | no file is longer than can be read in one go | `size` |
//! | relative links and their anchors exist | `links` |
//! | each promise in `docs/guarantees` names a test, and each test named there exists | `guarantees` |
//! | the README's figures are those of the committed benchmarks | `figures` |
//!
//! Each rule is a function from the files to its complaints, and each has a test that shows it
//! complain.

mod edges;
mod figures;
mod files;
mod forbidden;
mod guarantees;
mod links;
mod manifests;
pub(crate) mod marks;
mod mask;
mod primitives;
mod seeds;
mod size;
mod unsafe_table;

use files::File;

use crate::tree::Tree;

/// Everything that is not as it should be, one line each: `path:line: what`.
pub(crate) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let files = files::read(&tree.root)?;
    let mut problems = Vec::new();
    problems.extend(manifests::check(tree)?);
    problems.extend(unsafe_table::check(&files));
    problems.extend(edges::check(&files));
    problems.extend(seeds::check(tree, &files)?);
    problems.extend(forbidden::check(&files));
    problems.extend(primitives::check(&files));
    problems.extend(size::check(&files));
    problems.extend(links::check(&files, &tree.root));
    problems.extend(guarantees::check(&files));
    problems.extend(figures::check(&files));
    problems.sort();
    Ok(problems)
}

/// Rewrites the table of `docs/unsafe.md`; gives a line about what changed.
pub(crate) fn bless(tree: &Tree) -> Result<String, String> {
    unsafe_table::bless(tree, &files::read(&tree.root)?)
}
