//! [`Pusher`]: the pushing side of a ring of rows, without its handles.
//!
//! A push goes: *room* for its rows is reserved, waiting if need be → the push *begins*, unless the
//! ring has gone on to another generation, which is followed first, and room sought there → rows are
//! set → they are published. What fails on the way leaves the ring as it was.
//!
//! # Invariants
//!
//! * **P1** Rows are set in `generation`'s store, between the beginning and the end of a push (T2 of the
//!   switch), for sequences that the writer has reserved (D1 of the store).
//! * **P2** No time is spent waiting for room while a push is in progress, so that changes do not
//!   wait for consumers.

use std::time::Instant;

use zc_core::sync::Arc;

use super::error::PushError;
use super::filler::Filler;
use super::generation::Generation;
use super::row::RowMut;
use super::store::RowStore;
use super::switch::Switch;
use crate::error::ProducerError;
use crate::sequencer::Writer;

/// How long a push waits for room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// Until then, or as long as it takes.
    Until(Option<Instant>),
}

/// The one who pushes.
#[derive(Debug)]
pub(crate) struct Pusher {
    /// Taken out when it is dropped.
    writer: Option<Writer>,
    switch: Arc<Switch>,
    generation: Arc<Generation>,
    /// The changes that `generation` takes into account.
    asked: u64,
}

impl Pusher {
    pub(crate) fn new(switch: &Arc<Switch>) -> Result<Self, ProducerError> {
        let (made, asked) = switch.with_current(|generation| {
            let writer = Writer::new(&switch.sequencer)?;
            Ok((writer, Arc::clone(generation)))
        });
        let (writer, generation) = made?;
        Ok(Self {
            writer: Some(writer),
            switch: Arc::clone(switch),
            generation,
            asked,
        })
    }

    /// Sets and publishes `rows` rows, all or none; `set` is called for each in order.
    #[inline]
    pub(crate) fn push<E>(
        &mut self,
        rows: usize,
        wait: Wait,
        set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        loop {
            self.room(rows, wait)?;
            let Self {
                writer,
                switch,
                generation,
                asked,
            } = self;
            let writer = writer.as_mut().expect("it is there until the drop");
            if let Some(_push) = switch.push(*asked) {
                return fill(writer, &generation.store, rows, set);
            }
            self.follow();
        }
    }

    /// As [`push`](Self::push), waiting as a task.
    ///
    /// Cancel-safe: until it is ready, nothing is published and no row set.
    pub(crate) async fn push_async<E>(
        &mut self,
        rows: usize,
        mut set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        loop {
            match self.push(rows, Wait::No, &mut set) {
                Err(PushError::Full) => {}
                done => return done,
            }
            let (switch, asked) = (Arc::clone(&self.switch), self.asked);
            let is_asked = || switch.is_asked(asked);
            self.writer().reserve_async_unless(rows, is_asked).await;
        }
    }

    /// The sequence the next row will get.
    pub(crate) fn sequence(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::next)
    }

    pub(crate) fn switch(&self) -> &Arc<Switch> {
        &self.switch
    }

    /// When one of those in the way is due for eviction.
    pub(crate) fn evict_at(&self) -> Option<Instant> {
        self.writer.as_ref().and_then(Writer::evict_at)
    }

    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().expect("it is there until the drop")
    }

    /// Reserves room in the generation as it is known.
    #[inline]
    fn room<E>(&mut self, rows: usize, wait: Wait) -> Result<(), PushError<E>> {
        if self.writer().try_reserve(rows) {
            return Ok(());
        }
        self.wait_for_room(rows, wait)
    }

    #[cold]
    fn wait_for_room<E>(&mut self, rows: usize, wait: Wait) -> Result<(), PushError<E>> {
        loop {
            let capacity = self.generation.store.capacity();
            if rows > capacity && !self.switch.is_asked(self.asked) {
                return Err(PushError::BatchTooLarge { rows, capacity });
            }
            let (switch, asked) = (Arc::clone(&self.switch), self.asked);
            let is_asked = || switch.is_asked(asked);
            let (is_there, refused) = match wait {
                Wait::No => (self.writer().try_reserve(rows), PushError::Full),
                Wait::Until(deadline) => {
                    let writer = self.writer();
                    let is_there = writer.reserve_unless(rows, deadline, is_asked);
                    (is_there, PushError::TimedOut)
                }
            };
            if is_there {
                return Ok(());
            }
            if !is_asked() {
                return Err(refused);
            }
            self.follow();
        }
    }

    /// Goes on to the newest generation.
    #[cold]
    fn follow(&mut self) {
        self.switch.settle();
        (self.generation, self.asked) = self.switch.current();
        self.writer().begin_generation();
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        let Self { writer, asked, .. } = self;
        let (writer, asked) = (writer.take(), *asked);
        // While no change can be made, or the licence given back would be one of an earlier
        // generation.
        let (source, _) = self.switch.with_current(|generation| {
            let mut writer = writer?;
            if generation.number != asked {
                writer.begin_generation();
            }
            Some(writer.into_source())
        });
        // Outside of the lock: this may close the ring and wake the consumers.
        drop(source);
    }
}

/// Sets and publishes reserved rows, in a push (P1).
#[inline(always)]
fn fill<E>(
    writer: &mut Writer,
    store: &RowStore,
    rows: usize,
    set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
) -> Result<u64, PushError<E>> {
    let first = writer.next();
    writer.begin(rows);
    if writer.shared() {
        store.announce(first.wrapping_add(rows as u64));
    }
    Filler::fill(store, first, first, rows, set)?;
    if rows > 0 {
        writer.publish(rows);
    }
    Ok(first)
}
