//! Things that must not be there at all.

use super::File;
use super::files::words;

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        problems.extend(machine_paths(file));
        if file.is_rust() {
            problems.extend(unfinished(file));
            problems.extend(ignored(file));
        }
        if file.is_library() && !file.is_sync_shim() {
            let fences = words(&file.code, "fence(");
            let what =
                "a stand-alone fence, which no sanitizer sees: order the accesses themselves";
            problems.extend(fences.map(|at| file.at(at, what)));
        }
    }
    problems
}

fn unfinished(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for name in ["todo", "unimplemented", "dbg"] {
        let call = format!("{name}!");
        let at = words(&file.code, &call).collect::<Vec<_>>();
        found.extend(at.into_iter().map(|at| file.at(at, &format!("`{call}`"))));
    }
    found
}

/// A test that does not run proves nothing, an example that is not compiled neither.
fn ignored(file: &File) -> Vec<String> {
    let squeezed = |at: usize| {
        let line = file.code[at..].lines().next().unwrap_or_default();
        line.split_whitespace().collect::<String>()
    };
    let attributes = words(&file.code, "ignore")
        .filter(|at| file.code[..*at].trim_end().ends_with(['[', ',']))
        .filter(|at| {
            let rest = squeezed(*at);
            ["ignore]", "ignore=", "ignore)"]
                .iter()
                .any(|end| rest.starts_with(end))
        })
        .map(|at| file.at(at, "an ignored test"));
    let mut found: Vec<String> = attributes.collect();
    for (i, line) in file.raw.lines().enumerate() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
        let fence = doc.and_then(|d| d.trim_start().strip_prefix("```"));
        if fence.is_some_and(|f| f.split(',').any(|w| w.trim().starts_with("ignore"))) {
            found.push(format!(
                "{}:{}: an example that is not compiled",
                file.path,
                i + 1
            ));
        }
    }
    found
}

/// Paths that only mean something on the machine where they were typed.
fn machine_paths(file: &File) -> Vec<String> {
    // Spelled in two parts, so that this file passes.
    let paths = [
        ("/wo", "rk/"),
        ("/tmp/", "wt"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
    ];
    let mut found = Vec::new();
    for (head, tail) in paths {
        let path = format!("{head}{tail}");
        for (at, _) in file.raw.match_indices(&path) {
            // `target/work/` and `https://host/work/` are no absolute paths.
            let before = file.raw[..at].chars().next_back();
            let inner = before.is_some_and(|c| super::mask::is_word(c) || "-.~}>".contains(c));
            if !inner {
                found.push(file.at(at, &format!("`{path}` is a path of one machine")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> usize {
        check(&[File::new("crates/zc-x/src/a.rs", source)]).len()
    }

    #[test]
    fn unfinished_code_is_seen() {
        assert_eq!(problems("fn f() { todo!() }"), 1);
        assert_eq!(problems("fn f() { unimplemented!(\"x\") }"), 1);
        assert_eq!(
            problems("// todo!()\nfn f() { \"todo!()\"; my_todo!(); }"),
            0
        );
    }

    #[test]
    fn ignored_tests_and_examples_are_seen() {
        assert_eq!(problems("#[test]\n#[ignore]\nfn f() {}"), 1);
        assert_eq!(problems("#[ignore = \"slow\"]\nfn f() {}"), 1);
        assert_eq!(problems("#[cfg_attr(miri, ignore)]\nfn f() {}"), 1);
        assert_eq!(problems("/// ```ignore\n/// x\n/// ```\nfn f() {}"), 1);
        assert_eq!(problems("//! ```rust,ignore\n//! ```\n"), 1);
        assert_eq!(
            problems("/// ```no_run\n/// ```\nfn ignore(ignore: u8) { g(a, ignore) }"),
            1
        );
        assert_eq!(
            problems("fn f() { [ignored]; x.ignore(); } // #[ignore]"),
            0
        );
    }

    #[test]
    fn a_stand_alone_fence_is_seen_outside_the_shim_only() {
        assert_eq!(problems("fn f() { fence(Ordering::SeqCst); }"), 1);
        assert_eq!(problems("fn f() { offence(x); store_load_barrier(); }"), 0);
        let shim = File::new(
            "crates/zc-core/src/sync/std.rs",
            "fn f() { fence(SeqCst); }",
        );
        assert!(check(&[shim]).is_empty());
    }

    #[test]
    fn paths_of_one_machine_are_seen() {
        let path = ["/ho", "me/me/x"].concat();
        let count = |text: &str| check(&[File::new("README.md", text)]).len();
        assert_eq!(count(&format!("see {path}")), 1);
        assert_eq!(count(&format!("`{path}`")), 1);
        assert_eq!(count(&format!("https://example.org{path}")), 0);
    }
}
