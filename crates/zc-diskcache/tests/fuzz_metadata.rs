//! Random damage to the metadata: opening gives the cache or a clear error, and a hit has the right
//! bytes.
//!
//! Seeded, so that a failure names its round: `ZC_FUZZ_SEED` repeats one, `ZC_FUZZ_ROUNDS` sets how
//! many there are, 400 unless set. Seeds that once found something stand in
//! `tests/corpus/metadata.txt` and are always run.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use bytes::Bytes;
use common::{Dir, KIB, pattern};
use zc_core::sync::block_on;
use zc_diskcache::{CacheErrorKind, RawDiskCache, Verify};

const CAPACITY: u64 = 256 * KIB as u64;
const RECORDS: usize = 12_288;
const RECORD: usize = 128;
/// One record a block of 4 KiB, and 64 more.
const SLOTS: usize = 64 + 64;
const METADATA: usize = RECORDS + SLOTS * RECORD;
const KEYS: u64 = 20;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

fn key(n: u64) -> String {
    match n % 4 {
        0 => format!("{n}{}", "-a-key-that-does-not-fit-a-record".repeat(3)),
        _ => format!("key{n}"),
    }
}

fn value(n: u64) -> Bytes {
    pattern(n, 100 + 1500 * n as usize)
}

fn open(dir: &Dir) -> Result<RawDiskCache, zc_diskcache::CacheError> {
    let builder = RawDiskCache::builder(dir.path())
        .capacity(CAPACITY)
        .verify(Verify::FirstRead);
    block_on(builder.open())
}

/// A file with objects in it, and removed ones between them.
fn template() -> Vec<u8> {
    let dir = Dir::new();
    let cache = open(&dir).unwrap();
    for n in 0..KEYS {
        block_on(cache.store(key(n), value(n))).unwrap();
        if n % 5 == 4 {
            block_on(cache.remove(key(n - 2))).unwrap();
        }
    }
    drop(cache);
    std::fs::read(dir.path()).unwrap()
}

/// Damages `file`; says whether the damage pretends to be none, with checksums that agree.
fn damage(file: &mut Vec<u8>, random: &mut Random) -> bool {
    let mut lies = false;
    for _ in 0..=random.below(4) {
        let at = random.below(METADATA);
        let slot = random.below(SLOTS);
        let record = RECORDS + slot * RECORD;
        match random.below(9) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at] = random.below(256) as u8,
            2 => {
                let end = METADATA.min(at + random.below(300));
                file[at..end].fill([0, 0xff][random.below(2)]);
            }
            3 => {
                let end = METADATA.min(at + random.below(300));
                file[at..end]
                    .iter_mut()
                    .for_each(|byte| *byte = random.below(256) as u8);
            }
            // A record where another one belongs.
            4 => {
                let from = RECORDS + random.below(SLOTS) * RECORD;
                file.copy_within(from..from + RECORD, record);
            }
            // A torn write of a record, of the header, of the session page.
            5 => {
                let cut = random.below(RECORD);
                file[record + cut..record + RECORD].fill(0);
            }
            6 => {
                let page = random.below(3) * 4096;
                file[page + 512 * random.below(8)..page + 4096].fill(0);
            }
            7 => file.truncate(random.below(file.len())),
            // One field of a record, and the checksum put right.
            _ => {
                lies = true;
                let field = 8 + 4 * random.below(30);
                let new = [0, 1, u32::MAX, random.below(1 << 30) as u32][random.below(4)];
                file[record + field..record + field + 4].copy_from_slice(&new.to_le_bytes());
                file[record..record + 4].copy_from_slice(b"zcr1");
                let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
                crc.update(&file[64..72]);
                crc.update(&(slot as u32).to_le_bytes());
                crc.update(&file[record + 8..record + RECORD]);
                let crc = crc.finalize() as u32;
                file[record + 4..record + 8].copy_from_slice(&crc.to_le_bytes());
            }
        }
        if file.len() < METADATA {
            break;
        }
    }
    lies
}

/// What became of the rounds, to see that they are not all alike.
#[derive(Debug, Default)]
struct Seen {
    refused: u64,
    opened: u64,
    hits: u64,
    lost: u64,
    /// Records whose lie was taken for the truth.
    believed: u64,
}

fn one_round(template: &[u8], seed: u64, seen: &mut Seen) {
    let mut file = template.to_vec();
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let lies = damage(&mut file, &mut random);
    let dir = Dir::new();
    std::fs::write(dir.path(), &file).unwrap();
    let cache = match open(&dir) {
        Ok(cache) => cache,
        Err(error) => {
            use CacheErrorKind::{Corrupt, NotACache, Truncated, Version};
            let known = [Corrupt, NotACache, Truncated, Version];
            assert!(known.contains(&error.kind()), "seed {seed}: {error}");
            assert!(
                std::fs::read(dir.path()).unwrap() == file,
                "seed {seed}: what cannot be opened stays as it is"
            );
            seen.refused += 1;
            return;
        }
    };
    seen.opened += 1;
    seen.believed += u64::from(lies && cache.stats().corrupt == 0);
    let mut hits = 0;
    for n in 0..KEYS {
        if let Some(found) = block_on(cache.lookup(key(n))).unwrap() {
            hits += 1;
            // A record with a right checksum may say anything, a name of another's value too; what
            // it says must still lie inside of the file.
            assert!(
                lies || found == value(n),
                "seed {seed}: wrong bytes for {n}"
            );
        }
    }
    seen.hits += hits;
    seen.lost += KEYS - KEYS / 5 - hits.min(KEYS - KEYS / 5);
    // And it works.
    block_on(cache.store("new", pattern(1, 9000))).unwrap();
    assert!(block_on(cache.lookup("new")).unwrap() == Some(pattern(1, 9000)));
    block_on(cache.clear()).unwrap();
    let stats = cache.stats();
    let all = stats.free_bytes + stats.lent_bytes;
    assert_eq!(all, CAPACITY, "seed {seed}: every block is free again");
    drop(cache);
    assert!(open(&dir).unwrap().is_empty(), "seed {seed}");
}

#[test]
fn random_damage_is_never_wrong_bytes() {
    let template = template();
    let number = |name| -> Option<u64> {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("{name} is a number")),
        )
    };
    if let Some(seed) = number("ZC_FUZZ_SEED") {
        return one_round(&template, seed, &mut Seen::default());
    }
    let corpus = include_str!("corpus/metadata.txt");
    let corpus = corpus.lines().filter_map(|line| line.parse().ok());
    let rounds = number("ZC_FUZZ_ROUNDS").unwrap_or(400);
    let mut seen = Seen::default();
    for seed in corpus.chain(1..=rounds) {
        one_round(&template, seed, &mut seen);
    }
    let all = [
        seen.refused,
        seen.opened,
        seen.hits,
        seen.lost,
        seen.believed,
    ];
    assert!(all.iter().all(|n| *n > 0) || rounds < 100, "{seen:?}");
}
