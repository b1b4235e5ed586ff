//! Named edges, and the seeded defects that prove a verification lane can see.

use super::atomic::Ordering;

/// Names one end of the happens-before edge `name` and gives back `order` unchanged.
///
/// Built with `--cfg zc_seeded`, the end that the environment variable `ZC_SEEDED` names (as
/// `name:Release`, `name:Acquire`, …) becomes `Relaxed` instead.
#[cfg(not(zc_seeded))]
#[inline(always)]
#[must_use]
pub const fn edge(name: &'static str, order: Ordering) -> Ordering {
    let _ = name;
    order
}

/// True where the step `name` is the defect under test: the caller then leaves the step out.
/// Always false, and gone from the code, without `--cfg zc_seeded`.
#[cfg(not(zc_seeded))]
#[inline(always)]
#[must_use]
pub const fn seeded(name: &'static str) -> bool {
    let _ = name;
    false
}

/// See the documentation of the normal build.
#[cfg(zc_seeded)]
#[must_use]
pub fn edge(name: &'static str, order: Ordering) -> Ordering {
    match wanted().and_then(|w| w.rsplit_once(':')) {
        Some((n, o)) if n == name && o == format!("{order:?}") => Ordering::Relaxed,
        _ => order,
    }
}

/// See the documentation of the normal build.
#[cfg(zc_seeded)]
#[must_use]
pub fn seeded(name: &'static str) -> bool {
    wanted() == Some(name)
}

#[cfg(zc_seeded)]
fn wanted() -> Option<&'static str> {
    static WANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    WANTED
        .get_or_init(|| std::env::var("ZC_SEEDED").ok())
        .as_deref()
}
