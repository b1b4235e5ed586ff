//! Positions that wrap, and the answers of the queue compared with a plain model.

use std::collections::VecDeque;
use std::rc::Rc;

use proptest::prelude::*;

use super::Stamped;
use crate::error::{ForceSendError, TryRecvError, TryReserveError, TrySendError};
use crate::state::State;

/// A queue whose positions are about to pass the end of their range.
fn at_the_end_of_time<T>(capacity: usize, before: u64) -> Stamped<T> {
    let probe = Stamped::<T>::new(capacity).unwrap();
    let positions = 1_u64 << probe.layout.scaled(1).leading_zeros() << 1;
    Stamped::starting_at(capacity, positions.wrapping_sub(before)).unwrap()
}

fn push_permitted<T>(queue: &Stamped<T>, value: T) -> Result<bool, T> {
    let Some((vacancy, closed)) = queue.claim_permitted() else {
        return Err(value);
    };
    vacancy.fill(value);
    Ok(closed)
}

#[test]
fn positions_wrap() {
    for capacity in [1, 2, 3, 4, 7, 64] {
        for before in 0..2 * capacity as u64 + 1 {
            let queue = at_the_end_of_time(capacity, before);
            for lap in 0..4 {
                for i in 0..capacity {
                    assert_eq!(queue.len(), i);
                    queue.try_push((lap, i)).unwrap();
                }
                assert!(queue.is_full());
                assert_eq!(queue.try_push((9, 9)), Err(TrySendError::Full((9, 9))));
                for i in 0..capacity {
                    assert_eq!(queue.try_pop(), Ok((lap, i)));
                }
                assert!(queue.is_empty());
                assert_eq!(queue.try_pop(), Err(TryRecvError::Empty));
            }
        }
    }
}

#[test]
fn force_evicts_the_oldest_and_never_reserved_room() {
    let queue = Stamped::new(2).unwrap();
    queue.try_push(1).unwrap();
    queue.try_reserve(1).unwrap();
    let forced = queue.force_push(2).unwrap();
    assert_eq!(forced.oldest, Some(1));
    assert_eq!((queue.len(), queue.is_full()), (1, true));
    assert_eq!(queue.try_pop(), Ok(2));
    queue.try_reserve(1).unwrap();
    assert_eq!(
        queue.force_push(3).unwrap_err(),
        ForceSendError::Reserved(3)
    );
    assert_eq!(push_permitted(&queue, 4), Ok(false));
    queue.close();
    assert_eq!(queue.force_push(5).unwrap_err(), ForceSendError::Closed(5));
    assert_eq!(queue.try_pop(), Ok(4));
    assert_eq!(queue.try_pop(), Err(TryRecvError::Empty), "a permit is out");
    assert!(queue.release(1), "the last permit ends a closed channel");
    assert_eq!(queue.try_pop(), Err(TryRecvError::Closed));
    let summary = queue.summary();
    assert_eq!((summary.sent, summary.received, summary.dropped), (3, 2, 1));
}

#[test]
fn abandoned_queue_takes_nothing_from_permits() {
    let queue = Stamped::new(2).unwrap();
    queue.try_reserve(2).unwrap();
    queue.abandon();
    assert_eq!(queue.state(), State::Closed);
    assert_eq!(push_permitted(&queue, "late"), Err("late"));
    queue.release(1);
    assert_eq!(queue.len(), 0);
}

#[derive(Debug, Clone)]
enum Step {
    Push(u8),
    PushBatch(Vec<u8>),
    Pop,
    PopBatch(usize),
    Reserve(usize),
    Release,
    PushPermitted(u8),
    Force(u8),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Push),
        2 => prop::collection::vec(any::<u8>(), 0..7).prop_map(Step::PushBatch),
        4 => Just(Step::Pop),
        2 => (0_usize..7).prop_map(Step::PopBatch),
        2 => (0_usize..4).prop_map(Step::Reserve),
        1 => Just(Step::Release),
        2 => any::<u8>().prop_map(Step::PushPermitted),
        2 => any::<u8>().prop_map(Step::Force),
        1 => prop_oneof![9 => Just(Step::Pop), 1 => Just(Step::Close)],
    ]
}

/// What the queue should do, one step at a time.
#[derive(Debug, Default)]
struct Model {
    capacity: usize,
    queued: VecDeque<u8>,
    permits: usize,
    closed: bool,
}

impl Model {
    fn room(&self) -> usize {
        self.capacity - self.queued.len() - self.permits
    }

    fn nothing(&self) -> TryRecvError {
        if self.closed && self.permits == 0 {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        }
    }
}

