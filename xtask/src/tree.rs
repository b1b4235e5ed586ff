//! The workspace as it lies on disk: its crates, their manifests, their features.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Everything the steps need to know about the tree.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// The crates of `crates/`, in order of their names.
    pub(crate) crates: Vec<Member>,
}

/// One member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) manifest: Manifest,
}

/// What the checks read of a `Cargo.toml`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    /// Feature name and what it turns on, `default` among them.
    pub(crate) features: Vec<(String, Vec<String>)>,
    pub(crate) dependencies: Vec<Dependency>,
    /// `[lints] workspace = true`, or lints of its own that forbid unsafe code: cargo allows no
    /// addition to inherited ones.
    pub(crate) linted: bool,
}

/// One line of a dependency table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
    pub(crate) optional: bool,
    /// `workspace = true`, and nothing that names a version or a place.
    pub(crate) inherited: bool,
}

/// Which features a command turns on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Features {
    Default,
    None,
    All,
}

impl Features {
    /// The flags that cargo takes for it.
    pub(crate) fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Default => &[],
            Self::None => &["--no-default-features"],
            Self::All => &["--all-features"],
        }
    }
}

impl Tree {
    /// Reads the workspace that this program was built from.
    pub(crate) fn read() -> Result<Self, String> {
        // Cargo sets the variable at run time as well, which holds in a moved or copied checkout.
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here
            .parent()
            .ok_or("xtask has no folder above it")?
            .to_path_buf();
        Self::at(root)
    }

    /// Reads the workspace at `root`.
    pub(crate) fn at(root: PathBuf) -> Result<Self, String> {
        let mut crates = Vec::new();
        let folder = root.join("crates");
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries {
            let dir = entry
                .map_err(|e| format!("{}: {e}", folder.display()))?
                .path();
            if dir.join("Cargo.toml").is_file() {
                crates.push(Member::read(&dir)?);
            }
        }
        crates.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { root, crates })
    }

    /// The member `name`, or an error that lists the members.
    pub(crate) fn member(&self, name: &str) -> Result<&Member, String> {
        self.crates.iter().find(|m| m.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.crates.iter().map(|m| m.name.as_str()).collect();
            format!("no crate `{name}` here; there are {}", names.join(", "))
        })
    }

    /// Where logs, the report and benchmark results go.
    pub(crate) fn output(&self) -> PathBuf {
        self.root.join("target/xtask")
    }
}

impl Member {
    pub(crate) fn read(dir: &Path) -> Result<Self, String> {
        let path = dir.join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let manifest = Manifest::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self {
            name: manifest.name.clone(),
            dir: dir.to_path_buf(),
            manifest,
        })
    }

    /// Whether the integration test `name` exists, as a file or as a folder.
    pub(crate) fn has_test(&self, name: &str) -> bool {
        self.test_file(name).is_some()
    }

    /// The root file of the integration test `name`.
    pub(crate) fn test_file(&self, name: &str) -> Option<PathBuf> {
        [format!("tests/{name}.rs"), format!("tests/{name}/main.rs")]
            .iter()
            .map(|f| self.dir.join(f))
            .find(|f| f.is_file())
    }

    /// Whether `features` turns on anything else than the default set does: where it does not,
    /// building it once more proves nothing.
    pub(crate) fn differs_from_default(&self, features: Features) -> bool {
        let default = self.manifest.enabled(Features::Default);
        features != Features::Default && self.manifest.enabled(features) != default
    }
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document = DeTable::parse(text).map_err(|e| e.to_string())?;
        let root = document.get_ref();
        let mut manifest = Self {
            name: table(root, "package")
                .and_then(|p| string(p, "name"))
                .ok_or("no [package] name")?,
            linted: table(root, "lints").is_some_and(|l| {
                let rust = table(l, "rust").and_then(|r| string(r, "unsafe_code"));
                truth(l, "workspace") || rust.as_deref() == Some("forbid")
            }),
            ..Self::default()
        };
        for (name, value) in table(root, "features").into_iter().flatten() {
            let on = strings(value.get_ref());
            manifest.features.push((name.get_ref().to_string(), on));
        }
        manifest.read_dependencies(root);
        for (_, target) in table(root, "target").into_iter().flatten() {
            if let DeValue::Table(target) = target.get_ref() {
                manifest.read_dependencies(target);
            }
        }
        Ok(manifest)
    }

    /// The features that a selection turns on, optional dependencies included.
    fn enabled(&self, features: Features) -> BTreeSet<String> {
        let mut on = BTreeSet::new();
        match features {
            Features::None => {}
            Features::Default => self.close_over("default", &mut on),
            Features::All => {
                for (name, _) in &self.features {
                    self.close_over(name, &mut on);
                }
                for d in self.dependencies.iter().filter(|d| d.optional) {
                    on.insert(d.name.clone());
                }
            }
        }
        on.remove("default");
        on
    }

    fn close_over(&self, name: &str, on: &mut BTreeSet<String>) {
        if !on.insert(name.trim_start_matches("dep:").to_owned()) {
            return;
        }
        let turned_on = self.features.iter().filter(|(n, _)| n == name);
        for next in turned_on.flat_map(|(_, list)| list) {
            self.close_over(next, on);
        }
    }

    fn read_dependencies(&mut self, root: &DeTable<'_>) {
        for (section, dev) in [
            ("dependencies", false),
            ("build-dependencies", false),
            ("dev-dependencies", true),
        ] {
            for (name, value) in table(root, section).into_iter().flatten() {
                let details = match value.get_ref() {
                    DeValue::Table(details) => Some(details),
                    _ => None,
                };
                let own = ["version", "path", "git"];
                self.dependencies.push(Dependency {
                    name: name.get_ref().to_string(),
                    dev,
                    optional: details.is_some_and(|d| truth(d, "optional")),
                    inherited: details.is_some_and(|d| {
                        truth(d, "workspace") && own.iter().all(|key| d.get(*key).is_none())
                    }),
                });
            }
        }
    }
}

