//! What a bench prints.

#![expect(clippy::print_stdout, reason = "benches talk to their user")]

use crate::results::{Measured, Result, Results};

pub(crate) fn line(text: &str) {
    println!("{text}");
}

pub(crate) fn head(results: &Results) {
    println!(
        "\n{} on {}, {}",
        results.bench, results.machine, results.date
    );
    println!(
        "{:<40} {:>26}  {:<28} {:>7} {:>9}",
        "cell", "ours: median (min … max)", "best peer", "ratio", "to limit"
    );
}

/// The ratio is how many times better than the best peer ours is.
pub(crate) fn row(cell: &Result) {
    let ours = match &cell.ours {
        Measured::Figures(f) => {
            format!(
                "{:.2} ({:.2} … {:.2}) {}",
                f.median, f.min, f.max, cell.unit
            )
        }
        Measured::Failed(why) => why.clone(),
    };
    let best = cell.best_peer();
    let name = best.map_or_else(|| "none".to_owned(), |(n, v)| format!("{n} {v:.2}"));
    let ratio = |other: Option<f64>| {
        let ratio = other.and_then(|o| cell.ratio_to(o));
        ratio.map_or_else(|| "-".to_owned(), |r| format!("{r:.2}×"))
    };
    let limit = cell.limit.as_ref().and_then(Measured::median);
    println!(
        "{:<40} {ours:>26}  {name:<28} {:>7} {:>9}",
        cell.cell,
        ratio(best.map(|b| b.1)),
        ratio(limit)
    );
    for (name, why) in cell.failed_peers() {
        println!("{:<40} {name}: {why}", "");
    }
}
