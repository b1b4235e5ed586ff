//! Starts threads together and times them from the first step to the last.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Runs every task on a thread of its own; they begin together. The time is that from the start
/// to the end of the last one; the first error of any of them is the error.
///
/// # Errors
/// What a task says, or that it panicked.
pub fn together(tasks: Vec<Task<'_>>) -> Result<Duration, String> {
    let start = Barrier::new(tasks.len() + 1);
    thread::scope(|scope| {
        let start = &start;
        let begin = |task: Task<'_>| {
            start.wait();
            task()
        };
        let threads: Vec<_> = tasks
            .into_iter()
            .map(|task| scope.spawn(move || begin(task)))
            .collect();
        start.wait();
        let begin = Instant::now();
        let mut result = Ok(());
        for thread in threads {
            let one = thread
                .join()
                .unwrap_or_else(|_| Err("a thread panicked".to_owned()));
            result = result.and(one);
        }
        result.map(|()| begin.elapsed())
    })
}

/// What one thread does.
pub type Task<'a> = Box<dyn FnOnce() -> Result<(), String> + Send + 'a>;

/// An error unless the two are equal.
///
/// # Errors
/// Names both.
pub fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, want: T) -> Result<(), String> {
    if got == want {
        return Ok(());
    }
    Err(format!("{what}: {got:?} instead of {want:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_and_a_panic_of_any_task_come_out() {
        let good = || -> Task<'static> { Box::new(|| Ok(())) };
        assert!(together(vec![good(), good()]).is_ok());
        let bad: Task<'static> = Box::new(|| expect("sum", 1, 2));
        let error = together(vec![good(), bad]).unwrap_err();
        assert_eq!(error, "sum: 1 instead of 2");
        let panics: Task<'static> = Box::new(|| panic!("on purpose"));
        assert!(together(vec![panics, good()]).is_err());
    }
}
