//! Other people's caches and stores, each as its documentation says it is fastest.

use std::time::Duration;

use bytes::Bytes;
use heed::types::Bytes as Raw;
use heed::{Database, Env, EnvOpenOptions};
use redb::{ReadableDatabase, TableDefinition};
use tempfile::TempDir;

use crate::ours::text;
use crate::work::{Plan, Set, look, run};

/// LMDB: views over its mapping as well, kept by a read transaction.
pub(crate) struct Lmdb {
    env: Env,
    database: Database<Raw, Raw>,
    _folder: TempDir,
}

impl Lmdb {
    pub(crate) fn new(set: Set) -> Result<Self, String> {
        let folder = crate::folder()?;
        let mut options = EnvOpenOptions::new();
        options.map_size(3 * set.bytes() as usize + (64 << 20));
        // SAFETY: nobody else opens this folder.
        let env = unsafe { options.open(folder.path()) }.map_err(text)?;
        let mut write = env.write_txn().map_err(text)?;
        let database = env.create_database(&mut write, None).map_err(text)?;
        for number in 0..set.objects {
            let (key, value) = (Set::key(number), set.object(number));
            database
                .put(&mut write, key.as_bytes(), &value[..])
                .map_err(text)?;
        }
        write.commit().map_err(text)?;
        Ok(Self {
            env,
            database,
            _folder: folder,
        })
    }

    /// A read transaction for each get: what a program does that holds nothing back.
    pub(crate) fn transaction_a_get(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            |key: &str| {
                let read = self.env.read_txn().map_err(text)?;
                match self.database.get(&read, key.as_bytes()) {
                    Ok(Some(view)) => Ok(look(view, plan.use_)),
                    other => Err(format!("{other:?}")),
                }
            }
        })
    }

    /// One transaction for all of them, which keeps every page that is replaced meanwhile.
    pub(crate) fn one_transaction(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            let read = self.env.read_txn();
            move |key: &str| {
                let read = read.as_ref().map_err(text)?;
                match self.database.get(read, key.as_bytes()) {
                    Ok(Some(view)) => Ok(look(view, plan.use_)),
                    other => Err(format!("{other:?}")),
                }
            }
        })
    }
}

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("objects");

/// redb: guards over pages in a cache of its own.
pub(crate) struct Redb {
    database: redb::Database,
    _folder: TempDir,
}

impl Redb {
    pub(crate) fn new(set: Set) -> Result<Self, String> {
        let folder = crate::folder()?;
        let database = redb::Database::create(folder.path().join("redb")).map_err(text)?;
        let write = database.begin_write().map_err(text)?;
        {
            let mut table = write.open_table(TABLE).map_err(text)?;
            for number in 0..set.objects {
                let (key, value) = (Set::key(number), set.object(number));
                table.insert(key.as_bytes(), &*value).map_err(text)?;
            }
        }
        write.commit().map_err(text)?;
        Ok(Self {
            database,
            _folder: folder,
        })
    }

    /// One read transaction and one open table for all of them.
    pub(crate) fn get(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(TABLE).map_err(text)?;
        run(plan, ops, || {
            |key: &str| match table.get(key.as_bytes()) {
                Ok(Some(guard)) => Ok(look(guard.value(), plan.use_)),
                Ok(None) => Err(format!("{key} is not there")),
                Err(error) => Err(text(error)),
            }
        })
    }
}

/// moka: a cache in memory; its hit is a clone of the `Bytes`.
pub(crate) struct Moka(moka::sync::Cache<String, Bytes>);

impl Moka {
    pub(crate) fn new(set: Set) -> Self {
        let cache = moka::sync::Cache::new(4 * set.objects as u64);
        for number in 0..set.objects {
            cache.insert(Set::key(number), set.object(number));
        }
        Self(cache)
    }

    pub(crate) fn get(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            |key: &str| {
                let found = self.0.get(key);
                let found = found.ok_or_else(|| format!("{key} is not there"))?;
                Ok(look(&found, plan.use_))
            }
        })
    }
}

/// foyer's tier in memory.
pub(crate) struct Foyer(foyer::Cache<String, Bytes>);

impl Foyer {
    pub(crate) fn new(set: Set) -> Self {
        let cache = foyer::CacheBuilder::new(4 * set.objects).build();
        for number in 0..set.objects {
            cache.insert(Set::key(number), set.object(number));
        }
        Self(cache)
    }

    pub(crate) fn get(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            |key: &str| {
                let found = self.0.get(key);
                let found = found.ok_or_else(|| format!("{key} is not there"))?;
                Ok(look(found.value(), plan.use_))
            }
        })
    }
}

/// cacache: a file for each object, named by its checksum, which every read compares.
pub(crate) struct Cacache(TempDir);

impl Cacache {
    pub(crate) fn new(set: Set) -> Result<Self, String> {
        let folder = crate::folder()?;
        for number in 0..set.objects {
            let (key, value) = (Set::key(number), set.object(number));
            cacache::write_sync_with_algo(cacache::Algorithm::Xxh3, folder.path(), key, value)
                .map_err(text)?;
        }
        Ok(Self(folder))
    }

    pub(crate) fn get(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            |key: &str| {
                let read = cacache::read_sync(self.0.path(), key).map_err(text)?;
                Ok(look(&read, plan.use_))
            }
        })
    }
}
