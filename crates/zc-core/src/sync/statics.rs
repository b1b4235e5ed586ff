//! One value for the process, and one for each thread, as model checkers need them: made anew for
//! every execution that is explored.

/// A `static` that is used through `&`.
#[cfg(not(any(zc_loom, zc_shuttle)))]
macro_rules! per_process {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $(#[$doc])* static $name: $type = $value;
    };
}

/// A thread-local, used by `with` and `try_with`.
#[cfg(not(any(zc_loom, zc_shuttle)))]
macro_rules! per_thread {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
        std::thread_local! { $(#[$doc])* static $name: $type = const { $value }; }
    };
}

#[cfg(zc_loom)]
macro_rules! per_process {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
        loom::lazy_static! { $(#[$doc])* static ref $name: $type = $value; }
    };
}

#[cfg(zc_loom)]
macro_rules! per_thread {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
        loom::thread_local! { $(#[$doc])* static $name: $type = $value; }
    };
}

#[cfg(all(zc_shuttle, not(zc_loom)))]
macro_rules! per_process {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
        shuttle::lazy_static! { $(#[$doc])* static ref $name: $type = $value; }
    };
}

#[cfg(all(zc_shuttle, not(zc_loom)))]
macro_rules! per_thread {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
        shuttle::thread_local! { $(#[$doc])* static $name: $type = $value; }
    };
}

pub(crate) use {per_process, per_thread};
