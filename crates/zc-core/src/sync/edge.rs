//! Named edges, and the seeded defects that prove a verification lane can see.

#[cfg(zc_seeded)]
use std::panic::Location;

use super::atomic::Ordering;

/// Names one end of the happens-before edge `name` and gives back `order` unchanged.
///
/// Built with `--cfg zc_seeded`, the end that the environment variable `ZC_SEEDED` names becomes
/// `Relaxed` instead: `name:Release` every releasing end, `name@src/file.rs:12` the one that is
/// written there, and `name:AcqRel=Release` leaves it that half.
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
#[track_caller]
pub fn edge(name: &'static str, order: Ordering) -> Ordering {
    match defect::wanted() {
        Some(defect) if defect.is_at(Location::caller(), name, Some(order)) => defect.weaker,
        _ => order,
    }
}

/// See the documentation of the normal build.
#[cfg(zc_seeded)]
#[must_use]
#[track_caller]
pub fn seeded(name: &'static str) -> bool {
    let here = Location::caller();
    defect::wanted().is_some_and(|defect| defect.is_at(here, name, None))
}

#[cfg(zc_seeded)]
mod defect {
    use std::sync::OnceLock;

    use super::{Location, Ordering};

    /// What `ZC_SEEDED` asks for: `NAME[:ORDER][@FILE:LINE][=WEAKER]`.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Defect<'a> {
        name: &'a str,
        /// Only the ends that are written with this ordering.
        order: Option<&'a str>,
        /// Only this call of `edge` or `seeded`.
        place: Option<(&'a str, u32)>,
        pub(super) weaker: Ordering,
    }

    impl<'a> Defect<'a> {
        /// `None` when the text is not of the form above.
        pub(super) fn parse(text: &'a str) -> Option<Self> {
            let (text, weaker) = match text.rsplit_once('=') {
                None => (text, Ordering::Relaxed),
                Some((text, "Release")) => (text, Ordering::Release),
                Some((text, "Acquire")) => (text, Ordering::Acquire),
                Some(_) => return None,
            };
            let (text, place) = match text.split_once('@') {
                None => (text, None),
                Some((text, place)) => {
                    let (file, line) = place.rsplit_once(':')?;
                    (text, Some((file, line.parse().ok()?)))
                }
            };
            let (name, order) = match text.split_once(':') {
                None => (text, None),
                Some((name, order)) => (name, Some(order)),
            };
            Some(Self {
                name,
                order,
                place,
                weaker,
            })
        }

        /// Whether the end of the edge that is written at `at`, or with no order the step there, is
        /// the one.
        pub(super) fn is_at(&self, at: &Location<'_>, name: &str, order: Option<Ordering>) -> bool {
            let here = |(file, line)| at.file().ends_with(file) && at.line() == line;
            // An edge is asked for by its order or its place, so that a step may have its name.
            let asked = match order {
                Some(order) => self.order.map_or(self.place.is_some(), |wanted| {
                    wanted == format!("{order:?}")
                }),
                None => self.order.is_none(),
            };
            asked && self.name == name && self.place.is_none_or(here)
        }
    }

    /// The defect of this process.
    ///
    /// # Panics
    /// When `ZC_SEEDED` is not of its form: a run that seeds nothing would prove nothing.
    pub(super) fn wanted() -> Option<&'static Defect<'static>> {
        static TEXT: OnceLock<Option<String>> = OnceLock::new();
        static WANTED: OnceLock<Option<Defect<'static>>> = OnceLock::new();
        let parsed = || {
            let text = TEXT.get_or_init(|| std::env::var("ZC_SEEDED").ok());
            let text = text.as_deref()?;
            let Some(defect) = Defect::parse(text) else {
                panic!("ZC_SEEDED is `{text}`, not NAME[:ORDER][@FILE:LINE][=WEAKER]")
            };
            Some(defect)
        };
        WANTED.get_or_init(parsed).as_ref()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[track_caller]
        fn is_at(text: &str, order: Option<Ordering>) -> bool {
            let defect = Defect::parse(text).unwrap();
            defect.is_at(Location::caller(), "core.x", order)
        }

        #[test]
        fn a_defect_is_one_end_everywhere_or_in_one_place() {
            let release = Some(Ordering::Release);
            assert!(is_at("core.x:Release", release));
            assert!(!is_at("core.x:Acquire", release));
            assert!(!is_at("core.y:Release", release));
            let here = format!("core.x@sync/edge.rs:{}", line!() + 1);
            assert!(is_at(&here, release));
            assert!(!is_at(&here, release), "another line");
        }

        #[test]
        fn a_step_is_no_edge_of_its_name() {
            assert!(is_at("core.x", None));
            assert!(!is_at("core.x", Some(Ordering::Release)));
            assert!(!is_at("core.x:Release", None));
        }

        #[test]
        fn half_an_edge_can_stay() {
            let weaker = |text| Defect::parse(text).map(|d| d.weaker);
            assert_eq!(weaker("a.b"), Some(Ordering::Relaxed));
            assert_eq!(weaker("a.b:AcqRel=Acquire"), Some(Ordering::Acquire));
            assert_eq!(weaker("a.b=SeqCst"), None);
            assert_eq!(weaker("a.b@here"), None);
        }
    }
}
