//! The parts of one edition of an object: their keys, and how one is fetched.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore, Result};

use crate::fetch::FetchError;

/// One edition of one object of one store, cut into parts.
pub(super) struct Edition<'a> {
    meta: &'a ObjectMeta,
    part_len: u64,
    /// All that tells this edition's parts from any others, but for the number.
    prefix: Vec<u8>,
}

impl<'a> Edition<'a> {
    pub(super) fn new(store: &str, part_len: u64, meta: &'a ObjectMeta) -> Self {
        let mut prefix = b"object\0".to_vec();
        // Each text with its length, so that no two editions are spelled alike.
        let mut text = |part: Option<&str>| match part {
            None => prefix.push(0),
            Some(part) => {
                prefix.push(1);
                prefix.extend_from_slice(&(part.len() as u64).to_le_bytes());
                prefix.extend_from_slice(part.as_bytes());
            }
        };
        text(Some(store));
        text(Some(meta.location.as_ref()));
        text(meta.e_tag.as_deref());
        text(meta.version.as_deref());
        let changed = &meta.last_modified;
        prefix.extend_from_slice(&changed.timestamp().to_le_bytes());
        prefix.extend_from_slice(&changed.timestamp_subsec_nanos().to_le_bytes());
        prefix.extend_from_slice(&meta.size.to_le_bytes());
        prefix.extend_from_slice(&part_len.to_le_bytes());
        Self {
            meta,
            part_len,
            prefix,
        }
    }

    pub(super) fn key(&self, number: u64) -> Vec<u8> {
        let mut key = self.prefix.clone();
        key.extend_from_slice(&number.to_le_bytes());
        key
    }

    /// Fetches part `number` of this edition, or fails as [changed](is_change).
    pub(super) async fn fetch(
        &self,
        store: &impl ObjectStore,
        number: u64,
        like: &GetOptions,
    ) -> Result<Bytes> {
        let start = number * self.part_len;
        let end = (start + self.part_len).min(self.meta.size);
        let options = GetOptions {
            range: Some(GetRange::Bounded(start..end)),
            if_match: self.meta.e_tag.clone(),
            extensions: like.extensions.clone(),
            ..GetOptions::default()
        };
        let answer = store.get_opts(&self.meta.location, options).await;
        let answer = match answer {
            Err(Error::Precondition { .. }) => return Err(self.changed()),
            answer => answer?,
        };
        if !self.is_of(&answer.meta) {
            return Err(self.changed());
        }
        let bytes = answer.bytes().await?;
        if bytes.len() as u64 != end - start {
            return Err(Error::Generic {
                store: "CachedObjectStore",
                source: format!(
                    "the store gave {} bytes for the range {start}..{end} of {}",
                    bytes.len(),
                    self.meta.location
                )
                .into(),
            });
        }
        Ok(bytes)
    }

    /// Whether an answer is of this edition. (HTTP dates have whole seconds: an ETag decides alone
    /// where there is one, and a `HEAD` and a `GET` may spell the time differently.)
    fn is_of(&self, meta: &ObjectMeta) -> bool {
        let same_time = meta.last_modified == self.meta.last_modified;
        meta.size == self.meta.size
            && meta.e_tag == self.meta.e_tag
            && meta.version == self.meta.version
            && (meta.e_tag.is_some() || same_time)
    }

    fn changed(&self) -> Error {
        Error::Generic {
            store: "CachedObjectStore",
            source: Box::new(Changed(self.meta.location.to_string())),
        }
    }
}

/// The object is not the one any more whose length and ETag the caller was told.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the object at {0} was changed while it was read")]
struct Changed(String);

pub(super) fn is_change(error: &Error) -> bool {
    matches!(error, Error::Generic { source, .. } if source.is::<Changed>())
}

/// The error of a fetch that several may have waited for, as each of them gets it: the same kind,
/// the first one as its source.
pub(super) fn given_to_all(error: FetchError<Error>) -> Error {
    match error {
        FetchError::Cache(error) => Error::Generic {
            store: "CachedObjectStore",
            source: Box::new(error),
        },
        FetchError::Fetch(cause) => match Arc::try_unwrap(cause) {
            Ok(own) => own,
            Err(shared) => of_the_same_kind(shared),
        },
    }
}

fn of_the_same_kind(shared: Arc<Error>) -> Error {
    let path = |path: &String| path.clone();
    match &*shared {
        Error::Generic { store, source } => {
            let store = *store;
            let source = match source.downcast_ref::<Changed>() {
                Some(changed) => Box::new(changed.clone()) as _,
                None => Box::new(shared) as _,
            };
            Error::Generic { store, source }
        }
        Error::NotFound { path: at, .. } => Error::NotFound {
            path: path(at),
            source: Box::new(Arc::clone(&shared)),
        },
        Error::Precondition { path: at, .. } => Error::Precondition {
            path: path(at),
            source: Box::new(Arc::clone(&shared)),
        },
        Error::NotModified { path: at, .. } => Error::NotModified {
            path: path(at),
            source: Box::new(Arc::clone(&shared)),
        },
        Error::PermissionDenied { path: at, .. } => Error::PermissionDenied {
            path: path(at),
            source: Box::new(Arc::clone(&shared)),
        },
        Error::Unauthenticated { path: at, .. } => Error::Unauthenticated {
            path: path(at),
            source: Box::new(Arc::clone(&shared)),
        },
        Error::NotSupported { .. } => Error::NotSupported {
            source: Box::new(shared),
        },
        _ => Error::Generic {
            store: "CachedObjectStore",
            source: Box::new(shared),
        },
    }
}
