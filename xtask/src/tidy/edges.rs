//! Named ordering edges have two ends, and carry their crate's name.

use std::collections::BTreeMap;

use super::File;
use super::marks::{Mark, marks};

/// The short name of each crate, with which its edges and steps begin.
pub(super) const PREFIXES: [(&str, &str); 5] = [
    ("zc-core", "core."),
    ("zc-ring", "ring."),
    ("zc-channel", "channel."),
    ("zc-agent", "agent."),
    ("zc-diskcache", "cache."),
];

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut edges: BTreeMap<&str, Vec<Mark<'_>>> = BTreeMap::new();
    for mark in marks(files, "edge(") {
        problems.extend(misnamed(&mark));
        edges.entry(mark.name).or_default().push(mark);
    }
    for mark in marks(files, "seeded(") {
        problems.extend(misnamed(&mark));
    }
    for (name, ends) in edges {
        let place = &ends[0].place;
        // An order that is not spelled out (a parameter) can be either end.
        let releases = |m: &Mark<'_>| !["Acquire", "Relaxed"].contains(&m.order);
        let acquires = |m: &Mark<'_>| !["Release", "Relaxed"].contains(&m.order);
        // A read-modify-write that does both pairs with itself: the last one out sees the others.
        let alone = ends.len() < 2 && !["AcqRel", "SeqCst"].contains(&ends[0].order);
        if alone {
            problems.push(format!("{place}: the edge `{name}` has one end only"));
        } else if !ends.iter().any(releases) {
            problems.push(format!("{place}: the edge `{name}` has no releasing end"));
        } else if !ends.iter().any(acquires) {
            problems.push(format!("{place}: the edge `{name}` has no acquiring end"));
        }
    }
    problems
}

fn misnamed(mark: &Mark<'_>) -> Option<String> {
    let prefix = PREFIXES.iter().find(|(k, _)| Some(*k) == mark.krate)?.1;
    let good = mark.name.starts_with(prefix);
    (!good).then(|| {
        format!(
            "{}: `{}` does not start with `{prefix}`",
            mark.place, mark.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> Vec<String> {
        check(&[File::new("crates/zc-ring/src/a.rs", source)])
    }

    #[test]
    fn both_ends_of_an_edge_are_there() {
        let good = "x.store(1, edge(\"ring.publish\", Release));\n\
                    x.load(edge(\n    \"ring.publish\",\n    Ordering::Acquire,\n));";
        assert!(problems(good).is_empty(), "{:?}", problems(good));
        let lonely =
            "x.store(1, edge(\"ring.publish\", Release)); // edge(\"ring.publish\", Acquire)";
        assert!(problems(lonely)[0].contains("one end only"));
        let twins = "x.store(1, edge(\"ring.a\", Release)); y.store(1, edge(\"ring.a\", Release));";
        assert!(problems(twins)[0].contains("no acquiring end"));
        let twins = twins.replace("Release", "Acquire");
        assert!(problems(&twins)[0].contains("no releasing end"));
    }

    #[test]
    fn a_read_modify_write_and_a_parameter_can_be_either_end() {
        assert!(problems("edge(\"ring.a\", AcqRel); edge(\"ring.a\", AcqRel);").is_empty());
        assert!(problems("edge(\"ring.a\", Release); edge(\"ring.a\", order);").is_empty());
        assert!(problems("x.fetch_sub(1, edge(\"ring.a\", AcqRel)) == 1").is_empty());
    }

    #[test]
    fn names_start_with_the_crates_short_name() {
        let foreign = "edge(\"core.a\", Release); edge(\"core.a\", Acquire);";
        assert_eq!(problems(foreign).len(), 2);
        assert_eq!(problems("if !seeded(\"wake\") {}").len(), 1);
        assert!(problems("if !seeded(\"ring.wake\") {}").is_empty());
    }
}
