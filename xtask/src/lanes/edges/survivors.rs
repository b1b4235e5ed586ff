//! `survivors.txt`: the defects that no test notices, and why that is so.
//!
//! ```text
//! core.poison:Release crates/zc-core/src/shared/lock.rs | equivalent: the lock's own edge covers it
//! ```
//!
//! The reason begins with its kind, one of [`KINDS`]: a gap is work to do, and counted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Defect;

const PATH: &str = "xtask/survivors.txt";

/// What a reason begins with.
const KINDS: [&str; 3] = ["equivalent", "unseen", "gap"];

/// The committed list: key and reason.
#[derive(Debug, Default)]
pub(super) struct Survivors(BTreeMap<String, String>);

impl Survivors {
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(root.join(PATH)).map_err(|e| format!("{PATH}: {e}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut known = BTreeMap::new();
        for (i, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, why) = line.split_once('|').unwrap_or((line, ""));
            let (kind, reason) = why.trim().split_once(':').unwrap_or((why, ""));
            if !KINDS.contains(&kind) || reason.trim().is_empty() {
                let kinds = KINDS.join(", ");
                let what = format!("expected `END FILE | KIND: reason`; kinds are {kinds}");
                return Err(format!("{PATH}:{}: {what}", i + 1));
            }
            known.insert(key.trim().to_owned(), why.trim().to_owned());
        }
        Ok(Self(known))
    }

    /// What the list says of a survivor.
    pub(super) fn kind(&self, defect: &Defect) -> &str {
        let why = self.0.get(&defect.key());
        why.and_then(|w| w.split(':').next())
            .unwrap_or("not listed")
    }

    /// What does not agree with the list, where `left` are those of `defects` that survived.
    /// `whole` when `defects` are all there are.
    pub(super) fn judge(&self, defects: &[Defect], left: &[Defect], whole: bool) -> Vec<String> {
        let mut problems = Vec::new();
        for defect in left.iter().filter(|d| !self.0.contains_key(&d.key())) {
            let (key, line) = (defect.key(), &defect.line);
            problems.push(format!(
                "no test notices {key}:{line} becoming {}",
                defect.becomes
            ));
        }
        for key in self.0.keys() {
            let is_it = |d: &&Defect| d.key() == *key;
            let tried = defects.iter().any(|d| is_it(&d));
            if tried && !left.iter().any(|d| is_it(&d)) {
                problems.push(format!("{PATH}: {key} is caught: take the line out"));
            } else if whole && !tried {
                problems.push(format!("{PATH}: there is no {key}"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defect(name: &str) -> Defect {
        Defect {
            krate: "zc-ring".to_owned(),
            name: name.to_owned(),
            order: "Release".to_owned(),
            becomes: "Relaxed",
            file: "a.rs".to_owned(),
            line: "7".to_owned(),
        }
    }

    #[test]
    fn an_unknown_survivor_and_a_line_that_is_not_true_are_problems() {
        let known =
            Survivors::parse("# why\n\nring.a:Release a.rs | equivalent: nobody needs it\n")
                .unwrap();
        let (a, b) = (defect("ring.a"), defect("ring.b"));
        let all = [a.clone(), b.clone()];
        assert!(known.judge(&all, std::slice::from_ref(&a), true).is_empty());
        assert_eq!(known.judge(&all, &[a, b], true).len(), 1, "b is not known");
        assert_eq!(known.judge(&all, &[], true).len(), 1, "a is caught");
        let other = [defect("ring.b")];
        assert!(
            known.judge(&other, &[], false).is_empty(),
            "not of this run"
        );
        assert_eq!(known.judge(&other, &[], true).len(), 1, "there is no a");
    }

    #[test]
    fn every_line_gives_a_reason() {
        assert!(Survivors::parse("ring.a:Release a.rs\n").is_err());
        assert!(Survivors::parse("ring.a:Release a.rs | gap: \n").is_err());
        assert!(Survivors::parse("ring.a:Release a.rs | because: x\n").is_err());
    }
}
