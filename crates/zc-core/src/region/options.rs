//! Which pages an anonymous region is made of.

use std::io;

use super::mapping::{Mapping, page_size};
use super::{Backing, Region};
use crate::error::RegionError;

/// The size of a huge page on x86-64 and on AArch64 with 4 KiB pages.
const HUGE: usize = 2 << 20;

/// How an anonymous region gets its pages. The default is small pages, each when it is first
/// touched.
///
/// ```
/// use zc_core::region::{HugePages, RegionOptions};
///
/// let options = RegionOptions::new().huge_pages(HugePages::Advised).populate(true);
/// let region = options.anonymous(16 << 20)?;
/// assert_eq!(region.as_ptr().addr().get() % (2 << 20), 0);
/// # Ok::<(), zc_core::error::RegionError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionOptions {
    huge: HugePages,
    populate: bool,
}

/// Whether to use huge pages, of which a fault brings in hundreds of times as much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HugePages {
    /// Small pages, unless the system is set to use huge ones everywhere.
    #[default]
    Off,
    /// Transparent huge pages where the system has some: the region starts at a multiple of 2 MiB
    /// (if it is at least that long), and the system is advised. Where it cannot follow, the pages
    /// are small. Needs no configuration; touching 16 MiB takes about a quarter of the time.
    Advised,
    /// Pages of exactly this many bytes (a power of two) out of the system's reserve, or an error.
    /// The length is rounded up to whole pages. Linux only.
    Explicit {
        /// Bytes of a page, such as `2 << 20`.
        page: usize,
    },
}

impl RegionOptions {
    /// The default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Which pages to use.
    #[must_use]
    pub fn huge_pages(mut self, huge: HugePages) -> Self {
        self.huge = huge;
        self
    }

    /// Whether all pages are there from the start, so that no later access faults.
    #[must_use]
    pub fn populate(mut self, populate: bool) -> Self {
        self.populate = populate;
        self
    }

    /// What every length is a multiple of.
    pub(super) fn granule(&self) -> usize {
        match self.huge {
            HugePages::Explicit { page } => page.max(1),
            _ => page_size(),
        }
    }

    /// A zero-filled region of `len` bytes, or of the next whole number of explicit huge pages.
    ///
    /// # Errors
    /// [`RegionError::Layout`] if `len` is 0 or above `isize::MAX`, or a huge page's size no power of
    /// two; [`RegionError::HugePages`] if explicit huge pages are asked for and not there;
    /// [`RegionError::Map`] with the system's reason if it refuses.
    pub fn anonymous(&self, len: usize) -> Result<Region, RegionError> {
        let mapping = match self.huge {
            HugePages::Off => Mapping::anonymous(len, page_size(), 0)?,
            HugePages::Advised => advised(len)?,
            HugePages::Explicit { page } => explicit(len, page)?,
        };
        if self.populate {
            populate(&mapping)?;
        }
        let (ptr, len) = mapping.into_raw();
        Ok(Region::new(ptr, len, Backing::Anonymous))
    }
}

fn advised(len: usize) -> Result<Mapping, RegionError> {
    let align = if len >= HUGE { HUGE } else { page_size() };
    let mapping = Mapping::anonymous(len, align, 0)?;
    #[cfg(target_os = "linux")]
    match mapping.advise(libc::MADV_HUGEPAGE) {
        // A kernel without transparent huge pages does not know the advice: small ones, then.
        Err(source) if source.kind() != io::ErrorKind::InvalidInput => {
            return Err(RegionError::Map { len, source });
        }
        _ => {}
    }
    Ok(mapping)
}

#[cfg(target_os = "linux")]
fn explicit(len: usize, page: usize) -> Result<Mapping, RegionError> {
    let layout = RegionError::Layout { len, align: page };
    if !page.is_power_of_two() || page < page_size() {
        return Err(layout);
    }
    // Also what it must be unmapped with: a length that is no multiple of the page is refused there.
    let Some(whole) = len.checked_next_multiple_of(page) else {
        return Err(layout);
    };
    let size = i32::try_from(page.trailing_zeros()).unwrap_or(i32::MAX) << libc::MAP_HUGE_SHIFT;
    match Mapping::anonymous(whole, page_size(), libc::MAP_HUGETLB | size) {
        Err(RegionError::Map { source, .. }) => Err(RegionError::HugePages { len, page, source }),
        other => other,
    }
}

#[cfg(not(target_os = "linux"))]
fn explicit(_: usize, _: usize) -> Result<Mapping, RegionError> {
    Err(RegionError::Unsupported {
        what: "explicit huge pages",
    })
}

/// Brings all pages in.
fn populate(mapping: &Mapping) -> Result<(), RegionError> {
    #[cfg(target_os = "linux")]
    match mapping.advise(libc::MADV_POPULATE_WRITE) {
        Ok(()) => return Ok(()),
        // A kernel before 5.14 does not know the advice.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
        Err(source) => {
            let len = mapping.len();
            return Err(RegionError::Map { len, source });
        }
    }
    for offset in (0..mapping.len()).step_by(page_size()) {
        // SAFETY: inside of the mapping.
        let byte = unsafe { mapping.as_ptr().add(offset) };
        // SAFETY: mapped writable, not shared yet, and zero: writing zero changes nothing.
        unsafe { byte.write_volatile(0) };
    }
    Ok(())
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn advised_regions_are_aligned_zeroed_and_of_the_length_asked_for() {
        for populate in [false, true] {
            let options = RegionOptions::new().huge_pages(HugePages::Advised);
            let mut region = options.populate(populate).anonymous((4 << 20) + 5).unwrap();
            assert_eq!(region.len(), (4 << 20) + 5);
            assert_eq!(region.as_ptr().addr().get() % HUGE, 0);
            assert!(region.as_slice().iter().all(|&b| b == 0));
            region.as_mut_slice().fill(1);
        }
        let small = RegionOptions::new().huge_pages(HugePages::Advised);
        assert_eq!(small.anonymous(100).unwrap().len(), 100);
    }

    #[test]
    fn lengths_near_the_maximum_are_refused() {
        let kinds = [
            HugePages::Off,
            HugePages::Advised,
            HugePages::Explicit { page: HUGE },
        ];
        for huge in kinds {
            let options = RegionOptions::new().huge_pages(huge).populate(true);
            for len in [usize::MAX, isize::MAX as usize, isize::MAX as usize + 1] {
                let error = options.anonymous(len).unwrap_err();
                let refused = matches!(
                    error,
                    RegionError::Layout { .. }
                        | RegionError::Map { .. }
                        | RegionError::HugePages { .. }
                );
                assert!(refused, "{huge:?} {len}: {error}");
            }
            assert!(options.anonymous(0).is_err());
        }
    }

    /// With or without a reserve of huge pages: whole pages, or an error that says what is missing.
    #[cfg(target_os = "linux")]
    #[test]
    fn explicit_huge_pages_are_there_or_clearly_refused() {
        let of = |page| RegionOptions::new().huge_pages(HugePages::Explicit { page });
        match of(HUGE).anonymous(3 << 20) {
            Ok(region) => assert_eq!(region.len(), 4 << 20),
            Err(error @ RegionError::HugePages { .. }) => {
                assert!(error.to_string().contains("no huge pages of 2097152 bytes"));
            }
            Err(error) => panic!("{error}"),
        }
        let error = of(3000).anonymous(1 << 20).unwrap_err();
        assert!(matches!(error, RegionError::Layout { align: 3000, .. }));
    }
}
