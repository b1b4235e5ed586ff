//! Relative links in Markdown lead somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use super::File;

pub(super) fn check(files: &[File], root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| f.path.ends_with(".md")) {
        for (line, target) in links(&file.raw) {
            if let Some(what) = broken(file, &target, files, root) {
                problems.push(format!("{}:{line}: {what}", file.path));
            }
        }
    }
    problems
}

fn broken(file: &File, target: &str, files: &[File], root: &Path) -> Option<String> {
    let elsewhere = target.contains("://") || target.starts_with("mailto:");
    if elsewhere || target.is_empty() {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let full = if path.is_empty() {
        file.path.clone()
    } else {
        resolve(&file.path, path)?
    };
    if !root.join(&full).exists() && !files.iter().any(|f| f.path == full) {
        return Some(format!("`{target}` leads nowhere"));
    }
    let page = files
        .iter()
        .find(|f| f.path == full && full.ends_with(".md"))?;
    let missing = !anchor.is_empty() && !anchors(&page.raw).contains(anchor);
    missing.then(|| format!("`{target}`: no such heading"))
}

/// `path` as seen from the folder of `from`, from the root; `None` when it leaves the project,
/// where nothing can be said of it.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The lines of a page that are not code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(i, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((i + 1, line))
    })
}

/// The targets of all links, with the lines they stand in.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // What stands between backticks is code: every second piece.
        let line: String = line.split('`').step_by(2).collect::<Vec<_>>().join("` `");
        for (at, _) in line.match_indices("](") {
            let rest = line[at + 2..].trim_start();
            let target = match rest.strip_prefix('<') {
                Some(inner) => inner.split('>').next(),
                None => rest.split([')', ' ']).next(),
            };
            found.extend(target.map(|t| (number, t.to_owned())));
        }
        let definition = line
            .trim_start()
            .strip_prefix('[')
            .and_then(|l| l.split_once("]: "));
        if let Some((label, target)) = definition
            && !label.contains(']')
        {
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((number, target.to_owned()));
        }
    }
    found
}

/// The anchors that the headings of a page make.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    headings
        .map(|h| slug(h.trim_start_matches('#').trim()))
        .collect()
}

fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> usize {
        let files = [
            File::new("docs/a.md", text),
            File::new("docs/b.md", "# One `Two`, three\n"),
            File::new("README.md", ""),
        ];
        check(&files, Path::new("/nonexistent")).len()
    }

    #[test]
    fn links_that_lead_nowhere_are_seen() {
        assert_eq!(problems("[x](c.md)"), 1);
        assert_eq!(problems("[x](../docs/c.md) [y](b.md#four)"), 2);
        assert_eq!(problems("[x][y]\n\n[y]: c.md\n"), 1);
        assert_eq!(problems("[x](#nowhere)"), 1);
    }

    #[test]
    fn good_links_foreign_links_and_code_are_left_alone() {
        assert_eq!(
            problems("[x](b.md) [y](../README.md \"title\") [z](b.md#one-two-three)"),
            0
        );
        assert_eq!(problems("[x](https://example.org/c.md) [y](mailto:a@b)"), 0);
        assert_eq!(problems("`[x](c.md)`\n```\n[x](c.md)\n```\n"), 0);
        assert_eq!(problems("# Here\n[x](#here) [y](../../outside/x.md)"), 0);
    }
}
