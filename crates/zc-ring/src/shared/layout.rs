//! Where each word of the control area is, in words of 8 bytes from its start. `docs/ring-shared-format.md`
//! says the same to the byte. What different processes write often lies on different lines.

/// Words of a line of 128 bytes.
const LINE: usize = 16;

/// Every execution of a model makes all words anew.
const MODELLED: bool = cfg!(any(zc_loom, zc_shuttle));

/// The next sequence to be published.
pub(crate) const HEAD: usize = 0;
/// The end of the range that may be half overwritten.
pub(crate) const CLAIM: usize = LINE;
/// What the producer may write up to, or is asking to.
pub(crate) const LICENCE: usize = 2 * LINE;
/// How many consumers have ever joined.
pub(crate) const JOINS: usize = 2 * LINE + 1;
/// The producer's lease.
pub(crate) const PRODUCER: usize = 3 * LINE;
/// Places from this one on have never been used.
pub(crate) const USED: usize = 3 * LINE + 1;
/// The id the next consumer gets.
pub(crate) const NEXT_ID: usize = 3 * LINE + 2;
/// About how many handles and producers there are; 0 is worth a closer look.
pub(crate) const SOURCES: usize = 3 * LINE + 3;
/// How many handles have ever been taken.
pub(crate) const OPENS: usize = 3 * LINE + 4;
/// Whether somebody sleeps until rows come, and the word they sleep on.
pub(crate) const DATA: usize = 4 * LINE;
/// Whether somebody sleeps until there is room, and the word they sleep on.
pub(crate) const SPACE: usize = 5 * LINE;
/// The leases of handles.
pub(crate) const HANDLES: usize = 6 * LINE;
/// Most handles at a time.
pub(crate) const MAX_HANDLES: usize = if MODELLED { 4 } else { 64 };
/// Counters of the producing side.
pub(crate) const FULL_STALLS: usize = HANDLES + MAX_HANDLES;
/// See [`FULL_STALLS`].
pub(crate) const BLOCKED_NANOS: usize = FULL_STALLS + 1;
/// The histogram of batch sizes.
pub(crate) const BATCH_SIZE: usize = FULL_STALLS + 2;
/// When rows were published whose numbers are multiples of 1024: number and time.
pub(crate) const STAMPS: usize = 15 * LINE;
/// How many such are kept.
pub(crate) const MAX_STAMPS: usize = 16;
/// The places of consumers.
pub(crate) const PLACES: usize = 18 * LINE;
/// Words of a place.
pub(crate) const PLACE: usize = 8 * LINE;
/// Most consumers at a time.
pub(crate) const MAX_CONSUMERS: usize = if MODELLED { 4 } else { 64 };
/// Words of the whole area: a whole number of pages.
pub(crate) const CONTROL: usize = if MODELLED { 2 * 512 } else { 17 * 512 };

/// In a place: its lease.
pub(crate) const LEASE: usize = 0;
/// In a place: how it lags, 0 block, 1 lossy, 2 evict.
pub(crate) const POLICY: usize = 1;
/// In a place: how far behind it may be evicted.
pub(crate) const EVICT_ROWS: usize = 2;
/// In a place: after how many nanoseconds it may be evicted.
pub(crate) const EVICT_AFTER: usize = 3;
/// In a place: the consumer's id.
pub(crate) const ID: usize = 4;
/// In a place: bytes of its name.
pub(crate) const NAME_LEN: usize = 5;
/// In a place: its name.
pub(crate) const NAME: usize = 6;
/// Words of a name.
pub(crate) const NAME_WORDS: usize = 8;
/// In a place: whether others read after it.
pub(crate) const FOLLOWED: usize = 14;
/// In a place: the next row it will read.
pub(crate) const CURSOR: usize = LINE;
/// In a place: counters that its consumer alone writes.
pub(crate) const BATCHES: usize = 2 * LINE;
/// See [`BATCHES`].
pub(crate) const WAITS: usize = BATCHES + 1;
/// See [`BATCHES`].
pub(crate) const MISSED: usize = BATCHES + 2;
/// See [`BATCHES`].
pub(crate) const IN_HAND: usize = BATCHES + 3;
/// In a place: 1 once it is evicted; written by the producer.
pub(crate) const EVICTIONS: usize = BATCHES + 4;
/// In a place: the histogram of its latencies, in nanoseconds.
pub(crate) const LATENCY: usize = 3 * LINE;

/// The word `word` of place `place`.
#[inline]
pub(crate) const fn place(place: usize, word: usize) -> usize {
    PLACES + place * PLACE + word
}

const _: () = assert!(BATCH_SIZE + crate::metrics::BUCKETS <= STAMPS);
const _: () = assert!(STAMPS + 2 * MAX_STAMPS <= PLACES);
const _: () = assert!(LATENCY + crate::metrics::BUCKETS <= PLACE);
const _: () = assert!(PLACES + MAX_CONSUMERS * PLACE <= CONTROL);
