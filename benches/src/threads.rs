//! Starts threads together and times them from the first step to the last.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Runs every task on a thread of its own; they begin together. The time is that from the start of
/// the first to the end of the last one, as their own clocks say: this thread may be late at both,
/// where they take all processors. The first error of any of them is the error.
///
/// # Errors
/// What a task says, or that it panicked.
pub fn together(tasks: Vec<Task<'_>>) -> Result<Duration, String> {
    let start = Barrier::new(tasks.len());
    thread::scope(|scope| {
        let start = &start;
        let timed = |task: Task<'_>| {
            start.wait();
            let begin = Instant::now();
            (task(), begin, Instant::now())
        };
        let threads: Vec<_> = tasks
            .into_iter()
            .map(|task| scope.spawn(move || timed(task)))
            .collect();
        let mut result = Ok(());
        let mut span: Option<(Instant, Instant)> = None;
        for thread in threads {
            match thread.join() {
                Ok((one, begin, end)) => {
                    result = result.and(one);
                    let (first, last) = span.unwrap_or((begin, end));
                    span = Some((first.min(begin), last.max(end)));
                }
                Err(_) => result = result.and(Err("a thread panicked".to_owned())),
            }
        }
        result.map(|()| span.map_or(Duration::ZERO, |(begin, end)| end - begin))
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
