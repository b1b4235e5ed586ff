//! What a run leaves: a line a step, the closing block, and `target/xtask/report.json`.

use std::fmt::Write as _;
use std::fs;
use std::io;

use crate::out::say;
use crate::step::{Done, Outcome, Tier};
use crate::tree::Tree;

/// A failed step's output is shown up to this many lines from its end; the log has all of it.
const SHOWN: usize = 300;

/// The report names so many commands of a step.
const NAMED: usize = 20;

/// Prints what became of one step.
pub(crate) fn line(done: &Done) {
    let seconds = done.wall.as_secs_f64();
    let tests = if done.tests > 0 {
        format!("{:>6} tests", done.tests)
    } else {
        String::new()
    };
    say!(
        "{:>7} {:<18} {seconds:>7.1} s {tests}",
        done.outcome.word(),
        done.step
    );
    for line in done.found.lines() {
        say!("        {line}");
    }
    match &done.outcome {
        Outcome::Pass => {}
        Outcome::Skip { reason, .. } => {
            say!("        SKIPPED: {reason}");
            say!("        unproved: {}", done.proves);
        }
        Outcome::Fail(why) => {
            show_output(&done.output);
            say!("        FAILED: {why}");
        }
        Outcome::Timeout => {
            show_output(&done.output);
            say!("        KILLED at its budget of {} s", done.budget);
            say!(
                "        last command: {}",
                done.commands.last().map_or("none", |c| c)
            );
        }
    }
}

fn show_output(output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    let from = lines.len().saturating_sub(SHOWN);
    if from > 0 {
        say!("        | … {from} lines before; all of them in target/xtask/logs");
    }
    for line in &lines[from..] {
        say!("        | {line}");
    }
}

/// Prints the closing block, which ends with the line that wrappers read; true when nothing
/// failed and every step was reached.
pub(crate) fn close(done: &[Done], planned: usize, interrupted: bool) -> bool {
    let of = |wanted: fn(&Outcome) -> bool| done.iter().filter(move |d| wanted(&d.outcome));
    let skipped = of(|o| matches!(o, Outcome::Skip { .. }));
    let failed = of(|o| matches!(o, Outcome::Fail(_) | Outcome::Timeout));
    say!("");
    for d in skipped.clone() {
        if let Outcome::Skip { reason, .. } = &d.outcome {
            say!("skipped  {}: {reason}; unproved: {}", d.step, d.proves);
        }
    }
    for d in failed.clone() {
        say!("{:<8} {}", d.outcome.word().to_lowercase(), d.step);
    }
    if interrupted {
        say!(
            "interrupted: {} of {planned} steps were reached",
            done.len()
        );
    } else if done.len() < planned {
        say!("stopped: {} of {planned} steps were reached", done.len());
    }
    let seconds: f64 = done.iter().map(|d| d.wall.as_secs_f64()).sum();
    say!("{seconds:.0} s; report: target/xtask/report.json");
    let passed = of(|o| *o == Outcome::Pass).count();
    let (failed, skipped) = (failed.count(), skipped.count());
    say!("xtask: {passed} passed, {failed} failed, {skipped} skipped");
    failed == 0 && done.len() == planned
}

/// Writes `target/xtask/report.json`.
pub(crate) fn write(tree: &Tree, command: &str, done: &[Done]) -> io::Result<()> {
    fs::create_dir_all(tree.output())?;
    fs::write(tree.output().join("report.json"), json(command, done))
}

fn json(command: &str, done: &[Done]) -> String {
    let steps: Vec<String> = done.iter().map(step).collect();
    format!(
        "{{\n  \"command\": {},\n  \"steps\": [\n{}\n  ]\n}}\n",
        string(command),
        steps.join(",\n")
    )
}

fn step(done: &Done) -> String {
    let reason = match &done.outcome {
        Outcome::Pass | Outcome::Timeout => "",
        Outcome::Fail(why) => why,
        Outcome::Skip { reason, .. } => reason,
    };
    let tier = match done.tier {
        Tier::Ci => "ci",
        Tier::Verify => "verify",
    };
    format!(
        "    {{ \"step\": {}, \"tier\": \"{tier}\", \"command\": {}, \"seconds\": {:.3}, \
         \"cpu_seconds\": {:.3}, \"budget\": {}, \"tests\": {}, \"outcome\": \"{}\", \
         \"reason\": {}, \"proves\": {} }}",
        string(done.step),
        string(&commands(&done.commands)),
        done.wall.as_secs_f64(),
        done.cpu.as_secs_f64(),
        done.budget,
        done.tests,
        done.outcome.word(),
        string(reason),
        string(done.proves),
    )
}

/// The commands of a step as one line; a lane that runs thousands is told by its first ones.
fn commands(all: &[String]) -> String {
    let shown = all.len().min(NAMED);
    let line = all[..shown].join(" && ");
    match all.len() - shown {
        0 => line,
        more => format!("{line} && … {more} more"),
    }
}

/// A JSON string.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if u32::from(c) < 0x20 => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn done(outcome: Outcome) -> Done {
        Done {
            step: "loom",
            tier: Tier::Ci,
            proves: "edges",
            outcome,
            commands: vec!["a".into(), "b \"c\"".into()],
            output: String::new(),
            found: String::new(),
            tests: 3,
            wall: Duration::from_millis(1500),
            cpu: Duration::from_secs(2),
            budget: 60,
        }
    }

    #[test]
    fn the_report_names_step_command_seconds_and_outcome() {
        let text = json(
            "ci",
            &[done(Outcome::Timeout), done(Outcome::Fail("x\ny".into()))],
        );
        assert!(text.contains(r#""step": "loom""#));
        assert!(text.contains(r#""command": "a && b \"c\"""#));
        assert!(text.contains(r#""seconds": 1.500"#));
        assert!(text.contains(r#""outcome": "TIMEOUT""#));
        assert!(text.contains(r#""reason": "x\ny""#));
    }

    #[test]
    fn a_step_of_many_commands_is_told_by_its_first_ones() {
        let many = vec!["x".to_owned(); 22];
        assert!(commands(&many).ends_with("x && … 2 more"));
        assert_eq!(commands(&many[..2]), "x && x");
    }

    #[test]
    fn only_a_full_run_without_failures_is_good() {
        assert!(close(&[done(Outcome::Pass)], 1, false));
        assert!(
            !close(&[done(Outcome::Pass)], 2, false),
            "a step was not reached"
        );
        assert!(!close(&[done(Outcome::Timeout)], 1, false));
        let skip = Outcome::Skip {
            missing: "miri",
            reason: "none".into(),
        };
        assert!(close(&[done(skip)], 1, false));
    }
}
