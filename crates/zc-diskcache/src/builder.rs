//! Opening a cache.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use zc_core::sync::atomic::{AtomicBool, AtomicU64};
use zc_core::sync::{Condvar, Mutex, seeded};

use crate::cache::RawDiskCache;
use crate::counters::Counters;
use crate::error::{CacheError, CacheErrorKind};
use crate::evict::{Eviction, Marker, Policy};
use crate::fetch::admission::Admission;
use crate::fetch::flight::Flights;
use crate::index::orphans::Orphans;
use crate::index::slot::{Slab, VERIFIED};
use crate::index::table::Table;
use crate::io::create;
use crate::io::file::CacheFile;
use crate::io::map::Map;
use crate::io::pages;
use crate::io::ring::Ring;
use crate::log::header::{Header, Session};
use crate::log::layout::Layout;
use crate::log::recover::{Recovered, recover};
use crate::runtime;
use crate::shared::{Options, Shared};
use crate::stats::Count;
use crate::write::writer::Writer;
use crate::zero_copy::{ZeroCopyConfig, ZeroCopyManager};
use crate::{trace, ttl};

/// When an object is compared with its CRC32C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// Right after it was written, by reading it back. Objects of an earlier session are trusted
    /// if that ended cleanly or the machine was not restarted since, else verified at first use.
    OnStore,
    /// Before its first use in each session. The default: reading the bytes costs what touching
    /// them costs, and the second hit costs nothing more.
    #[default]
    FirstRead,
    /// Before each use.
    Always,
    /// Never. Damage on the disk is then given away as it is; after a crash of the machine (not
    /// of the process) so is what had not reached the disk.
    Never,
}

/// When bytes are forced to the disk. None of this is needed to survive the kill of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// Never; the kernel writes when it likes.
    Never,
    /// At `flush` and `close`.
    #[default]
    OnFlush,
    /// Before each store is acknowledged: twice, the value before its record. Slow.
    EachStore,
}

/// What reads and writes the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IoBackend {
    /// [`IoUring`](Self::IoUring) where the kernel has it, else [`Std`](Self::Std).
    #[default]
    Auto,
    /// libc's `pread` and `pwrite`; what may wait for the disk goes to tokio's blocking pool.
    Std,
    /// As `Std`, but large cold reads are split into parts that an `io_uring` reads at once, so that
    /// the disk works on many of them. Linux; elsewhere, or where the kernel refuses, opening fails.
    IoUring,
}

/// Options of a cache; ends in [`open`](Self::open).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is opened"]
pub struct CacheBuilder {
    path: PathBuf,
    capacity: u64,
    block_size: u64,
    ttl: Duration,
    eviction: Eviction,
    zero_copy: ZeroCopyConfig,
    verify: Verify,
    sync: SyncPolicy,
    io: IoBackend,
    max_object: Option<u64>,
    pinned_budget: Option<u64>,
    admission: Admission,
    shards: usize,
}

