//! libFuzzer on the target that `ZC_FUZZ_TARGET` names; `cargo xtask fuzz` builds and runs it.

#![no_main]

use std::sync::OnceLock;

use zc_fuzz::{TARGETS, Target};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (target().read)(bytes));

fn target() -> &'static Target {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("ZC_FUZZ_TARGET").unwrap_or_default();
        let target = TARGETS.iter().find(|t| t.name == name);
        target.unwrap_or_else(|| panic!("ZC_FUZZ_TARGET is `{name}`, which is no target"))
    })
}
