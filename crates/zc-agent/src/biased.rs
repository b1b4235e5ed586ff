//! A lock that belongs to its owner: free for the one who uses it all the time, dear for the
//! others, who visit it once in a while.
//!
//! # States
//!
//! The value is used by one of three, never by two at once:
//!
//! * **the owner, quickly**: between raising `busy` and lowering it, having found that nobody is
//!   `wanting`. No atomic read-modify-write, no barrier: two plain stores and two plain loads.
//! * **the owner, slowly**: holding the mutex. For what it does seldom, and while somebody wants in.
//! * **a visitor**: holding the mutex, having raised `wanting`, and having found out, after the
//!   heavy barrier, that the owner is not busy.
//!
//! # Why that excludes
//!
//! The owner raises `busy` and then reads `wanting`; the visitor raises `wanting` and then reads
//! `busy`. The heavy barrier falls somewhere into the owner's program (see
//! [`asymmetric`]). If before the raising of `busy`, the owner finds `wanting` and backs off. If
//! after it, the visitor finds `busy`, and the owner will find `wanting` once it has lowered it: it
//! then takes the mutex and *acknowledges*. From its first acknowledgement, or from being found
//! not busy, the owner cannot be busy with the value until `wanting` is lowered: every later look
//! at `wanting` comes after the barrier.
//!
//! A visitor waits for an owner who is busy, so for one use of the value, asleep.
//!
//! # Invariants
//!
//! * **I1** There is one [`Owner`], and its methods take it exclusively.
//! * **I2** `value` is used only in one of the three states above.
//! * **I3** `wanting` is written only under the mutex, and is the number of visitors inside.
//!
//! Where the system has no such barrier, owner and visitors all take the mutex.

use crossbeam_utils::CachePadded;
use std::sync::Arc;
use zc_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::{Condvar, Mutex, asymmetric, edge, seeded};

/// The end that the value belongs to.
#[derive(Debug)]
pub(crate) struct Owner<T>(Arc<Inner<T>>);

/// An end for those who come once in a while.
#[derive(Debug)]
pub(crate) struct Visitor<T>(Arc<Inner<T>>);

impl<T> Clone for Visitor<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[derive(Debug)]
struct Inner<T> {
    hot: CachePadded<Hot<T>>,
    /// Whether the owner may be quick.
    has_barrier: bool,
    door: Mutex<Door>,
    opened: Condvar,
}

#[derive(Debug)]
struct Hot<T> {
    busy: AtomicBool,
    wanting: AtomicUsize,
    value: UnsafeCell<T>,
}

#[derive(Debug)]
struct Door {
    /// How often the owner has come by.
    acknowledged: u64,
    /// A word for visitors who only want to know whether to come in.
    note: u64,
}

// SAFETY: I2: the value is used by one thread at a time, each use after the one before it.
unsafe impl<T: Send> Send for Inner<T> {}

// SAFETY: as above; everything else is Sync itself.
unsafe impl<T: Send> Sync for Inner<T> {}

impl<T> Owner<T> {
    pub(crate) fn new(value: T, note: u64) -> Self {
        Self(Arc::new(Inner {
            hot: CachePadded::new(Hot {
                busy: AtomicBool::new(false),
                wanting: AtomicUsize::new(0),
                value: UnsafeCell::new(value),
            }),
            has_barrier: asymmetric::is_available(),
            door: Mutex::new(Door {
                acknowledged: 0,
                note,
            }),
            opened: Condvar::new(),
        }))
    }

    pub(crate) fn visitor(&self) -> Visitor<T> {
        Visitor(self.0.clone())
    }

    /// Uses the value; quickly, unless somebody is visiting. `f` must not block.
    #[inline]
    pub(crate) fn quickly<R>(&mut self, f: impl FnOnce(&mut T) -> R) -> R {
        let inner = &*self.0;
        if !inner.has_barrier {
            return self.slowly(|value, _| f(value));
        }
        let hot = &*inner.hot;
        hot.busy.store(true, Ordering::Relaxed);
        asymmetric::light();
        let wanting = &hot.wanting;
        if wanting.load(edge("agent.biased_wanting", Ordering::Acquire)) != 0 {
            // Release here, too: a visitor who reads this must see the uses before it.
            let order = edge("agent.biased_busy", Ordering::Release);
            hot.busy.store(false, order);
            return self.slowly(|value, _| f(value));
        }
        let leaving = Leaving(inner);
        let result = inner.hot.value.with_mut(|value| {
            // SAFETY: I1, I2: the owner, quickly.
            f(unsafe { &mut *value })
        });
        drop(leaving);
        result
    }