impl CacheBuilder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            capacity: 1 << 30,
            block_size: 4096,
            ttl: Duration::MAX,
            eviction: Eviction::default(),
            zero_copy: ZeroCopyConfig::default(),
            verify: Verify::default(),
            sync: SyncPolicy::default(),
            io: IoBackend::default(),
            max_object: None,
            pinned_budget: None,
            admission: Admission::default(),
            shards: 8,
        }
    }

    /// Bytes for values, rounded down to whole blocks; the file is about 3 % larger at 4 KiB
    /// blocks. 1 GiB.
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// The unit of allocation in bytes: a power of two from 512 to 16 MiB. 4096. Each object takes
    /// whole blocks, and there are as many slots as blocks.
    pub fn block_size(mut self, bytes: usize) -> Self {
        self.block_size = bytes as u64;
        self
    }

    /// How long objects live that are stored without a time of their own. `Duration::MAX`, the
    /// default, is for ever; zero is refused.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Which object goes when room is needed. S3-FIFO.
    pub fn eviction(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }

    /// How hits and sends avoid copies.
    pub fn zero_copy(mut self, config: ZeroCopyConfig) -> Self {
        self.zero_copy = config;
        self
    }

    /// When objects are compared with their checksums. At their first read.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// When bytes are forced to the disk. At `flush` and `close`.
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = sync;
        self
    }

    /// What reads and writes the file.
    pub fn io(mut self, io: IoBackend) -> Self {
        self.io = io;
        self
    }

    /// Largest value in bytes; the capacity if it is not set. Larger ones are refused with
    /// [`TooLarge`](CacheErrorKind::TooLarge) before anything is evicted.
    pub fn max_object(mut self, bytes: u64) -> Self {
        self.max_object = Some(bytes);
        self
    }

    /// Bytes that live views may hold of objects that are no longer in the cache, before eviction
    /// goes round objects that views pin. A quarter of the capacity.
    pub fn pinned_budget(mut self, bytes: u64) -> Self {
        self.pinned_budget = Some(bytes);
        self
    }

    /// Which fetched objects are kept. All of them.
    pub fn admission(mut self, admission: Admission) -> Self {
        self.admission = admission;
        self
    }

    /// Parts, each with a lock of its own, of the table of fetches under way. 8; at least 1. The
    /// index needs none: hits take no lock.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// Opens the cache, or makes it if the path holds nothing.
    ///
    /// Everything that an earlier session acknowledged is there, however it ended.
    ///
    /// # Errors
    /// `InvalidConfig` (also for `IoUring` where there is none), `InvalidTtl`; `InUse` while another handle has the file, in this process
    /// or another; `NotACache`, `Version`, `Corrupt`, `Geometry`, in which cases the file stays as
    /// it is; `DiskFull`; `Io`.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the path with no file or a whole one. An opening that has begun
    /// runs to its end, so the file may be `InUse` for that long.
    pub async fn open(self) -> Result<RawDiskCache, CacheError> {
        runtime::blocking(move || self.open_blocking()).await
    }

    fn open_blocking(self) -> Result<RawDiskCache, CacheError> {
        let path = self.path.clone();
        let began = Instant::now();
        let cache = self.open_steps().map_err(|error| error.at(&path))?;
        let recovered = cache.shared().writer.lock().recovered;
        trace::opened(&path, recovered, began.elapsed());
        Ok(cache)
    }

    fn open_steps(self) -> Result<RawDiskCache, CacheError> {
        let layout = Layout::new(self.capacity, self.block_size)?;
        ttl::millis(self.ttl)?;
        let ring = Ring::probe(self.io)?;
        let (file, header, repair) = self.find_or_create(layout)?;
        if header.layout != layout {
            return Err(CacheError::new(CacheErrorKind::Geometry).detail(format!(
                "the file has {} bytes in blocks of {}, not {} in blocks of {}",
                header.layout.capacity(),
                header.layout.block_size,
                layout.capacity(),
                layout.block_size,
            )));
        }
        file.check_len(layout.file_len())?;
        if repair {
            header.write(&file)?;
        }
        let boot = create::boot_id();
        let last = Session::read(&file)?;
        let trusted = last.is_some_and(|last| last.clean || (last.boot == boot && boot != [0; 16]));
        let session = Session {
            number: last.map_or(1, |last| last.number + 1),
            clean: false,
            boot,
        };
        let recovered = recover(&file, &layout, header.seed, ttl::wall_ms())?;
        session.write(&file)?;
        let map = Map::new(&file, layout.file_len())?;
        let policy = Policy::new(self.eviction, layout.blocks);
        let can_lend = layout.block_size % pages::page_size() == 0 && create::gives_pages_up(&file);
        let pinned_budget = self.pinned_budget.unwrap_or(layout.capacity() / 4);
        let shared = Shared {
            map,
            file,
            layout,
            seed: header.seed,
            options: Options {
                ttl: self.ttl,
                verify: match self.verify {
                    // What may never have reached the disk is not trusted unseen.
                    Verify::Never if !trusted => Verify::FirstRead,
                    verify => verify,
                },
                sync: self.sync,
                max_object: self.max_object.unwrap_or(layout.capacity()),
                pinned_budget: pinned_budget / layout.block_size,
            },
            table: Table::new(layout.slots as usize),
            slots: Slab::new(layout.slots as usize, lanes()),
            orphans: Orphans::new(),
            marker: Marker::new(self.eviction),
            writer: Mutex::new(empty_writer(&layout, policy, session.number)),
            room: Condvar::new(),
            closed: AtomicBool::new(false),
            lent_blocks: AtomicU64::new(0),
            can_lend,
            session: session.number,
            flights: Flights::new(self.shards),
            admission: self.admission.doorkeeper(layout.slots),
            ring,
            counters: Counters::new(),
            zero_copy: ZeroCopyManager::new(self.zero_copy),
        };
        shared.take_in(recovered, trusted && self.verify == Verify::OnStore)?;
        let may_be_lent = last.is_some_and(|last| last.boot == boot && last.number > 0);
        if shared.can_lend && may_be_lent && !seeded("cache.trust_free_blocks") {
            shared.writer.lock().suspect_free_blocks(&shared);
        }
        Ok(RawDiskCache::from_shared(shared))
    }

    /// The file, its header, and whether one copy of the header wants writing again.
    fn find_or_create(&self, layout: Layout) -> Result<(CacheFile, Header, bool), CacheError> {
        // Somebody else may make the file, or take it away, between two looks.
        for _ in 0..16 {
            if let Some(file) = create::open_existing(&self.path)? {
                let (header, repair) = Header::read(&file)?;
                return Ok((file, header, repair.is_some()));
            }
            let header = Header {
                layout,
                seed: create::random(),
                created_wall_ms: ttl::wall_ms(),
            };
            // A new file holds nothing that could have been lost.
            let fresh = Session {
                number: 0,
                clean: true,
                boot: create::boot_id(),
            };
            let fill = |file: &CacheFile| {
                header.write(file)?;
                fresh.write(file)
            };
            if let Some(file) = create::create(&self.path, layout.file_len(), fill)? {
                return Ok((file, header, false));
            }
        }
        Err(CacheErrorKind::InUse.into())
    }
}

