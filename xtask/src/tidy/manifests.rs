//! The layers, and where versions stand.

use std::fs;

use crate::tree::{Manifest, Member, Tree};

/// Each crate and its floor. A crate may name crates of lower floors only.
const FLOORS: [(&str, u32); 6] = [
    ("zc-core", 0),
    ("zc-ring", 1),
    ("zc-channel", 1),
    ("zc-agent", 2),
    ("zc-diskcache", 2),
    ("zcbuf", 3),
];

/// Members that nothing may depend on.
const TOPS: [&str; 2] = ["xtask", "zc-benches"];

/// The crates that may need tokio to be used; tests and examples of all may.
const TOKIO: [&str; 2] = ["zc-agent", "zc-diskcache"];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    for member in &tree.crates {
        let path = format!("crates/{}/Cargo.toml", member.name);
        problems.extend(
            layers(&member.manifest)
                .into_iter()
                .map(|p| format!("{path}: {p}")),
        );
        problems.extend(
            inherits(&member.manifest)
                .into_iter()
                .map(|p| format!("{path}: {p}")),
        );
    }
    for name in ["xtask", "benches"] {
        let member = Member::read(&tree.root.join(name))?;
        let path = format!("{name}/Cargo.toml");
        problems.extend(
            inherits(&member.manifest)
                .into_iter()
                .map(|p| format!("{path}: {p}")),
        );
    }
    problems.extend(lockfile(tree)?);
    Ok(problems)
}

fn layers(manifest: &Manifest) -> Vec<String> {
    let floor = |name: &str| FLOORS.iter().find(|(n, _)| *n == name).map(|(_, f)| *f);
    let Some(ours) = floor(&manifest.name) else {
        return vec![format!(
            "`{}` has no floor in the architecture",
            manifest.name
        )];
    };
    let mut problems = Vec::new();
    for d in &manifest.dependencies {
        let name = d.name.as_str();
        if floor(name).is_some_and(|theirs| theirs >= ours) || TOPS.contains(&name) {
            problems.push(format!("`{name}` is not below `{}`", manifest.name));
        }
        if name == "tokio" && !d.dev && !TOKIO.contains(&manifest.name.as_str()) {
            problems.push(format!("tokio belongs to {} only", TOKIO.join(" and ")));
        }
    }
    problems
}

fn inherits(manifest: &Manifest) -> Vec<String> {
    let own = manifest.dependencies.iter().filter(|d| !d.inherited);
    let mut problems: Vec<String> = own
        .map(|d| {
            format!(
                "`{}` has a version or a place of its own: `workspace = true`",
                d.name
            )
        })
        .collect();
    if !manifest.linted {
        problems.push("neither inherits the workspace's lints nor forbids unsafe code".to_owned());
    }
    problems
}

fn lockfile(tree: &Tree) -> Result<Option<String>, String> {
    let path = tree.root.join(".gitignore");
    let ignored = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let hidden = ignored
        .lines()
        .any(|l| l.trim().trim_start_matches('/') == "Cargo.lock");
    let there = tree.root.join("Cargo.lock").is_file();
    Ok((hidden || !there).then(|| "Cargo.lock: it is part of the project".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, dependencies: &str) -> Manifest {
        let text = format!("[package]\nname = \"{name}\"\n{dependencies}");
        Manifest::parse(&text).unwrap()
    }

    #[test]
    fn layers_point_down() {
        let good = "[dependencies]\nzc-core = { workspace = true }\n";
        assert!(layers(&manifest("zc-ring", good)).is_empty());
        let sideways = "[dependencies]\nzc-channel = { workspace = true }\n";
        assert_eq!(layers(&manifest("zc-ring", sideways)).len(), 1);
        let up = "[dev-dependencies]\nzc-agent = { workspace = true }\n";
        assert_eq!(layers(&manifest("zc-core", up)).len(), 1);
        let top = "[dependencies]\nzc-benches = { workspace = true }\n";
        assert_eq!(layers(&manifest("zcbuf", top)).len(), 1);
        assert_eq!(
            layers(&manifest("zc-new", "")).len(),
            1,
            "a crate without a floor"
        );
    }

    #[test]
    fn tokio_stays_where_it_belongs() {
        let used = "[dependencies]\ntokio = { workspace = true, optional = true }\n";
        assert!(layers(&manifest("zc-agent", used)).is_empty());
        assert_eq!(layers(&manifest("zc-ring", used)).len(), 1);
        let tested = "[dev-dependencies]\ntokio = { workspace = true }\n";
        assert!(layers(&manifest("zc-ring", tested)).is_empty());
    }

    #[test]
    fn versions_stand_in_the_root_only() {
        let lints = "[lints]\nworkspace = true\n";
        let good = format!("{lints}[dependencies]\nbytes = {{ workspace = true }}\n");
        assert!(inherits(&manifest("zc-core", &good)).is_empty());
        for bad in [
            "bytes = \"1\"",
            "bytes = { version = \"1\" }",
            "bytes = { path = \"../bytes\" }",
        ] {
            let bad = format!("{lints}[dependencies]\n{bad}\n");
            assert_eq!(inherits(&manifest("zc-core", &bad)).len(), 1, "{bad}");
        }
        assert_eq!(
            inherits(&manifest("zc-core", "")).len(),
            1,
            "lints not inherited"
        );
    }
}
