//! How a bench was asked to run.

/// What to do with each cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nine repetitions of 200 ms.
    Full,
    /// Nine repetitions of 20 ms.
    Quick,
    /// A few operations once: it works, and what it delivers is right.
    Smoke,
    /// Its name only.
    List,
}

/// The command line of a bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) mode: Mode,
    /// What an earlier image of this process has measured already.
    pub(crate) resume: Option<String>,
    /// A cell runs when its name contains all of them.
    words: Vec<String>,
}

/// Goes before the path of the results so far.
pub(crate) const RESUME: &str = "--resume=";

impl Args {
    /// `--list`, `--test` (also without the `--bench` that cargo passes), `--quick`, and words that
    /// the cells' names must contain.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Self {
        let (flags, words): (Vec<String>, Vec<String>) = args.partition(|a| a.starts_with("--"));
        let has = |flag: &str| flags.iter().any(|a| a == flag);
        let mode = if has("--list") {
            Mode::List
        } else if has("--test") || !has("--bench") {
            Mode::Smoke
        } else if has("--quick") {
            Mode::Quick
        } else {
            Mode::Full
        };
        let resume = flags.iter().find_map(|flag| flag.strip_prefix(RESUME));
        Self {
            mode,
            resume: resume.map(str::to_owned),
            words,
        }
    }

    /// Whether the cell is asked for.
    pub(crate) fn wants(&self, cell: &str) -> bool {
        self.words.iter().all(|word| cell.contains(word.as_str()))
    }

    /// Whether some cells may be left out.
    pub(crate) fn filtered(&self) -> bool {
        !self.words.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Args {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn cargo_says_whether_this_is_a_test_or_a_bench() {
        assert_eq!(parse("").mode, Mode::Smoke);
        assert_eq!(parse("--bench --test").mode, Mode::Smoke);
        assert_eq!(parse("--bench").mode, Mode::Full);
        assert_eq!(parse("--bench --quick").mode, Mode::Quick);
        assert_eq!(parse("--bench --list").mode, Mode::List);
    }

    #[test]
    fn a_cell_is_wanted_when_its_name_contains_every_word() {
        let args = parse("--bench 4x4 async");
        assert!(args.filtered());
        assert!(args.wants("u64, 4x4, async, capacity 8"));
        assert!(!args.wants("u64, 4x4, capacity 8"));
        assert!(parse("--bench").wants("anything") && !parse("--bench").filtered());
    }
}
