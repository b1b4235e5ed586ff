//! One section of 64 bytes that readers read whole and a writer overwrites whole: ours, and the
//! peers'. Every word of it is the same, so that a torn read shows.

mod locks;
mod published;

pub(crate) use locks::{Ours, ParkingLot, Sharded, Std};
pub(crate) use published::{ArcSwapped, Epoch, Published};
#[cfg(feature = "peers")]
pub(crate) use published::{Hazarc, LeftRight};

use std::hint::black_box;
use std::time::Duration;

use zc_benches::Cell;

/// The words of a section.
pub(crate) type Section = [u64; 8];

/// Something that holds one section.
pub(crate) trait Sections: Send + Sync + 'static {
    /// How it is called in the table.
    const NAME: &'static str;

    /// A section of zeroes.
    fn new() -> Self;

    /// Reads the section `ops` times; an error if one of them was torn.
    fn read(&self, ops: u64) -> Result<(), String>;

    /// Overwrites the section, every word of it with `value`. Called by one thread.
    fn write(&self, value: u64);
}

/// What a bench does with a section of any kind.
pub(crate) trait Question: Copy + Send + Sync + 'static {
    /// Does `ops` operations with a section of the kind `S`.
    fn ask<S: Sections>(self, ops: u64) -> Result<Duration, String>;
}

/// Asks every lock; ours is the first.
pub(crate) fn locks(cell: Cell<'_>, question: impl Question) -> Cell<'_> {
    let cell = cell
        .ours(move |ops| question.ask::<Ours>(ops))
        .peer(Std::NAME, move |ops| question.ask::<Std>(ops))
        .peer(ParkingLot::NAME, move |ops| question.ask::<ParkingLot>(ops))
        .peer(Sharded::NAME, move |ops| question.ask::<Sharded>(ops));
    #[cfg(feature = "peers")]
    let cell = cell.peer(LeftRight::NAME, move |ops| question.ask::<LeftRight>(ops));
    cell
}

/// Asks everything that publishes versions; ours is the first.
pub(crate) fn versions(cell: Cell<'_>, question: impl Question) -> Cell<'_> {
    let cell = cell
        .ours(move |ops| question.ask::<Published>(ops))
        .peer(ArcSwapped::NAME, move |ops| question.ask::<ArcSwapped>(ops))
        .peer(Epoch::NAME, move |ops| question.ask::<Epoch>(ops));
    #[cfg(feature = "peers")]
    let cell = cell.peer(Hazarc::NAME, move |ops| question.ask::<Hazarc>(ops));
    cell
}

/// Takes a look at a section as each reader does: all of it, every time.
#[inline(always)]
pub(crate) fn look(section: &[u64]) -> Result<(), String> {
    let section = black_box(section);
    let (first, mut same) = (section[0], true);
    for word in &section[..8] {
        same &= *word == first;
    }
    if same { Ok(()) } else { Err(torn(section)) }
}

#[cold]
fn torn(section: &[u64]) -> String {
    format!("torn: {section:?}")
}
