//! Seeds name what exists, and nothing that could be seeded is left without a seed.

use std::collections::BTreeSet;

use super::File;
use super::files::words;
use super::marks::marks;
use crate::lanes::seeds::{LANES, STD, Seed, TSAN, read};
use crate::tree::Tree;

pub(super) fn check(tree: &Tree, files: &[File]) -> Result<Vec<String>, String> {
    let edges: BTreeSet<String> = marks(files, "edge(")
        .iter()
        .map(|m| format!("{}:{}", m.name, m.order))
        .collect();
    let steps: BTreeSet<String> = marks(files, "seeded(")
        .iter()
        .map(|m| m.name.to_owned())
        .collect();
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for member in &tree.crates {
        let seeds = match read(member) {
            Ok(seeds) => seeds,
            Err(broken) => {
                problems.push(broken);
                continue;
            }
        };
        let tests = Tests::of(&member.name, files);
        for seed in seeds {
            let place = format!("crates/{}/tests/seeds.txt:{}", member.name, seed.line);
            let wrong = wrong(&seed, &edges, &steps, &tests);
            problems.extend(wrong.map(|what| format!("{place}: {what}")));
            used.insert(seed.value);
        }
    }
    for mark in marks(files, "seeded(") {
        if !used.contains(mark.name) {
            let what = format!("no seeds.txt tries the step `{}`", mark.name);
            problems.push(format!("{}: {what}", mark.place));
        }
    }
    Ok(problems)
}

/// The integration tests of one crate: file and test.
struct Tests(BTreeSet<(String, String)>);

impl Tests {
    fn of(krate: &str, files: &[File]) -> Self {
        let folder = format!("crates/{krate}/tests/");
        let mut tests = BTreeSet::new();
        for file in files.iter().filter(|f| f.is_rust()) {
            let Some(path) = file.path.strip_prefix(&folder) else {
                continue;
            };
            // The modules of a test stand in a folder of its name.
            let name = path.split(['/', '.']).next().unwrap_or_default();
            let names = words(&file.code, "fn").filter_map(|at| name_at(&file.code[at + 2..]));
            tests.extend(names.map(|n| (name.to_owned(), n)));
        }
        Self(tests)
    }
}

fn name_at(text: &str) -> Option<String> {
    let name = text
        .trim_start()
        .split(|c: char| !super::mask::is_word(c))
        .next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn wrong(
    seed: &Seed,
    edges: &BTreeSet<String>,
    steps: &BTreeSet<String>,
    tests: &Tests,
) -> Option<String> {
    if !LANES.contains(&seed.lane.as_str()) {
        return Some(format!(
            "no lane `{}`; there are {}",
            seed.lane,
            LANES.join(", ")
        ));
    }
    if ![STD, TSAN].contains(&seed.lane.as_str()) && seed.file != seed.lane {
        return Some(format!(
            "the tests of the lane are in tests/{}.rs",
            seed.lane
        ));
    }
    let there = if seed.value.contains(':') {
        edges
    } else {
        steps
    };
    if !there.contains(&seed.value) {
        return Some(format!("nothing in the code is called `{}`", seed.value));
    }
    let last = seed.test.rsplit("::").next().unwrap_or_default();
    if !tests.0.contains(&(seed.file.clone(), last.to_owned())) {
        return Some(format!("no test `{}` in tests/{}.rs", seed.test, seed.file));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::seeds::parse;

    fn verdict(line: &str) -> Option<String> {
        let seed = parse(line).unwrap().remove(0);
        let edges = BTreeSet::from(["ring.publish:Release".to_owned()]);
        let steps = BTreeSet::from(["ring.wake".to_owned()]);
        let tests = [("loom", "model"), ("crash", "kill")];
        let tests = Tests(tests.map(|(f, t)| (f.to_owned(), t.to_owned())).into());
        wrong(&seed, &edges, &steps, &tests)
    }

    #[test]
    fn a_seed_names_what_exists() {
        assert_eq!(verdict("ring.publish:Release loom loom model"), None);
        assert_eq!(verdict("ring.wake loom loom deep::model timeout"), None);
        assert_eq!(verdict("ring.wake std crash kill"), None);
    }

    #[test]
    fn every_word_of_a_seed_is_checked() {
        for bad in [
            "ring.publish:Acquire loom loom model",
            "ring.publish loom loom model",
            "ring.publish:Release moon loom model",
            "ring.publish:Release loom stress model",
            "ring.publish:Release loom loom other",
            "ring.wake std crash other",
        ] {
            assert!(verdict(bad).is_some(), "{bad}");
        }
    }
}
