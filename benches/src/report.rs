//! `docs/performance.md`, from the committed results.
//!
//! `benches/results.json` holds the results of one run of every bench on one machine. It is made
//! from the files that the benches write, and committed by hand: what is published is what was
//! looked at.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::plot;
use crate::results::{Measured, Result as Cell, Results, root};

/// The committed results.
#[must_use]
pub fn committed() -> PathBuf {
    root().join("benches/results.json")
}

/// The published page.
#[must_use]
pub fn page() -> PathBuf {
    root().join("docs/performance.md")
}

/// Puts the results of the last runs in their place in the committed file; what was not run again
/// stays. `folders` are other checkouts on this machine whose results count as well, the later
/// before the earlier.
///
/// # Errors
/// When there is none, or the file would then hold results of different machines.
pub fn collect(folders: &[PathBuf]) -> Result<String, String> {
    let mut all = if committed().exists() {
        read()?
    } else {
        Vec::new()
    };
    let mut notes = String::new();
    let mut taken = 0;
    for checkout in std::iter::once(&root()).chain(folders) {
        for one in of_checkout(checkout)? {
            if one.quick {
                // Writing into a String cannot fail.
                let _ = writeln!(notes, "{}: a quick run, left out", one.bench);
                continue;
            }
            taken += 1;
            all.retain(|r| r.bench != one.bench);
            all.push(one);
        }
    }
    if taken == 0 {
        return Err(format!(
            "{notes}there are no results to collect; run the benches"
        ));
    }
    all.sort_by(|a, b| a.bench.cmp(&b.bench));
    publishable(&all)?;
    let mut text = serde_json::to_string_pretty(&all).map_err(|e| e.to_string())?;
    text.push('\n');
    fs::write(committed(), text).map_err(|e| e.to_string())?;
    let path = committed();
    Ok(format!(
        "{notes}{taken} of {} benches are new in {}",
        all.len(),
        path.display()
    ))
}

/// What the benches wrote in one checkout, in order of their names.
fn of_checkout(checkout: &Path) -> Result<Vec<Results>, String> {
    let folder = checkout.join("target/xtask/bench");
    let mut all = Vec::new();
    if !folder.is_dir() {
        return Ok(all);
    }
    let broken = |path: &Path, e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    for entry in fs::read_dir(&folder).map_err(|e| broken(&folder, &e))? {
        let path = entry.map_err(|e| broken(&folder, &e))?.path();
        let text = fs::read_to_string(&path).map_err(|e| broken(&path, &e))?;
        let one: Results = serde_json::from_str(&text).map_err(|e| broken(&path, &e))?;
        all.push(one);
    }
    all.sort_by(|a, b| a.bench.cmp(&b.bench));
    Ok(all)
}

fn publishable(all: &[Results]) -> Result<(), String> {
    let first = all.first().ok_or("there are no results; run the benches")?;
    if let Some(quick) = all.iter().find(|r| r.quick) {
        return Err(format!(
            "{} was a quick run, which is not published",
            quick.bench
        ));
    }
    match all.iter().find(|r| r.machine != first.machine) {
        Some(other) => Err(format!(
            "{} ran on {}, {} on {}",
            first.bench, first.machine, other.bench, other.machine
        )),
        None => Ok(()),
    }
}

