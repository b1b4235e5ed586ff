//! Real atomics, cells, locks and threads are named in the sync shim only.
//!
//! clippy's `disallowed_types` sees types; this rule also sees modules and functions
//! (`std::thread::spawn`), and the model checkers' own paths.
//! Unit tests (`#[cfg(test)]`, `tests.rs`) may use threads of the standard library, and so may
//! items that no model contains (`#[cfg(… not(any(zc_loom, zc_shuttle)) …)]`).

use super::File;
use super::files::words;

/// Paths, and what to write instead.
const FORBIDDEN: [(&str, &str); 8] = [
    ("std::sync::atomic", "zc_core::sync::atomic"),
    ("std::thread", "zc_core::sync::thread"),
    ("std::cell::UnsafeCell", "zc_core::sync::cell::UnsafeCell"),
    ("std::sync::Mutex", "zc_core::sync::Mutex"),
    ("std::sync::Condvar", "zc_core::sync::Condvar"),
    ("std::sync::RwLock", "zc_core::sync::Mutex"),
    ("loom", "zc_core::sync"),
    ("shuttle", "zc_core::sync"),
];

/// Questions that no other thread takes part in.
const HARMLESS: [&str; 2] = [
    "std::thread::panicking",
    "std::thread::available_parallelism",
];

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| f.is_library() && !f.is_sync_shim()) {
        if file.path.ends_with("/tests.rs") || file.path.contains("/tests/") {
            continue;
        }
        let code = without_tests(&file.code);
        for (at, path) in paths(&code) {
            if let Some((_, instead)) = forbidden(&path) {
                problems.push(file.at(at, &format!("`{path}`: write `{instead}`")));
            }
        }
    }
    problems.dedup();
    problems
}

fn forbidden(path: &str) -> Option<&'static (&'static str, &'static str)> {
    let path = path.trim_start_matches("::").replacen("core::", "std::", 1);
    if HARMLESS.contains(&path.as_str()) {
        return None;
    }
    FORBIDDEN.iter().find(|(bad, _)| {
        let rest = path.strip_prefix(bad);
        rest.is_some_and(|r| r.starts_with("::") || (r.is_empty() && bad.contains("::")))
    })
}

/// Every path in the code: those that stand there, and those that a `use` spells in braces.
fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut uses = Vec::new();
    for at in words(code, "use") {
        let Some(end) = code[at..].find(';') else {
            continue;
        };
        uses.push(at..at + end);
        let tree: String = code[at + 3..at + end].split_whitespace().collect();
        expand("", &tree, &mut |path| found.push((at, path.to_owned())));
    }
    for root in ["std", "core", "loom", "shuttle"] {
        let starts = words(code, root).filter(|at| {
            let outer = code[..*at].strip_suffix("::");
            outer.is_none_or(|o| !o.ends_with(super::mask::is_word))
        });
        for at in starts.filter(|at| !uses.iter().any(|u| u.contains(at))) {
            let path: String = code[at..]
                .chars()
                .take_while(|c| super::mask::is_word(*c) || *c == ':')
                .collect();
            found.push((at, path.trim_end_matches(':').to_owned()));
        }
    }
    found
}

/// Calls `each` with every path of a use tree that has no spaces.
fn expand(prefix: &str, tree: &str, each: &mut impl FnMut(&str)) {
    let Some(open) = tree.find('{') else {
        each(&format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let inner = tree[open + 1..]
        .strip_suffix('}')
        .unwrap_or(&tree[open + 1..]);
    let (mut depth, mut from) = (0, 0);
    for (i, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &inner[from..i], each);
                from = i + 1;
            }
            _ => {}
        }
    }
    if from < inner.len() {
        expand(&prefix, &inner[from..], each);
    }
}

/// The code with every item blanked that is for tests only, or in no model.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(at) = out[from..].find("#[cfg(").map(|i| from + i) {
        let Some(line_end) = out[at..].find(")]").map(|i| at + i + 2) else {
            break;
        };
        let condition: String = out[at + 6..line_end - 2].split_whitespace().collect();
        from = line_end;
        let exempt = condition == "test"
            || condition.starts_with("all(test")
            || condition.contains("not(any(zc_loom,zc_shuttle)");
        if exempt {
            let to = line_end + item(&out[line_end..]);
            let blank: String = out[at..to]
                .bytes()
                .map(|b| if b == b'\n' { '\n' } else { ' ' })
                .collect();
            out.replace_range(at..to, &blank);
            from = to;
        }
    }
    out
}

/// The length of the item that starts here: up to its `;` or its closing brace.
fn item(code: &str) -> usize {
    let mut depth = 0;
    for (i, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return i + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return i + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> usize {
        check(&[File::new("crates/zc-x/src/a.rs", source)]).len()
    }

    #[test]
    fn real_primitives_are_seen_however_they_are_spelled() {
        for bad in [
            "use std::sync::atomic::AtomicU8;",
            "use std::sync::{Arc, atomic::{AtomicU8, Ordering}};",
            "use core::sync::atomic;",
            "use std::{io, thread};",
            "fn f() { std::thread::spawn(|| ()); }",
            "fn f() { ::std::thread::sleep(d) }",
            "use std::cell::{Cell, UnsafeCell};",
            "use std::sync::Mutex;",
            "use loom::sync::Arc;",
            "#[cfg(debug_assertions)]\nmod x { use std::thread; }",
            "#[cfg(zc_shuttle)]\nfn f() { shuttle::check_random(|| (), 1) }",
        ] {
            assert!(problems(bad) > 0, "{bad}");
        }
    }

    #[test]
    fn the_shim_its_names_and_unit_tests_are_fine() {
        for good in [
            "use zc_core::sync::{atomic::AtomicU8, thread};",
            "use std::sync::{Arc, OnceLock, Weak};",
            "use std::cell::Cell;",
            "fn f() { my_std::thread::x(); a::std::thread::y() }",
            "// std::thread::spawn\nfn f() { \"std::thread\"; }",
            "#[cfg(test)]\nmod tests { use std::thread; fn f() { thread::spawn(|| {}); } }\n",
            "#[cfg(all(test, not(zc_loom)))]\nmod tests { use std::thread; }\n",
            "#[cfg(zc_loom)]\nfn f() {}",
            "#[cfg(all(debug_assertions, not(any(zc_loom, zc_shuttle))))]\nmod x { use std::thread; }",
            "fn f() -> bool { std::thread::panicking() }",
        ] {
            assert_eq!(problems(good), 0, "{good}");
        }
        let after = "#[cfg(test)]\nmod tests { fn f() { {} } }\nuse std::thread;\n";
        assert_eq!(problems(after), 1, "what follows the tests is seen");
        let shim = File::new("crates/zc-core/src/sync/std.rs", "use std::thread;");
        assert!(check(&[shim]).is_empty());
    }
}