fn run(capacity: usize, before: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
    // Counted references see a value that is lost or dropped twice.
    let alive = Rc::new(());
    let item = |v: u8| (v, Rc::clone(&alive));
    let queue = at_the_end_of_time(capacity, before);
    let mut model = Model {
        capacity,
        ..Model::default()
    };
    for step in steps {
        match step {
            Step::Push(v) => {
                let expected = if model.closed {
                    Err(TrySendError::Closed(item(v)))
                } else if model.room() == 0 {
                    Err(TrySendError::Full(item(v)))
                } else {
                    model.queued.push_back(v);
                    Ok(())
                };
                prop_assert_eq!(queue.try_push(item(v)), expected);
            }
            Step::PushBatch(batch) => {
                let mut items = batch
                    .iter()
                    .map(|&v| item(v))
                    .collect::<Vec<_>>()
                    .into_iter();
                let expected = if model.closed {
                    Err(TrySendError::Closed(()))
                } else if model.room() == 0 && !batch.is_empty() {
                    Err(TrySendError::Full(()))
                } else {
                    let count = model.room().min(batch.len());
                    model.queued.extend(&batch[..count]);
                    Ok(count)
                };
                prop_assert_eq!(queue.push_batch(&mut items), expected);
                prop_assert_eq!(items.len(), batch.len() - expected.unwrap_or(0));
            }
            Step::Pop => {
                let expected = model.queued.pop_front().ok_or(model.nothing());
                prop_assert_eq!(queue.try_pop().map(|(v, _)| v), expected);
            }
            Step::PopBatch(max) => {
                let mut into = Vec::new();
                let expected = match model.queued.len().min(max) {
                    0 if max > 0 => Err(model.nothing()),
                    count => Ok(count),
                };
                prop_assert_eq!(queue.pop_batch(&mut into, max), expected);
                let taken = model.queued.drain(..expected.unwrap_or(0));
                prop_assert!(into.iter().map(|(v, _)| *v).eq(taken));
            }
            Step::Reserve(count) => {
                let expected = if count > capacity {
                    Err(TryReserveError::TooMany {
                        requested: count,
                        capacity,
                    })
                } else if model.closed {
                    Err(TryReserveError::Closed)
                } else if model.room() < count {
                    Err(TryReserveError::Full)
                } else {
                    model.permits += count;
                    Ok(())
                };
                prop_assert_eq!(queue.try_reserve(count), expected);
            }
            Step::Release if model.permits > 0 => {
                model.permits -= 1;
                prop_assert_eq!(queue.release(1), model.closed && model.permits == 0);
            }
            Step::PushPermitted(v) if model.permits > 0 => {
                model.permits -= 1;
                model.queued.push_back(v);
                prop_assert_eq!(push_permitted(&queue, item(v)), Ok(model.closed));
            }
            Step::Release | Step::PushPermitted(_) => {}
            Step::Force(v) => {
                let expected = if model.closed {
                    Err(ForceSendError::Closed(v))
                } else if model.room() > 0 {
                    Ok(None)
                } else if let Some(oldest) = model.queued.pop_front() {
                    Ok(Some(oldest))
                } else {
                    Err(ForceSendError::Reserved(v))
                };
                if expected.is_ok() {
                    model.queued.push_back(v);
                }
                let forced = queue.force_push(item(v));
                let forced = forced
                    .map(|f| f.oldest.map(|(v, _)| v))
                    .map_err(|e| match e {
                        ForceSendError::Closed((v, _)) => ForceSendError::Closed(v),
                        ForceSendError::Reserved((v, _)) => ForceSendError::Reserved(v),
                    });
                prop_assert_eq!(forced, expected);
            }
            Step::Close => {
                prop_assert_eq!(queue.close(), !model.closed);
                model.closed = true;
            }
        }
        prop_assert_eq!(queue.len(), model.queued.len());
        prop_assert_eq!(queue.is_empty(), model.queued.is_empty());
        prop_assert_eq!(queue.is_full(), model.room() == 0);
        prop_assert_eq!(Rc::strong_count(&alive), 1 + model.queued.len());
        let expected = match (model.closed, model.queued.len() + model.permits) {
            (false, _) => State::Open,
            (true, 0) => State::Closed,
            (true, _) => State::Closing,
        };
        prop_assert_eq!(queue.state(), expected);
    }
    drop(queue);
    prop_assert_eq!(Rc::strong_count(&alive), 1);
    Ok(())
}

proptest! {
    #[test]
    fn agrees_with_the_model(
        capacity in 1_usize..6,
        before in 0_u64..12,
        steps in prop::collection::vec(step(), 0..80),
    ) {
        run(capacity, before, steps)?;
    }
}