/// Reads the committed results.
///
/// # Errors
/// When they are not there or cannot be read.
pub fn read() -> Result<Vec<Results>, String> {
    let path = committed();
    let text = fs::read_to_string(&path);
    let text = text.map_err(|e| format!("{}: {e}; nothing is committed yet", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Writes the page and its pictures; gives a line about it.
///
/// # Errors
/// When there are no committed results, or a file cannot be written.
pub fn publish() -> Result<String, String> {
    let all = read()?;
    let text = |e: std::io::Error| e.to_string();
    fs::write(page(), render(&all)).map_err(text)?;
    let folder = page().with_extension("");
    fs::create_dir_all(&folder).map_err(text)?;
    for results in &all {
        if let Some(svg) = plot::ratios(results) {
            fs::write(folder.join(format!("{}.svg", results.bench)), svg).map_err(text)?;
        }
    }
    Ok(format!("{} written", page().display()))
}

/// The page. Every cell is in it, those where a peer is ahead too.
#[must_use]
pub fn render(all: &[Results]) -> String {
    let mut page = String::from(
        "# Performance\n\n\
         Written by `cargo xtask bench --report` from `benches/results.json`; do not edit. Every\n\
         contestant did the same work in the same process, interleaved, and checked every value.\n\
         A figure is the median of nine repetitions; the ratio says how many times better than the\n\
         best peer ours is (below 1 the peer is ahead), the last column the same against the bare\n\
         limit of the machine.\n",
    );
    for results in all {
        // Writing into a String cannot fail.
        let _ = write!(
            page,
            "\n## {}\n\n{}, {}\n\n",
            results.bench, results.machine, results.date
        );
        if plot::ratios(results).is_some() {
            let _ = write!(
                page,
                "![times better than the best peer](performance/{0}.svg)\n\n",
                results.bench
            );
        }
        page += "| cell | unit | ours (min … max) | best peer | ratio | other peers | goal | limit | to limit |\n";
        page += "|---|---|--:|---|--:|---|--:|--:|--:|\n";
        for cell in &results.cells {
            page += &row(cell);
        }
    }
    page
}

fn row(cell: &Cell) -> String {
    let best = cell.best_peer();
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"));
    let others: Vec<String> = cell
        .peers
        .iter()
        .filter(|(name, _)| Some(name.as_str()) != best.map(|b| b.0))
        .map(|(name, measured)| format!("{name} {}", figure(measured)))
        .collect();
    let limit = cell.limit.as_ref().and_then(Measured::median);
    let ours = match &cell.ours {
        Measured::Figures(f) => format!("{:.2} ({:.2} … {:.2})", f.median, f.min, f.max),
        Measured::Failed(why) => why.clone(),
    };
    format!(
        "| {} | {} | {ours} | {} | {} | {} | {} | {} | {} |\n",
        cell.cell,
        cell.unit,
        best.map_or_else(|| "-".to_owned(), |(n, v)| format!("{n} {v:.2}")),
        number(best.and_then(|b| cell.ratio_to(b.1))),
        if others.is_empty() {
            "-".to_owned()
        } else {
            others.join(", ")
        },
        number(cell.goal),
        number(limit),
        number(limit.and_then(|l| cell.ratio_to(l))),
    )
}

fn figure(measured: &Measured) -> String {
    match measured {
        Measured::Figures(f) => format!("{:.2}", f.median),
        Measured::Failed(why) => format!("({why})"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::results::Figures;

    fn results(quick: bool, machine: &str) -> Results {
        let figures = |median| {
            Measured::Figures(Figures {
                median,
                min: 1.0,
                max: 9.0,
            })
        };
        let peers = BTreeMap::from([
            ("slow".to_owned(), figures(8.0)),
            ("fast".to_owned(), figures(2.0)),
            (
                "lost".to_owned(),
                Measured::Failed("lost 1 value".to_owned()),
            ),
        ]);
        let cell = Cell {
            cell: "1x1".to_owned(),
            unit: "ns/op".to_owned(),
            better: "lower".to_owned(),
            ours: figures(4.0),
            peers,
            limit: Some(figures(1.0)),
            goal: Some(3.0),
        };
        Results {
            bench: "b".to_owned(),
            machine: machine.to_owned(),
            date: "2026-01-01".to_owned(),
            quick,
            cells: vec![cell],
        }
    }

    #[test]
    fn a_cell_that_is_lost_and_a_peer_that_failed_are_in_the_table() {
        let page = render(&[results(false, "m")]);
        let row = "| 1x1 | ns/op | 4.00 (1.00 … 9.00) | fast 2.00 | 0.50 | \
                   lost (lost 1 value), slow 8.00 | 3.00 | 1.00 | 0.25 |";
        assert!(page.contains(row), "{page}");
    }

    #[test]
    fn quick_runs_and_mixed_machines_are_not_published() {
        assert!(publishable(&[]).is_err());
        assert!(publishable(&[results(true, "m")]).is_err());
        assert!(publishable(&[results(false, "m"), results(false, "n")]).is_err());
        assert!(publishable(&[results(false, "m")]).is_ok());
    }

    #[test]
    fn the_page_is_what_the_committed_results_make() {
        if !committed().exists() {
            assert!(
                !page().exists(),
                "figures are published that no committed run shows"
            );
            return;
        }
        let published = fs::read_to_string(page()).unwrap();
        assert_eq!(
            published,
            render(&read().unwrap()),
            "run `cargo xtask bench --report`"
        );
    }
}
