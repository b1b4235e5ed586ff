//! Reading through: a miss fetches, and all who miss at once fetch once.

pub(crate) mod admission;
pub(crate) mod flight;

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;

use self::flight::{Outcome, Seat, Turn};
use crate::cache::RawDiskCache;
use crate::error::CacheError;
use crate::stats::Count;
use crate::{trace, ttl};

/// Why a value that was to be fetched, or streamed in, is not there.
pub enum FetchError<E> {
    /// The source failed. All who waited for one fetch are given the same cause.
    Fetch(Arc<E>),
    /// The cache could not be read, or could not take the stream.
    Cache(CacheError),
}

impl<E> Clone for FetchError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Fetch(cause) => Self::Fetch(Arc::clone(cause)),
            Self::Cache(error) => Self::Cache(error.clone()),
        }
    }
}

impl<E> From<CacheError> for FetchError<E> {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

impl<E: fmt::Debug> fmt::Debug for FetchError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(cause) => f.debug_tuple("Fetch").field(cause).finish(),
            Self::Cache(error) => f.debug_tuple("Cache").field(error).finish(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for FetchError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(cause) => write!(f, "fetching the value failed: {cause}"),
            Self::Cache(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for FetchError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Fetch(cause) => Some(&**cause),
            Self::Cache(error) => Some(error),
        }
    }
}

impl RawDiskCache {
    /// The object; if it is not there, what `fetch` gives, which is then stored for the cache's
    /// time to live.
    ///
    /// Callers who miss the same key at once share one fetch: one of them, the leader, polls its
    /// own, the others wait and their futures are dropped unpolled. If the leader is dropped or
    /// panics, exactly one of those who wait leads next. A hit is what
    /// [`lookup_zero_copy`](Self::lookup_zero_copy) gives.
    ///
    /// A `store`, `remove` or `clear` during the fetch wins: what was fetched is then not stored,
    /// and where a value was stored meanwhile, everybody gets that one. A value that the cache
    /// cannot keep (too large, no room, a failing disk), or that its [admission policy](crate::Admission) does not want, is
    /// returned all the same.
    ///
    /// # Errors
    /// [`FetchError::Fetch`] with the cause, for everybody who waited; it is not cached.
    /// [`FetchError::Cache`] if the lookup failed.
    ///
    /// # Cancel safety
    /// Dropping a caller that waits loses nothing. Dropping the leader drops its fetch. A leader
    /// that is leaked instead of dropped keeps its waiters waiting; they can be dropped.
    pub async fn get_or_fetch<E: Send + Sync + 'static>(
        &self,
        key: impl AsRef<[u8]>,
        fetch: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, FetchError<E>> {
        let key = key.as_ref();
        if let Some(found) = self.lookup_zero_copy(key).await? {
            return Ok(found);
        }
        loop {
            let seat = Seat::take(&self.shared().flights, key);
            match seat.turn().await {
                Turn::Lead => return self.lead(seat, key, fetch).await,
                Turn::Landed(Outcome::Value(value)) => return Ok(value),
                Turn::Landed(Outcome::Failed(cause)) => {
                    // A leader with another error type cannot share its cause: try for oneself.
                    if let Ok(cause) = cause.downcast::<E>() {
                        return Err(FetchError::Fetch(cause));
                    }
                }
            }
        }
    }

    async fn lead<E: Send + Sync + 'static>(
        &self,
        seat: Seat<'_>,
        key: &[u8],
        fetch: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, FetchError<E>> {
        let shared = self.shared();
        // Another leader may have landed between the miss and now. Not a lookup of its own.
        if shared.holds(key)
            && let Some(found) = self.lookup_zero_copy(key).await?
        {
            seat.land(Outcome::Value(found.clone()));
            return Ok(found);
        }
        shared.count(Count::Fetches, 1);
        trace::fetching(self.path(), key);
        let fetched = match fetch.await {
            Ok(fetched) => fetched,
            Err(cause) => {
                shared.count(Count::FetchFailures, 1);
                trace::fetch_failed(self.path(), key);
                let cause = Arc::new(cause);
                seat.land(Outcome::Failed(Arc::clone(&cause) as _));
                return Err(FetchError::Fetch(cause));
            }
        };
        if let Some(doorkeeper) = &shared.admission
            && !doorkeeper.admits(shared.hash(key))
        {
            shared.count(Count::FetchedUnkept, 1);
            seat.land(Outcome::Value(fetched.clone()));
            return Ok(fetched);
        }
        let value = match self.keep_fetched(&seat, key, &fetched).await {
            Ok(true) => fetched,
            // Something else was stored or removed meanwhile, and wins.
            Ok(false) => match self.lookup_zero_copy(key).await? {
                Some(stored) => stored,
                None => fetched,
            },
            Err(_) => {
                shared.count(Count::FetchedUnkept, 1);
                fetched
            }
        };
        seat.land(Outcome::Value(value.clone()));
        Ok(value)
    }

    async fn keep_fetched(
        &self,
        seat: &Seat<'_>,
        key: &[u8],
        fetched: &Bytes,
    ) -> Result<bool, CacheError> {
        let ttl_ms = ttl::millis(self.shared().options.ttl)?;
        let flight = Arc::clone(seat.flight());
        let (key, fetched) = (Bytes::copy_from_slice(key), fetched.clone());
        self.offload(fetched.len(), move |shared| {
            shared.store_now(&key, ttl_ms, &fetched, Some(&flight))
        })
        .await
    }
}

impl Seat<'_> {
    /// Waits until it is this caller's turn to lead, or the leader has landed.
    async fn turn(&self) -> Turn {
        let mut waiter = pin!(self.flight().changed.waiter());
        poll_fn(|cx| waiter.as_mut().poll_until(cx, || self.look())).await
    }
}
