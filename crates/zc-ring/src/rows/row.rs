//! [`RowMut`]: a row that is being set.

mod aside;

use std::fmt;

use super::access::{merge_plain, put_plain};
use super::error::RowError;
use super::record::{Put, Record, RecordData};
use super::schema::{ColumnHandle, Key, Place};
use super::store::RowStore;
use super::value::{ColumnData, Kind, Raw, Scalar};
use super::words::Span;
pub(super) use aside::Aside;
use aside::{complete, set_any, set_record};

/// A row that is being set. It is published when every column that is not nullable is set and the
/// closure that sets them returns `Ok`.
pub struct RowMut<'a> {
    store: &'a RowStore,
    /// Handles with this key are of plain columns of this row's.
    plain: Key,
    /// Its own words in the store.
    words: Span<'a>,
    /// Which of the first 64 columns have been set as plain ones: a bit each.
    set: u64,
    aside: &'a mut Aside,
}

impl<'a> RowMut<'a> {
    /// A row of which nothing is set, in `words`, which are those at `aside.at` in the store.
    #[inline(always)]
    pub(super) fn new(store: &'a RowStore, words: Span<'a>, aside: &'a mut Aside) -> Self {
        Self {
            store,
            plain: store.shape.plain,
            words,
            set: 0,
            aside,
        }
    }

    /// Sets a column. Setting it again overwrites it.
    ///
    /// Costs least with a handle from the ring's own schema or a clone of it, for a number or truth value
    /// that is neither a delta column nor nullable: then it is a comparison and a store. Many columns
    /// are quicker set at once ([`set_record`](Self::set_record)).
    ///
    /// # Errors
    /// [`RowError::ForeignHandle`], [`RowError::StaleSchema`]; [`RowError::Length`] for bytes of the wrong length,
    /// [`RowError::TooLong`] for a text. The column stays as it was.
    #[inline(always)]
    pub fn set<T: ColumnData + ?Sized>(
        &mut self,
        column: ColumnHandle<T>,
        value: T::Value<'_>,
    ) -> Result<(), RowError> {
        let raw = T::into_raw(value);
        if T::KIND == Kind::Number
            && !T::NULLABLE
            && column.key == self.plain
            && let Raw::Number(logical) = raw
        {
            merge_plain(self.words, &column.place, T::WIDTH, logical);
            self.set |= column.place.bit();
            return Ok(());
        }
        set_any(self.store, self.aside, &column, raw)
    }

    /// Sets the columns of a record: as [`set`](Self::set) for each, but that what is the same for all of them
    /// is done once.
    ///
    /// # Errors
    /// [`RowError::ForeignHandle`], [`RowError::StaleSchema`].
    #[inline(always)]
    pub fn set_record<T: RecordData>(
        &mut self,
        record: &Record<T>,
        values: T,
    ) -> Result<(), RowError> {
        if record.key == self.plain {
            let (words, places) = (self.words, &record.places);
            values.put_into(&mut Plain { words, places });
            self.set |= record.bits;
            return Ok(());
        }
        set_record(
            self.store,
            self.words,
            self.aside,
            record,
            &values.logical(),
        )
    }

    /// Says that a nullable column has no value in this row, as if it had not been set.
    ///
    /// # Errors
    /// [`RowError::NotNullable`], [`RowError::ForeignHandle`], [`RowError::StaleSchema`]. The column stays as it was.
    pub fn set_null<T: ColumnData + ?Sized>(
        &mut self,
        column: ColumnHandle<T>,
    ) -> Result<(), RowError> {
        set_any(self.store, self.aside, &column, Raw::Null)
    }

    /// The sequence the row will get; of one of several producers, one that it may get: others may
    /// be quicker.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.aside.sequence
    }

    /// Sets every column to what it is in row `index` of `from`, which is complete. `Err` where that
    /// has another schema.
    pub(crate) fn copy(&mut self, from: &RowStore, index: usize) -> Result<(), OtherSchema> {
        if from.schema != self.store.schema {
            return Err(OtherSchema);
        }
        self.store.copy_row(self.aside.at, from, index as u64);
        self.aside.set = [u64::MAX; 2];
        Ok(())
    }

    /// Makes null what may be and has not been set. `Err`: the first column that has not been set and
    /// must be.
    #[inline(always)]
    pub(super) fn complete(&self) -> Result<(), usize> {
        let shape = &self.store.shape;
        if shape.is_simple && shape.required & !(self.set | self.aside.set[0]) == 0 {
            return Ok(());
        }
        complete(self.store, self.set, self.aside)
    }

    /// Whether a handle was one of an earlier schema.
    pub(super) fn is_stale(&self) -> bool {
        self.aside.is_stale
    }
}

/// Sets the columns of a record that are all plain.
struct Plain<'r> {
    words: Span<'r>,
    places: &'r [Place],
}

impl Put for Plain<'_> {
    #[inline(always)]
    fn put<T: Scalar>(&mut self, index: usize, value: T) {
        put_plain(
            self.words,
            &self.places[index],
            T::WIDTH,
            value.to_logical(),
        );
    }
}

/// The rows are of another schema.
#[derive(Debug)]
pub(crate) struct OtherSchema;

impl fmt::Debug for RowMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowMut")
            .field("set", &format_args!("{:b}", self.set))
            .field("aside", &self.aside)
            .finish()
    }
}
