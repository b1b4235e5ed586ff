//! Installs the optional tools, and says what their absence costs.

use std::process::Command;

use crate::out::say;
use crate::step::Step;
use crate::tools::{self, Tool};

/// Installs what is missing, unless `check`; false when something is missing afterwards.
pub(crate) fn setup(check: bool) -> Result<bool, String> {
    let mut all = true;
    for tool in tools::ALL {
        match (tool.probe)() {
            Ok(version) => say!("{:<10} {version}", tool.name),
            Err(reason) if check || tool.get.is_empty() => {
                all = false;
                say!("{:<10} missing: {reason}", tool.name);
            }
            Err(_) => all &= install(tool)?,
        }
    }
    Ok(all)
}

fn install(tool: &Tool) -> Result<bool, String> {
    say!("{:<10} {}", tool.name, tool.get.join(" "));
    let mut words = tool.get.iter();
    let program = words.next().ok_or("nothing to run")?;
    let status = Command::new(program).args(words).status();
    let status = status.map_err(|e| format!("{program}: {e}"))?;
    match (tool.probe)() {
        Ok(version) => say!("{:<10} {version}", tool.name),
        Err(reason) => {
            say!("{:<10} still missing ({status}): {reason}", tool.name);
            return Ok(false);
        }
    }
    Ok(true)
}

/// For each step that this machine cannot run: what stays unproved, why, and how to change that.
pub(crate) fn explain(steps: &[&Step]) {
    let mut complete = true;
    for step in steps {
        for tool in step.needs {
            let Err(reason) = (tool.probe)() else {
                continue;
            };
            complete = false;
            say!("{}: unproved here: {}", step.name, step.proves);
            say!("    because: {reason}");
            if !tool.get.is_empty() {
                say!("    to have it: {}", tool.get.join(" "));
            }
        }
    }
    if complete {
        say!("every step can run on this machine");
    }
}
