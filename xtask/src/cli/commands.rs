//! What there is to ask for.

use crate::step::Tier;

pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) args: &'static str,
    pub(super) about: &'static str,
    /// More than a line, for its own `--help`.
    pub(super) more: &'static str,
    pub(super) does: Does,
}

pub(super) enum Does {
    /// Runs every step of a tier.
    Set(Tier),
    /// Runs the steps of the lane of the same name.
    Lane,
    /// Runs one step, of whatever lane.
    Step,
    Bench,
    Demo,
    Tidy,
    Setup,
}

const CRATE: &str = "[CRATE] [--strict]";

pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        args: "[--list] [--explain] [--strict] [--fail-fast]",
        about: "every check that must hold",
        more: "--list       the steps, what each needs, and its budget\n\
               --explain    what stays unproved on this machine, and how to change that\n\
               --strict     a skipped step is a failed one\n\
               --fail-fast  end at the first failure",
        does: Does::Set(Tier::Ci),
    },
    Command {
        name: "verify",
        args: "[--list] [--explain] [--strict] [--fail-fast]",
        about: "`ci`, and the checks that take long",
        more: "Options as in `ci`.",
        does: Does::Set(Tier::Verify),
    },
    Command {
        name: "step",
        args: "NAME [CRATE] [--strict]",
        about: "one step of `verify`, as `cargo xtask verify --list` names it",
        more: "A name of two words may be one argument or two: `cargo xtask step demo smoke`.",
        does: Does::Step,
    },
    Command {
        name: "demo",
        args: "[ARGUMENTS]",
        about: "the whole path on real input, in release mode",
        more: "All arguments go to the facade's example `pipeline`; `cargo xtask demo -- --help` lists them.\n\
               Paths are relative to the folder that you call it from.",
        does: Does::Demo,
    },
    Command {
        name: "test",
        args: CRATE,
        about: "unit, integration and doc tests with default, no and all features",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "loom",
        args: CRATE,
        about: "the exhaustive models, then each of them on its seeded defects",
        more: "LOOM_MAX_PREEMPTIONS is 3 unless set.",
        does: Does::Lane,
    },
    Command {
        name: "shuttle",
        args: CRATE,
        about: "the random schedules, then each of them on its seeded defects",
        more: "SHUTTLE_ITERATIONS is 2000 unless set.",
        does: Does::Lane,
    },
    Command {
        name: "edges",
        args: CRATE,
        about: "each named ordering edge and step taken out, one by one",
        more: "Prints which test notices each; xtask/survivors.txt names those that none does.\n\
               The table is also in target/xtask/edges.txt.",
        does: Does::Lane,
    },
    Command {
        name: "miri",
        args: CRATE,
        about: "the unit tests of core, ring and channel under Miri",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "asan",
        args: CRATE,
        about: "the tests under AddressSanitizer",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "tsan",
        args: CRATE,
        about: "the tests under ThreadSanitizer, with the standard library instrumented",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "msan",
        args: CRATE,
        about: "the tests under MemorySanitizer, with the standard library instrumented",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "fuzz",
        args: "[--strict]",
        about: "what reads bytes from elsewhere, led by coverage",
        more: "ZC_FUZZ_SECONDS is 120 for each target unless set. The committed corpora are replayed by\n\
               `cargo test -p zc-fuzz`.",
        does: Does::Lane,
    },
    Command {
        name: "crash",
        args: CRATE,
        about: "the tests that kill processes, two thousand times each",
        more: "The cache's ten thousand times.",
        does: Does::Lane,
    },
    Command {
        name: "stress",
        args: CRATE,
        about: "every test program again and again, for ten minutes",
        more: "Three at a time on two processors; ZC_STRESS makes single tests longer. Then ten minutes of\n\
               eviction under held views.",
        does: Does::Lane,
    },
    Command {
        name: "coverage",
        args: CRATE,
        about: "which lines the tests run, with a gate on the concurrent modules",
        more: "target/coverage/lcov.info has it line by line.",
        does: Does::Lane,
    },
    Command {
        name: "mutants",
        args: CRATE,
        about: "mutation testing of one part of core, ring and channel",
        more: "ZC_MUTANTS_SHARD names the part, 0 to 23; without it, the day does.",
        does: Does::Lane,
    },
    Command {
        name: "instructions",
        args: CRATE,
        about: "how many instructions each hot path takes, against benches/instructions.toml",
        more: "ZC_BLESS=1 writes the file.",
        does: Does::Lane,
    },
    Command {
        name: "clippy",
        args: CRATE,
        about: "each crate alone with default, no and all features, warnings denied",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "docs",
        args: CRATE,
        about: "the documentation, with broken links denied",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "tidy",
        args: "[--bless]",
        about: "the rules that the tree is held to",
        more: "--bless  bring the table of docs/unsafe.md up to date; what people wrote in it stays",
        does: Does::Tidy,
    },
    Command {
        name: "bench",
        args: "[NAME [WORD…]] [--quick | --list | --build] | --collect [FOLDER…] | --report",
        about: "the benchmarks against their peers",
        more: "NAME       one of benches/benches; all of them without it, or with `all`\n\
               WORD       only the cells whose names contain every word\n\
               --quick    shorter repetitions: five minutes for all\n\
               --list     measure nothing: the names of the cells\n\
               --build    measure nothing: build, so that the next run measures at once\n\
               --collect  measure nothing: put the last results in their places in\n           \
                          benches/results.json, which is committed; FOLDER is another checkout\n           \
                          whose results count as well\n\
               --report   measure nothing: write docs/performance.md from that file\n\n\
               The results are also in target/xtask/bench/NAME.json; a run of some cells replaces\n\
               those and keeps the others.",
        does: Does::Bench,
    },
    Command {
        name: "setup",
        args: "[--check]",
        about: "install the optional tools, and print the versions of all",
        more: "--check  install nothing",
        does: Does::Setup,
    },
];