/// Twice as many lanes for pins as threads run at once, so that two of them seldom share one; within
/// reason, for each lane costs 8 bytes an object.
fn lanes() -> usize {
    const MOST: usize = 8;
    std::thread::available_parallelism().map_or(1, |threads| (2 * threads.get()).min(MOST))
}

fn empty_writer(layout: &Layout, policy: Policy, session: u64) -> Writer {
    Writer {
        extents: crate::log::extents::Extents::new(layout.blocks),
        policy,
        free_slots: Vec::new(),
        next_slot: 0,
        dead: Vec::new(),
        dead_blocks: 0,
        lent: std::collections::VecDeque::new(),
        deadlines: std::collections::BTreeSet::new(),
        unsettled: std::collections::BTreeSet::new(),
        next_seq: session << 40,
        objects: 0,
        bytes: 0,
        recovered: 0,
        busy: 0,
        waiting: 0,
    }
}

impl Shared {
    /// Puts what was found in the file into the index, oldest first.
    fn take_in(&self, recovered: Recovered, verified: bool) -> Result<(), CacheError> {
        let mut writer = self.writer.lock();
        let now = ttl::precise_ms();
        for stale in recovered.stale {
            writer.zero_record(self, stale)?;
        }
        self.count(Count::Corrupt, recovered.corrupt);
        self.count(Count::Expired, recovered.expired);
        writer.extents = recovered.extents;
        writer.next_seq = writer.next_seq.max(recovered.last_seq + 1);
        writer.recovered = recovered.objects.len() as u64;
        let mut taken = vec![
            false;
            recovered
                .objects
                .iter()
                .map(|o| o.slot + 1)
                .max()
                .unwrap_or(0) as usize
        ];
        for found in recovered.objects {
            let (hash, index) = (found.meta.hash, found.slot);
            let (slot, pins) = self.slots.get_or_allocate(index);
            // SAFETY: we hold the writer lock, and nobody has seen this slot yet.
            unsafe { slot.fill(found.meta, ttl::deadline(now, found.left_ms)) };
            if verified {
                slot.mark(VERIFIED);
            }
            pins.publish();
            self.table.insert(hash, index);
            writer.admit(self, index);
            taken[index as usize] = true;
        }
        writer.next_slot = taken.len() as u32;
        writer.free_slots = (0..writer.next_slot)
            .rev()
            .filter(|index| !taken[*index as usize])
            .collect();
        Ok(())
    }
}
