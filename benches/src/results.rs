//! What a bench leaves in `target/xtask/bench/NAME.json`, and reports and gates read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// The results of one bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Its name.
    pub bench: String,
    /// Processor and number of cores.
    pub machine: String,
    /// The day, as `2026-11-25`.
    pub date: String,
    /// Whether the repetitions were short ones.
    pub quick: bool,
    /// In the order in which they ran.
    pub cells: Vec<Result>,
}

/// The results of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Result {
    /// Its name, which says capacity, batch, sizes and threads.
    pub cell: String,
    /// `ns/op` or `GB/s`.
    pub unit: String,
    /// `lower` or `higher`.
    pub better: String,
    /// Our figures.
    pub ours: Measured,
    /// The peers' figures.
    pub peers: BTreeMap<String, Measured>,
    /// The bare limit of the machine.
    pub limit: Option<Measured>,
    /// The figure that is wanted.
    pub goal: Option<f64>,
}

/// Figures, or what a contestant did instead of delivering any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Measured {
    /// It worked.
    Figures(Figures),
    /// It hung, panicked, or lost a value.
    Failed(String),
}

/// Over the repetitions of one contestant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The middle one.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Figures {
    /// Sorts `figures`, of which there is at least one.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(figures: &mut [f64]) -> Self {
        figures.sort_by(f64::total_cmp);
        Self {
            median: figures[figures.len() / 2],
            min: figures[0],
            max: figures[figures.len() - 1],
        }
    }
}

impl Results {
    /// Whether the cell `name` is among them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.cells.iter().any(|c| c.cell == name)
    }

    /// Writes them where [`resume`](Self::resume) finds them, and says where that is.
    pub(crate) fn keep(&self) -> io::Result<String> {
        let name = format!("zcbuf-bench-{}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, serde_json::to_vec(self)?)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Reads, and removes, what [`keep`](Self::keep) wrote.
    pub(crate) fn resume(path: &str) -> Option<Self> {
        let results = serde_json::from_slice(&fs::read(path).ok()?).ok();
        fs::remove_file(path).ok()?;
        results
    }
}

impl Measured {
    /// The median, if there are figures.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        match self {
            Self::Figures(figures) => Some(figures.median),
            Self::Failed(_) => None,
        }
    }
}

impl Result {
    /// The best peer that delivered figures.
    #[must_use]
    pub fn best_peer(&self) -> Option<(&str, f64)> {
        let worked = self
            .peers
            .iter()
            .filter_map(|(n, m)| Some((n.as_str(), m.median()?)));
        if self.better == "lower" {
            worked.min_by(|a, b| a.1.total_cmp(&b.1))
        } else {
            worked.max_by(|a, b| a.1.total_cmp(&b.1))
        }
    }

    /// How many times better than `other` we are: 2.0 is twice as fast, 0.5 half as fast.
    #[must_use]
    pub fn ratio_to(&self, other: f64) -> Option<f64> {
        let ours = self.ours.median()?;
        Some(if self.better == "lower" {
            other / ours
        } else {
            ours / other
        })
    }

    /// The peers without figures, and why.
    pub fn failed_peers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.peers
            .iter()
            .filter_map(|(name, measured)| match measured {
                Measured::Figures(_) => None,
                Measured::Failed(why) => Some((name.as_str(), why.as_str())),
            })
    }
}

impl Results {
    /// Writes the file, and gives a line about it. A run of `some` cells only keeps what an earlier
    /// run of the same kind found in the others.
    ///
    /// # Errors
    /// When it cannot be written, or a run of some cells meets results that it does not fit.
    pub fn write(mut self, some: bool) -> io::Result<String> {
        let folder = root().join("target/xtask/bench");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.json", self.bench));
        let mut kept = 0;
        if some && let Ok(text) = fs::read_to_string(&path) {
            let older: Self = serde_json::from_str(&text).map_err(io::Error::other)?;
            if (&older.machine, older.quick) != (&self.machine, self.quick) {
                let why = "not written: the results there come from another kind of run";
                return Ok(format!("{why} ({})", path.display()));
            }
            kept = self.fill_from(older);
        }
        let mut text = serde_json::to_string_pretty(&self).map_err(io::Error::other)?;
        text.push('\n');
        fs::write(&path, text)?;
        let kept = if kept > 0 {
            format!(", where {kept} cells stay as they were")
        } else {
            String::new()
        };
        Ok(format!("written to {}{kept}", path.display()))
    }

    /// Takes the cells that this run has not over from `older`, in whose order they come out; gives
    /// their number.
    fn fill_from(&mut self, older: Self) -> usize {
        let mut fresh = std::mem::take(&mut self.cells);
        let mut kept = 0;
        for old in older.cells {
            match fresh.iter().position(|f| f.cell == old.cell) {
                Some(at) => self.cells.push(fresh.remove(at)),
                None => {
                    kept += 1;
                    self.cells.push(old);
                }
            }
        }
        self.cells.extend(fresh);
        kept
    }
}

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or(here.clone(), Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"bench":"b","machine":"m","date":"2026-01-01","quick":false,"cells":[
        {"cell":"c","unit":"ns/op","better":"lower","ours":{"median":2.0,"min":1.0,"max":3.0},
         "peers":{"x":{"median":4.0,"min":1.0,"max":3.0},"y":"hung: no end after 60 s"},
         "limit":null,"goal":1.5}]}"#;

    #[test]
    fn the_file_reads_as_it_was_written() {
        let results: Results = serde_json::from_str(TEXT).unwrap();
        let again = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&again).unwrap(), results);
        let cell = &results.cells[0];
        assert_eq!(cell.best_peer(), Some(("x", 4.0)));
        assert_eq!(cell.ratio_to(4.0), Some(2.0));
        assert_eq!(
            cell.failed_peers().collect::<Vec<_>>(),
            [("y", "hung: no end after 60 s")]
        );
    }

    #[test]
    fn higher_is_better_where_the_cell_says_so() {
        let mut cell = serde_json::from_str::<Results>(TEXT)
            .unwrap()
            .cells
            .remove(0);
        cell.better = "higher".to_owned();
        assert_eq!(cell.ratio_to(4.0), Some(0.5));
    }

    #[test]
    fn a_run_of_some_cells_replaces_those_and_keeps_the_rest_in_order() {
        let named = |names: &[&str], goal: f64| {
            let mut results = serde_json::from_str::<Results>(TEXT).unwrap();
            let cell = results.cells.remove(0);
            let cells = names.iter().map(|name| Result {
                cell: (*name).to_owned(),
                goal: Some(goal),
                ..cell.clone()
            });
            results.cells = cells.collect();
            results
        };
        let mut fresh = named(&["d", "b"], 2.0);
        assert_eq!(fresh.fill_from(named(&["a", "b", "c"], 1.0)), 2);
        let seen = fresh.cells.iter().map(|c| (c.cell.as_str(), c.goal));
        let seen: Vec<_> = seen.map(|(name, goal)| (name, goal.unwrap())).collect();
        assert_eq!(seen, [("a", 1.0), ("b", 2.0), ("c", 1.0), ("d", 2.0)]);
    }

    #[test]
    fn figures_are_ordered() {
        let figures = Figures::of(&mut [3.0, 1.0, 2.0]);
        assert_eq!((figures.min, figures.median, figures.max), (1.0, 2.0, 3.0));
    }
}