/// The table at `key`, if there is one.
pub(crate) fn table<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t DeTable<'i>> {
    match table.get(key).map(Spanned::get_ref) {
        Some(DeValue::Table(found)) => Some(found),
        _ => None,
    }
}

/// The string at `key`, if there is one.
pub(crate) fn string(table: &DeTable<'_>, key: &str) -> Option<String> {
    match table.get(key).map(Spanned::get_ref) {
        Some(DeValue::String(found)) => Some(found.to_string()),
        _ => None,
    }
}

fn truth(table: &DeTable<'_>, key: &str) -> bool {
    matches!(
        table.get(key).map(Spanned::get_ref),
        Some(DeValue::Boolean(true))
    )
}

fn strings(value: &DeValue<'_>) -> Vec<String> {
    let DeValue::Array(values) = value else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for value in values.iter() {
        if let DeValue::String(s) = value.get_ref() {
            found.push(s.to_string());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [package]
        name = "zc-x"
        [features]
        default = ["bytes"]
        bytes = ["dep:bytes"]
        ledger = []
        [dependencies]
        bytes = { workspace = true, optional = true }
        libc = "0.2"
        [target.'cfg(zc_loom)'.dependencies]
        loom = { workspace = true, version = "0.7" }
        [dev-dependencies]
        proptest = { workspace = true }
        [lints]
        workspace = true
    "#;

    #[test]
    fn a_manifest_gives_its_name_features_and_dependencies() {
        let m = Manifest::parse(MANIFEST).unwrap();
        assert_eq!(m.name, "zc-x");
        assert!(m.linted);
        let by_name = |n: &str| m.dependencies.iter().find(|d| d.name == n).unwrap();
        assert!(by_name("bytes").inherited && by_name("bytes").optional);
        assert!(!by_name("libc").inherited, "a version of its own");
        assert!(
            !by_name("loom").inherited,
            "a version beside workspace = true"
        );
        assert!(by_name("proptest").dev);
    }

    #[test]
    fn equal_feature_sets_are_seen_as_equal() {
        let member = |text: &str| Member {
            name: "x".into(),
            dir: PathBuf::new(),
            manifest: Manifest::parse(text).unwrap(),
        };
        let full = member(MANIFEST);
        assert!(full.differs_from_default(Features::None));
        assert!(full.differs_from_default(Features::All));
        assert!(!full.differs_from_default(Features::Default));
        let bare = member("[package]\nname = \"x\"\n");
        assert!(!bare.differs_from_default(Features::None));
        assert!(!bare.differs_from_default(Features::All));
    }

    #[test]
    fn a_manifest_without_a_name_is_an_error() {
        assert!(Manifest::parse("[features]\n").is_err());
    }
}
