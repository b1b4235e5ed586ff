//! Figures in prose are those of the committed benchmarks.
//!
//! Where a page says how fast something is, a comment names the cell it has that from:
//!
//! ```text
//! A row costs 2.4 ns <!-- figure: ring_throughput | 32-byte rows, capacity 1024 | ours --> to three consumers.
//! ```
//!
//! `ours` is our median, `ratio` how many times better than the best peer ours is, `limit` the bare
//! limit. `benches/results.json` must have the cell, and the number before the comment must be its
//! figure, rounded as it stands. A speed in `README.md` without such a comment is one that nobody
//! can check.

use super::File;

const PAGES: [&str; 2] = ["README.md", "docs/compare.md"];
const MARK: &str = "<!-- figure: ";
/// Units that only a measurement gives.
const UNITS: [&str; 5] = [" ns", " µs", "M/s", " GB/s", "× faster"];

pub(super) fn check(files: &[File]) -> Vec<String> {
    let results = files.iter().find(|f| f.path == "benches/results.json");
    let results = results.map_or("", |f| f.raw.as_str());
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| PAGES.contains(&f.path.as_str())) {
        for (i, line) in file.raw.lines().enumerate() {
            let at = |what: &str| format!("{}:{}: {what}", file.path, i + 1);
            let mut rest = line;
            let mut marked = false;
            while let Some((before, after)) = rest.split_once(MARK) {
                let (mark, after) = after.split_once("-->").unwrap_or((after, ""));
                problems.extend(wrong(before, mark.trim(), results).map(|what| at(&what)));
                (rest, marked) = (after, true);
            }
            let speed = |unit: &&str| {
                let number = |at: usize| line[..at].ends_with(|c: char| c.is_ascii_digit());
                line.match_indices(*unit).any(|(at, _)| number(at))
            };
            if file.path == "README.md" && !marked && UNITS.iter().any(speed) {
                problems.push(at("a figure without `<!-- figure: … -->`"));
            }
        }
    }
    problems
}

fn wrong(before: &str, mark: &str, results: &str) -> Option<String> {
    let words: Vec<&str> = mark.split('|').map(str::trim).collect();
    let [bench, cell, which] = words[..] else {
        return Some(format!(
            "`{mark}` is not `BENCH | CELL | ours, ratio or limit`"
        ));
    };
    let Some(figure) = figure(results, bench, cell, which) else {
        return Some(format!(
            "no `{which}` of `{cell}` in `{bench}` in benches/results.json"
        ));
    };
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let text = before
        .trim_end()
        .trim_end_matches(|c: char| !c.is_ascii_digit());
    let start = text.rfind(|c| !digits(c)).map_or(0, |i| {
        i + text[i..].chars().next().map_or(1, char::len_utf8)
    });
    let said = &text[start..];
    let decimals = said.split_once('.').map_or(0, |(_, d)| d.len());
    let is = format!("{figure:.decimals$}");
    (said != is).then(|| format!("`{said}` is {is} in benches/results.json"))
}

/// The committed figure. The file is written by the benches, one key a line, in a fixed order.
fn figure(results: &str, bench: &str, cell: &str, which: &str) -> Option<f64> {
    let start = results.find(&format!("\"bench\": \"{bench}\","))?;
    let results = &results[start..];
    let end = results[1..]
        .find("\"bench\": ")
        .map_or(results.len(), |i| i + 1);
    let results = &results[..end];
    let start = results.find(&format!("\"cell\": \"{cell}\","))?;
    let cell = &results[start..];
    let end = cell[1..].find("\"cell\": ").map_or(cell.len(), |i| i + 1);
    let cell = &cell[..end];
    let part = |from: &str, to: &str| {
        let start = cell.find(from)?;
        let end = cell[start..].find(to).map_or(cell.len(), |i| start + i);
        Some(&cell[start..end])
    };
    let medians = |text: &str| -> Vec<f64> {
        text.lines()
            .filter_map(|l| l.trim().strip_prefix("\"median\": "))
            .filter_map(|n| n.trim_end_matches(',').parse().ok())
            .collect()
    };
    let ours = *medians(part("\"ours\"", "\"peers\"")?).first()?;
    match which {
        "ours" => Some(ours),
        "limit" => medians(part("\"limit\"", "\"goal\"")?).first().copied(),
        "ratio" => {
            let peers = medians(part("\"peers\"", "\"limit\"")?);
            if cell.contains("\"better\": \"lower\"") {
                Some(peers.into_iter().reduce(f64::min)? / ours)
            } else {
                Some(ours / peers.into_iter().reduce(f64::max)?)
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULTS: &str = r#"[ { "bench": "b",
        "cells": [ {
          "cell": "c, 1",
          "unit": "ns/op",
          "better": "lower",
          "ours": {
            "median": 2.041,
            "min": 1.0
          },
          "peers": {
            "p": {
              "median": 4.082
            },
            "q": "hung"
          },
          "limit": null,
          "goal": null
        } ] } ]"#;

    fn problems(line: &str) -> Vec<String> {
        check(&[
            File::new("README.md", line),
            File::new("benches/results.json", RESULTS),
        ])
    }

    #[test]
    fn a_figure_is_the_committed_one_rounded_as_it_stands() {
        assert_eq!(
            problems("costs 2.04 ns <!-- figure: b | c, 1 | ours -->."),
            [""; 0]
        );
        assert_eq!(
            problems("is 2.0× faster <!-- figure: b | c, 1 | ratio -->"),
            [""; 0]
        );
        assert_eq!(
            problems("costs 2.1 ns <!-- figure: b | c, 1 | ours -->").len(),
            1
        );
        assert_eq!(
            problems("costs 2.0 ns <!-- figure: b | d | ours -->").len(),
            1
        );
        assert_eq!(
            problems("costs 2.0 ns <!-- figure: b | c, 1 | limit -->").len(),
            1
        );
        assert_eq!(problems("costs 2.0 ns <!-- figure: b -->").len(), 1);
    }

    #[test]
    fn a_speed_needs_its_source() {
        assert_eq!(problems("costs 7 ns").len(), 1);
        assert!(problems("a 64 B value").is_empty());
    }
}
