//! One picture a bench: how many times better than the best peer each cell is.

use std::fmt::Write as _;

use crate::results::Results;

const ROW: usize = 22;
const LEFT: usize = 330;
const WIDTH: usize = 420;
/// Ratios beyond this are drawn at the border.
const MOST: f64 = 8.0;

/// An SVG with a bar a cell, on a logarithmic scale around 1; `None` without any peer.
#[must_use]
pub fn ratios(results: &Results) -> Option<String> {
    let cells: Vec<(&str, f64)> = results
        .cells
        .iter()
        .filter_map(|c| Some((c.cell.as_str(), c.ratio_to(c.best_peer()?.1)?)))
        .collect();
    if cells.is_empty() {
        return None;
    }
    let height = (cells.len() + 2) * ROW;
    let width = LEFT + WIDTH + 60;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (mark, text) in [
        (0.25, "¼×"),
        (0.5, "½×"),
        (1.0, "1×"),
        (2.0, "2×"),
        (4.0, "4×"),
    ] {
        let x = place(mark);
        let shade = if mark == 1.0 { "#333" } else { "#ccc" };
        // Writing into a String cannot fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.0}\" y1=\"{ROW}\" x2=\"{x:.0}\" y2=\"{height}\" stroke=\"{shade}\"/>\
             <text x=\"{x:.0}\" y=\"15\" text-anchor=\"middle\">{text}</text>"
        );
    }
    for (i, (name, ratio)) in cells.iter().enumerate() {
        let y = (i + 1) * ROW + 4;
        let (from, to) = (place(1.0).min(place(*ratio)), place(1.0).max(place(*ratio)));
        let colour = if *ratio >= 1.0 { "#2a7f4f" } else { "#b5482f" };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{from:.0}\" y=\"{y}\" width=\"{:.0}\" height=\"14\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"{}\">{ratio:.2}×</text>",
            LEFT - 10,
            y + 11,
            escaped(name),
            to - from,
            to + 6.0,
            y + 11,
        );
    }
    svg += "</svg>\n";
    Some(svg)
}

/// Where a ratio lies, from an eighth at the left to eight times at the right.
#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn place(ratio: f64) -> f64 {
    let share = (ratio.clamp(1.0 / MOST, MOST).log2() / MOST.log2() + 1.0) / 2.0;
    LEFT as f64 + share * WIDTH as f64
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::results::{Figures, Measured, Result};

    fn results(peers: BTreeMap<String, Measured>) -> Results {
        let figures = |median| {
            Measured::Figures(Figures {
                median,
                min: median,
                max: median,
            })
        };
        Results {
            bench: "b".to_owned(),
            machine: "m".to_owned(),
            date: "2026-01-01".to_owned(),
            quick: false,
            cells: vec![Result {
                cell: "a<b".to_owned(),
                unit: "ns/op".to_owned(),
                better: "lower".to_owned(),
                ours: figures(4.0),
                peers,
                limit: None,
                goal: None,
            }],
        }
    }

    #[test]
    fn a_cell_behind_its_peer_is_drawn_as_one() {
        let peer = Measured::Figures(Figures {
            median: 2.0,
            min: 2.0,
            max: 2.0,
        });
        let svg = ratios(&results(BTreeMap::from([("p".to_owned(), peer)]))).unwrap();
        assert!(svg.contains("0.50×") && svg.contains("#b5482f") && svg.contains("a&lt;b"));
    }

    #[test]
    fn without_a_peer_there_is_no_picture() {
        assert_eq!(ratios(&results(BTreeMap::new())), None);
    }

    #[test]
    fn the_scale_is_symmetric_and_has_ends() {
        assert!((place(2.0) + place(0.5) - 2.0 * place(1.0)).abs() < 1e-9);
        assert!((place(100.0) - place(8.0)).abs() < 1e-9);
    }
}
