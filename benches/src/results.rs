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
    /// Writes the file, and gives its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> io::Result<PathBuf> {
        let folder = root().join("target/xtask/bench");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.json", self.bench));
        let mut text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        text.push('\n');
        fs::write(&path, text)?;
        Ok(path)
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
    fn figures_are_ordered() {
        let figures = Figures::of(&mut [3.0, 1.0, 2.0]);
        assert_eq!((figures.min, figures.median, figures.max), (1.0, 2.0, 3.0));
    }
}
