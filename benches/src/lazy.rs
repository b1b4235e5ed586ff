//! What several contestants use, and only some runs need.

use std::sync::{Arc, OnceLock};

/// Makes something the first time it is asked for, outside of what is timed, and hands out the same
/// from then on; what went wrong is said each time.
pub fn lazily<T: Send + Sync + 'static>(
    make: impl Fn() -> Result<T, String> + Send + Sync + 'static,
) -> impl Fn() -> Result<Arc<T>, String> + Clone + Send + Sync + 'static {
    let made: Arc<OnceLock<Result<Arc<T>, String>>> = Arc::default();
    let make = Arc::new(make);
    move || made.get_or_init(|| make().map(Arc::new)).clone()
}
