//! What fuzzing has found once, and what the writers write, as plain tests; and mutations of both.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use zc_fuzz::mutate::Mutator;
use zc_fuzz::{TARGETS, Target};

/// Mutations of each target; `ZC_FUZZ_MUTATIONS` asks for more.
const MUTATIONS: u64 = 3000;

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|t| t.name == name).expect("a target")
}

/// Seeds, and the committed corpus.
fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let mut inputs = (target.seeds)();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    inputs.extend(files.iter().map(|path| fs::read(path).unwrap()));
    inputs
}

fn replay_and_mutate(name: &str) {
    let target = target(name);
    let inputs = inputs(target);
    for input in &inputs {
        (target.read)(input);
    }
    let mutations = std::env::var("ZC_FUZZ_MUTATIONS");
    let mutations = mutations.map_or(MUTATIONS, |n| n.parse().expect("a number"));
    let mut mutator = Mutator::new(1);
    for i in 0..mutations {
        let pick = |n: u64| &inputs[usize::try_from(n).unwrap() % inputs.len()];
        let bytes = mutator.mutate(pick(i), pick(i.wrapping_mul(31) + 7));
        if catch_unwind(|| (target.read)(&bytes)).is_err() {
            panic!("mutation {i} of {name}, {} bytes: {bytes:?}", bytes.len());
        }
    }
}

#[test]
fn blocks() {
    replay_and_mutate("block");
}

#[test]
fn cache_metadata() {
    replay_and_mutate("cache");
}

#[test]
fn shared_rings() {
    replay_and_mutate("shared");
}

/// The check can fail: the canary's death is seen.
#[test]
fn a_panic_is_noticed() {
    let target = target("canary");
    assert!(catch_unwind(|| (target.read)(b"dead")).is_err());
    assert!(catch_unwind(|| (target.read)(b"deaf")).is_ok());
}
