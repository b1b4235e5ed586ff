//! Flights: one for each key that is being fetched.
//!
//! # States
//!
//! | state | who is in it | next |
//! |---|---|---|
//! | nobody leads | callers that wait, none yet or none any more | the first that looks leads |
//! | led | one leader, others wait | landed; or, if the leader is dropped, nobody leads |
//! | landed | those who have not looked yet | gone with the last of them |
//!
//! A flight is in the map until it lands or its last caller leaves, so the map is no larger than
//! the number of callers. Leaving wakes everybody who waits, and whoever looks first leads: a wake
//! is a hint, so a caller that was woken and dropped takes nothing with it.
//!
//! `overtaken` is written and read under the cache's writer lock: a store of the same key either
//! comes before the fetched value is published, which then is not, or after it, and replaces it.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;
use zc_core::sync::Mutex;
use zc_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use zc_core::wait::WaitList;

/// How a flight ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Value(Bytes),
    /// An `Arc<E>` of the leader's error type.
    Failed(Arc<dyn Any + Send + Sync>),
}

/// What a caller is told to do.
#[derive(Debug)]
pub(crate) enum Turn {
    Lead,
    Landed(Outcome),
}

/// One key that is being fetched.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    state: Mutex<State>,
    pub(crate) changed: WaitList,
    overtaken: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    led: bool,
    outcome: Option<Outcome>,
    /// Callers in it.
    seats: usize,
}

/// All of them, by key in shards with a lock each.
#[derive(Debug)]
pub(crate) struct Flights(Box<[Shard]>);

#[derive(Debug, Default)]
struct Shard {
    map: Mutex<HashMap<Box<[u8]>, Arc<Flight>>>,
    /// The map's size, to ask without its lock.
    count: AtomicUsize,
}

impl Flight {
    /// Whether the key was changed since the flight began. Under the writer lock.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::Relaxed)
    }
}

impl Flights {
    pub(crate) fn new(shards: usize) -> Self {
        Self((0..shards.max(1)).map(|_| Shard::default()).collect())
    }

    fn shard(&self, key: &[u8]) -> &Shard {
        &self.0[xxh3_64(key) as usize % self.0.len()]
    }

    /// The key was changed. Under the writer lock.
    pub(crate) fn overtake(&self, key: &[u8]) {
        let shard = self.shard(key);
        if shard.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(flight) = shard.map.lock().get(key) {
            flight.overtaken.store(true, Ordering::Relaxed);
        }
    }

    /// Every key was changed. Under the writer lock.
    pub(crate) fn overtake_all(&self) {
        for shard in &self.0 {
            for flight in shard.map.lock().values() {
                flight.overtaken.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// A caller's place in a flight.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    shard: &'a Shard,
    flight: Arc<Flight>,
    key: Box<[u8]>,
    leads: AtomicBool,
}

impl<'a> Seat<'a> {
    /// Joins the flight of `key`, or opens one.
    pub(crate) fn take(flights: &'a Flights, key: &[u8]) -> Self {
        let shard = flights.shard(key);
        let mut map = shard.map.lock();
        let flight = match map.get(key) {
            Some(flight) => Arc::clone(flight),
            None => {
                let flight = Arc::new(Flight::default());
                map.insert(key.into(), Arc::clone(&flight));
                shard.count.store(map.len(), Ordering::SeqCst);
                flight
            }
        };
        flight.state.lock().seats += 1;
        Self {
            shard,
            flight,
            key: key.into(),
            leads: AtomicBool::new(false),
        }
    }

    pub(crate) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// Takes the lead if nobody has it; gives the outcome if there is one.
    pub(crate) fn look(&self) -> Option<Turn> {
        let mut state = self.flight.state.lock();
        if let Some(outcome) = &state.outcome {
            return Some(Turn::Landed(outcome.clone()));
        }
        if state.led {
            return None;
        }
        state.led = true;
        self.leads.store(true, Ordering::Relaxed);
        Some(Turn::Lead)
    }

    /// Ends the flight. Who comes from now on opens another one.
    pub(crate) fn land(&self, outcome: Outcome) {
        self.forget_flight();
        self.flight.state.lock().outcome = Some(outcome);
        self.flight.changed.notify_all();
    }

    fn forget_flight(&self) {
        let mut map = self.shard.map.lock();
        if map
            .get(&*self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            map.remove(&*self.key);
            self.shard.count.store(map.len(), Ordering::SeqCst);
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        // Under the map's lock, so that nobody joins between the look and the removal.
        let mut map = self.shard.map.lock();
        let mut state = self.flight.state.lock();
        state.seats -= 1;
        let last = state.seats == 0;
        let hand_over = self.leads.load(Ordering::Relaxed) && state.outcome.is_none();
        if hand_over {
            state.led = false;
        }
        drop(state);
        let removed = match map.get(&*self.key) {
            Some(flight) if last && Arc::ptr_eq(flight, &self.flight) => map.remove(&*self.key),
            _ => None,
        };
        self.shard.count.store(map.len(), Ordering::SeqCst);
        drop(map);
        drop(removed);
        if hand_over {
            self.flight.changed.notify_all();
        }
    }
}
