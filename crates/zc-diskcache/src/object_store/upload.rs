//! A multipart upload through the cache's store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::Inner;

/// Forgets what was known of the target once the upload is complete.
pub(super) struct ForgettingUpload<S> {
    pub(super) upload: Box<dyn MultipartUpload>,
    pub(super) location: Path,
    pub(super) inner: Arc<Inner<S>>,
}

#[async_trait]
impl<S: Send + Sync + 'static> MultipartUpload for ForgettingUpload<S> {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let _forgets = self.inner.known.forgets(&self.location);
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

impl<S> fmt::Debug for ForgettingUpload<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForgettingUpload")
            .field("upload", &self.upload)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}