    /// Uses the value, and may leave a new note. `f` must not block.
    pub(crate) fn slowly<R>(&mut self, f: impl FnOnce(&mut T, &mut u64) -> R) -> R {
        let inner = &*self.0;
        let mut door = inner.door.lock();
        let result = inner.hot.value.with_mut(|value| {
            // SAFETY: I1, I2: the owner, slowly.
            f(unsafe { &mut *value }, &mut door.note)
        });
        inner.acknowledge(&mut door);
        result
    }
}

impl<T> Visitor<T> {
    /// The note that was left last. Does not disturb the owner.
    pub(crate) fn note(&self) -> u64 {
        self.0.door.lock().note
    }

    /// Uses the value if the note is one to come in for, and may leave a new one. `f` must not
    /// block.
    pub(crate) fn visit<R>(
        &self,
        is_wanted: impl FnOnce(u64) -> bool,
        f: impl FnOnce(&mut T, &mut u64) -> R,
    ) -> Option<R> {
        let inner = &*self.0;
        let wanting = &inner.hot.wanting;
        let mut door = inner.door.lock();
        if !is_wanted(door.note) {
            return None;
        }
        if inner.has_barrier {
            wanting.store(wanting.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            asymmetric::heavy();
            let seen = door.acknowledged;
            let busy = &inner.hot.busy;
            while busy.load(edge("agent.biased_busy", Ordering::Acquire))
                && door.acknowledged == seen
            {
                door = inner.opened.wait(door);
            }
        }
        let result = inner.hot.value.with_mut(|value| {
            // SAFETY: I2: a visitor.
            f(unsafe { &mut *value }, &mut door.note)
        });
        if inner.has_barrier {
            let order = edge("agent.biased_wanting", Ordering::Release);
            wanting.store(wanting.load(Ordering::Relaxed) - 1, order);
        }
        Some(result)
    }
}

impl<T> Inner<T> {
    fn acknowledge(&self, door: &mut Door) {
        if self.hot.wanting.load(Ordering::Relaxed) != 0 {
            door.acknowledged += 1;
            self.opened.notify_all();
        }
    }
}

/// Lowers `busy`, also when the use has panicked.
struct Leaving<'a, T>(&'a Inner<T>);

impl<T> Drop for Leaving<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let hot = &*self.0.hot;
        let order = edge("agent.biased_busy", Ordering::Release);
        hot.busy.store(false, order);
        asymmetric::light();
        if hot.wanting.load(Ordering::Relaxed) != 0 && !seeded("agent.biased_acknowledge") {
            let mut door = self.0.door.lock();
            self.0.acknowledge(&mut door);
        }
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn every_use_sees_the_one_before_it() {
        // A pair of numbers that only ever change together: seen apart, two were in at once.
        let mut owner = Owner::new((0_u64, 0_u64), 0);
        let done = AtomicBool::new(false);
        let visits: u64 = std::thread::scope(|scope| {
            let visitors: Vec<_> = (0..2)
                .map(|_| {
                    let (visitor, done) = (owner.visitor(), &done);
                    scope.spawn(move || {
                        let mut visits = 0;
                        while !done.load(Ordering::Relaxed) {
                            let note = visitor.visit(
                                |_| true,
                                |value, note| {
                                    assert_eq!(value.0, value.1);
                                    value.0 += 1;
                                    std::hint::spin_loop();
                                    value.1 += 1;
                                    *note += 1;
                                    *note
                                },
                            );
                            visits += u64::from(note.is_some());
                        }
                        visits
                    })
                })
                .collect();
            let end = Instant::now() + Duration::from_millis(300);
            let mut uses = 0;
            while Instant::now() < end {
                for _ in 0..1000 {
                    owner.quickly(|value| {
                        assert_eq!(value.0, value.1);
                        value.0 += 1;
                        value.1 += 1;
                    });
                }
                uses += 1000;
            }
            done.store(true, Ordering::Relaxed);
            let visits = visitors.into_iter().map(|v| v.join().unwrap()).sum();
            assert_eq!(
                owner.slowly(|value, _| *value),
                (uses + visits, uses + visits)
            );
            visits
        });
        assert_eq!(owner.visitor().note(), visits);
        assert!(visits > 0);
    }

    #[test]
    fn nobody_comes_in_for_a_note_that_says_no() {
        let mut owner = Owner::new(1, 7);
        let visitor = owner.visitor();
        assert_eq!(visitor.visit(|note| note == 8, |_, _| ()), None);
        owner.slowly(|_, note| *note = 8);
        assert_eq!(visitor.visit(|note| note == 8, |value, _| *value), Some(1));
        owner.quickly(|value| *value += 1);
        assert_eq!(visitor.visit(|_| true, |value, _| *value), Some(2));
    }
}
