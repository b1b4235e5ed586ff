//! Work that may wait for the disk, off the async threads where there is a runtime.

use tokio::runtime::Handle;

use crate::error::{CacheError, CacheErrorKind};

/// Whether the caller is polled by tokio.
pub(crate) fn in_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// Runs `work` on tokio's pool for blocking work; on this thread where no runtime is.
///
/// Dropping the future does not stop work that has begun; it runs to its end.
pub(crate) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, CacheError> + Send + 'static,
) -> Result<R, CacheError> {
    let Ok(runtime) = Handle::try_current() else {
        return work();
    };
    match runtime.spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(CacheError::new(CacheErrorKind::Closed).detail("the runtime shuts down")),
    }
}
