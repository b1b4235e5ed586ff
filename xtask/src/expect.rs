//! `expected-skips.toml`: which steps may be skipped, and where.
//!
//! Machines differ, so an entry comes in two kinds:
//!
//! - with `missing = "TOOL"`: the step may be skipped exactly where the probe says that this tool
//!   is missing. Where the tool is there the step runs, and that is as it should be; a skip for
//!   any other reason fails.
//! - without: the step is expected to be skipped on every machine. When it runs after all, that
//!   fails too, and the line must go.
//!
//! A skip that no entry allows fails. An entry whose step is not in the table, or whose tool that
//! step does not ask for, can never apply: reading the file fails.

use std::fs;

use toml::de::{DeTable, DeValue};

use crate::step::{Outcome, Step};
use crate::table::STEPS;
use crate::tree::{Tree, string};

/// The committed list.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    step: String,
    missing: Option<String>,
}

impl Expected {
    pub(crate) fn read(tree: &Tree) -> Result<Self, String> {
        let path = tree.root.join("xtask/expected-skips.toml");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Self::parse(&text, STEPS).map_err(|e| format!("xtask/expected-skips.toml: {e}"))
    }

    fn parse(text: &str, steps: &[Step]) -> Result<Self, String> {
        let document = DeTable::parse(text).map_err(|e| e.to_string())?;
        let mut entries = Vec::new();
        for (key, value) in document.get_ref() {
            let DeValue::Array(list) = value.get_ref() else {
                return Err(format!("`{}` is not a list of [[skip]]", key.get_ref()));
            };
            if key.get_ref() != "skip" {
                return Err(format!("`{}` is not known here", key.get_ref()));
            }
            for item in list.iter() {
                let DeValue::Table(item) = item.get_ref() else {
                    return Err("an entry is not a table".to_owned());
                };
                entries.push(entry(item, steps)?);
            }
        }
        Ok(Self { entries })
    }

    /// The outcome of `step` in the light of the list.
    pub(crate) fn judge(&self, step: &str, outcome: Outcome) -> Outcome {
        let mut ours = self.entries.iter().filter(|e| e.step == step);
        match outcome {
            Outcome::Skip { missing, reason } => {
                let allows = |e: &Entry| e.missing.as_deref().is_none_or(|tool| tool == missing);
                if ours.any(allows) {
                    Outcome::Skip { missing, reason }
                } else {
                    Outcome::Fail(format!(
                        "an unexpected skip ({reason}); where that is as it should be, \
                         xtask/expected-skips.toml says so"
                    ))
                }
            }
            Outcome::Pass if ours.any(|e| e.missing.is_none()) => Outcome::Fail(
                "ran after all, though xtask/expected-skips.toml expects a skip everywhere: \
                 take the entry out"
                    .to_owned(),
            ),
            other => other,
        }
    }
}

fn entry(item: &DeTable<'_>, steps: &[Step]) -> Result<Entry, String> {
    let step = string(item, "step").ok_or("an entry names no `step`")?;
    let why = string(item, "why").filter(|w| !w.trim().is_empty());
    why.ok_or_else(|| format!("the entry for `{step}` gives no `why`"))?;
    let row = steps.iter().find(|s| s.name == step);
    let row = row.ok_or_else(|| format!("there is no step `{step}`"))?;
    let missing = string(item, "missing");
    if let Some(tool) = &missing
        && !row.needs.iter().any(|t| t.name == tool)
    {
        return Err(format!("the step `{step}` does not ask for `{tool}`"));
    }
    Ok(Entry { step, missing })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [[skip]]
        step = "miri"
        missing = "miri"
        why = "not on every machine"
        [[skip]]
        step = "fmt"
        why = "a test"
    "#;

    fn skip(missing: &'static str) -> Outcome {
        let reason = "not there".to_owned();
        Outcome::Skip { missing, reason }
    }

    #[test]
    fn a_listed_skip_passes_and_only_for_its_reason() {
        let list = Expected::parse(LIST, STEPS).unwrap();
        assert_eq!(list.judge("miri", skip("miri")), skip("miri"));
        assert!(matches!(list.judge("miri", skip("asan")), Outcome::Fail(_)));
        assert!(matches!(
            list.judge("tsan", skip("build-std")),
            Outcome::Fail(_)
        ));
    }

    #[test]
    fn a_step_that_runs_after_all_fails_where_the_skip_was_unconditional() {
        let list = Expected::parse(LIST, STEPS).unwrap();
        assert_eq!(list.judge("miri", Outcome::Pass), Outcome::Pass);
        assert!(matches!(list.judge("fmt", Outcome::Pass), Outcome::Fail(_)));
        assert_eq!(list.judge("fmt", skip("rustfmt")), skip("rustfmt"));
        assert_eq!(list.judge("fmt", Outcome::Timeout), Outcome::Timeout);
    }

    #[test]
    fn an_entry_that_can_never_apply_is_an_error() {
        for bad in [
            "[[skip]]\nstep = \"no such step\"\nwhy = \"x\"\n",
            "[[skip]]\nstep = \"miri\"\nmissing = \"rustfmt\"\nwhy = \"x\"\n",
            "[[skip]]\nstep = \"miri\"\nmissing = \"miri\"\n",
            "[[skips]]\nstep = \"miri\"\nwhy = \"x\"\n",
            "[[skip]]\nwhy = \"x\"\n",
        ] {
            assert!(Expected::parse(bad, STEPS).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_committed_list_can_be_read() {
        Expected::read(&Tree::read().unwrap()).unwrap();
    }
}
