//! Any sequence of calls, against a hash map.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::collections::HashMap;

use bytes::Bytes;
use common::{Dir, KIB, pattern};
use proptest::prelude::*;
use zc_core::Frozen;
use zc_diskcache::{CacheErrorKind, Eviction, RawDiskCache};

#[derive(Clone, Debug)]
enum Call {
    Store(u8, usize),
    Remove(u8),
    Lookup(u8),
    Hold(u8),
    LetGo(usize),
    Range(u8, u64, u64),
    Clear,
    Flush,
    Reopen(bool),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let key = 0..12_u8;
    let call = prop_oneof![
        8 => (key.clone(), prop_oneof![0..100_usize, 3000..9000_usize, 40_000..90_000_usize])
            .prop_map(|(key, len)| Call::Store(key, len)),
        2 => key.clone().prop_map(Call::Remove),
        5 => key.clone().prop_map(Call::Lookup),
        3 => key.clone().prop_map(Call::Hold),
        2 => (0..8_usize).prop_map(Call::LetGo),
        2 => (key, 0..9000_u64, 0..9000_u64).prop_map(|(key, a, b)| Call::Range(key, a, b)),
        1 => Just(Call::Clear),
        1 => Just(Call::Flush),
        1 => any::<bool>().prop_map(Call::Reopen),
    ];
    prop::collection::vec(call, 1..60)
}

fn key(n: u8) -> String {
    if n.is_multiple_of(4) {
        format!("{n}").repeat(80)
    } else {
        format!("key{n}")
    }
}

struct World {
    dir: Dir,
    cache: RawDiskCache,
    eviction: Eviction,
    block_size: usize,
    /// What was stored last under each key; eviction makes a miss of it, nothing else may.
    model: HashMap<u8, Bytes>,
    held: Vec<(Frozen<u8>, Bytes)>,
    stored: u64,
}

impl World {
    async fn open(dir: &Dir, eviction: Eviction, block_size: usize) -> RawDiskCache {
        RawDiskCache::builder(dir.path())
            .capacity(256 * KIB as u64)
            .block_size(block_size)
            .eviction(eviction)
            .open()
            .await
            .unwrap()
    }

    async fn call(&mut self, call: Call) {
        match call {
            Call::Store(n, len) => {
                self.stored += 1;
                let value = pattern(self.stored, len);
                match self.cache.store(key(n), value.clone()).await {
                    Ok(()) => {
                        self.model.insert(n, value.clone());
                        let found = self.cache.lookup(key(n)).await.unwrap();
                        assert_eq!(found, Some(value), "just stored");
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), CacheErrorKind::Pinned, "{error}");
                        assert!(!self.held.is_empty(), "pinned by nobody");
                    }
                }
            }
            Call::Remove(n) => {
                let was_there = self.cache.contains(key(n)).unwrap();
                assert_eq!(self.cache.remove(key(n)).await.unwrap(), was_there);
                self.model.remove(&n);
            }
            Call::Lookup(n) => {
                self.cache.set_mmap_threshold(1000);
                let found = self.cache.lookup_zero_copy(key(n)).await.unwrap();
                self.check(n, found);
            }
            Call::Hold(n) => {
                let found = self.cache.get_frozen(key(n)).unwrap();
                if let Some(view) = found {
                    self.held.push((view, self.model[&n].clone()));
                }
                if self.held.len() > 6 {
                    self.held.remove(0);
                }
            }
            Call::LetGo(at) => {
                if at < self.held.len() {
                    self.held.swap_remove(at);
                }
            }
            Call::Range(n, start, end) => match self.cache.lookup_range(key(n), start..end) {
                Ok(Some(found)) => {
                    assert_eq!(found, self.model[&n].slice(start as usize..end as usize));
                }
                Ok(None) => assert!(!self.cache.contains(key(n)).unwrap()),
                Err(error) => {
                    assert_eq!(error.kind(), CacheErrorKind::OutOfRange);
                    assert!(start > end || end > self.model[&n].len() as u64);
                }
            },
            Call::Clear => {
                self.cache.clear().await.unwrap();
                self.model.clear();
                assert!(self.cache.is_empty());
            }
            Call::Flush => self.cache.flush().await.unwrap(),
            Call::Reopen(close) => {
                let before = self.cache.len();
                self.held.clear();
                if close {
                    self.cache.close().await.unwrap();
                }
                // The old one must be gone before the new one can have the file.
                let elsewhere = Dir::new();
                self.cache = Self::open(&elsewhere, self.eviction, 4096).await;
                self.cache = Self::open(&self.dir, self.eviction, self.block_size).await;
                assert_eq!(self.cache.len(), before, "warm");
            }
        }
        for (view, wanted) in &self.held {
            assert!(view[..] == wanted[..], "a view changed");
        }
        let stats = self.cache.stats();
        assert_eq!(stats.corrupt, 0);
        assert_eq!(stats.objects as usize, self.cache.iter_keys().count());
    }

    fn check(&self, n: u8, found: Option<Bytes>) {
        if let Some(found) = found {
            assert_eq!(Some(&found), self.model.get(&n));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn agrees_with_a_hash_map(
        calls in calls(),
        eviction in prop_oneof![
            Just(Eviction::S3Fifo), Just(Eviction::Sieve), Just(Eviction::Lru)
        ],
        block_size in prop_oneof![Just(512), Just(4096), Just(16_384)],
    ) {
        zc_core::sync::block_on(async {
            let dir = Dir::new();
            let cache = World::open(&dir, eviction, block_size).await;
            let mut world = World {
                dir, cache, eviction, block_size,
                model: HashMap::new(), held: Vec::new(), stored: 0,
            };
            for call in calls {
                world.call(call).await;
            }
            for n in 0..12 {
                let found = world.cache.lookup(key(n)).await.unwrap();
                world.check(n, found);
            }
            drop(world.held);
            let stats = world.cache.stats();
            prop_assert_eq!(stats.pinned_bytes, 0);
            world.cache.clear().await.unwrap();
            let stats = world.cache.stats();
            prop_assert_eq!(stats.free_bytes + stats.lent_bytes, stats.capacity);
            Ok(())
        })?;
    }
}
