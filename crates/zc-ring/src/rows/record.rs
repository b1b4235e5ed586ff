//! [`Record`]: several number columns of a schema, set and read as a tuple.
//!
//! Names and types are checked when the record is made. What is left to a row is one comparison for all
//! its columns, then a store or a load each, at places that stand in the record.
//!
//! A column that is narrower than a word shares it with others. Where a record has all columns that lie in
//! a word, the first of them is stored over whatever was there, which is not loaded, and the others are
//! added to that ([`Join`]).

use std::fmt;
use std::marker::PhantomData;

use super::error::SchemaError;
use super::schema::{ColumnHandle, ColumnType, Field, Form, Join, Key, Place, Schema};
use super::value::Scalar;

/// The most columns a record may have.
pub(super) const MAX_FIELDS: usize = 12;

/// Several columns of a schema whose types were checked once, to be set
/// ([`RowMut::set_record`](crate::RowMut::set_record)) and read
/// ([`RowBatch::records`](crate::RowBatch::records)) as a tuple. Made by
/// [`Schema::record`]; fits every schema that is equal to that one, and is quickest with that one and its
/// clones.
///
/// ```
/// use zc_ring::{ConsumerOptions, DeltaWidth, Poll, Record, RowRing, Schema};
///
/// let schema = Schema::builder().i64("ts").delta(DeltaWidth::I32).u32("qty").build()?;
/// let trade: Record<(i64, u32)> = schema.record(["ts", "qty"])?;
/// let ring = RowRing::builder(schema, 1024).build()?;
/// let mut consumer = ring.consumer(ConsumerOptions::default())?;
///
/// ring.producer()?.push(|row| row.set_record(&trade, (1_700_000_000, 5)))?;
///
/// let Poll::Rows(batch) = consumer.poll(1024) else { panic!("a row is there") };
/// for (ts, qty) in batch.records(&trade) {
///     assert_eq!((ts, qty), (1_700_000_000, 5));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Record<T> {
    /// That of the schema with the form of the most intricate column.
    pub(super) key: Key,
    number: u64,
    pub(super) fingerprint: u64,
    /// The columns' bits among the first 64.
    pub(super) bits: u64,
    pub(super) places: [Place; MAX_FIELDS],
    _values: PhantomData<fn() -> T>,
}

/// Tuples of one to twelve numbers and truth values. Implemented here only.
pub trait RecordData: sealed::Sealed + Copy + 'static {
    /// As many names.
    type Names<'n>: AsRef<[&'n str]>;
    /// The values' logical forms, in order.
    #[doc(hidden)]
    type Logical;
    #[doc(hidden)]
    const LEN: usize;
    /// What every member has to be.
    #[doc(hidden)]
    fn members() -> impl Iterator<Item = Member>;
    #[doc(hidden)]
    fn logical(self) -> Self::Logical;
    #[doc(hidden)]
    fn from_logical(values: &Self::Logical) -> Self;
    #[doc(hidden)]
    fn put_into(self, to: &mut impl Put);
    #[doc(hidden)]
    fn take_from(from: &mut impl Take) -> Self;
}

/// The type of one value of a tuple.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Member {
    fits: fn(ColumnType) -> bool,
    name: &'static str,
}

/// Where the values of a tuple go, one after the other.
#[doc(hidden)]
pub trait Put {
    fn put<T: Scalar>(&mut self, index: usize, value: T);
}

/// Where the values of a tuple come from, one after the other.
#[doc(hidden)]
pub trait Take {
    fn take<T: Scalar>(&mut self, index: usize) -> T;
}

impl Schema {
    /// The columns `names`, in whatever order, as a tuple of number types and `bool`.
    ///
    /// # Errors
    /// [`SchemaError::UnknownColumn`], [`SchemaError::WrongType`]; [`SchemaError::DuplicateColumn`] if a
    /// name is there twice.
    pub fn record<T: RecordData>(&self, names: T::Names<'_>) -> Result<Record<T>, SchemaError> {
        let names = names.as_ref();
        let mut indices = Vec::with_capacity(names.len());
        for (member, &name) in T::members().zip(names) {
            let index = self.find(name)?;
            if indices.contains(&index) {
                let name = name.to_owned();
                return Err(SchemaError::DuplicateColumn { name });
            }
            let column = &self.columns()[index];
            if !(member.fits)(column.column_type) {
                return Err(SchemaError::WrongType {
                    name: name.to_owned(),
                    column: column.column_type,
                    asked: member.name,
                });
            }
            indices.push(index);
        }
        Ok(Record::new(self, &indices))
    }
}

impl<T> Record<T> {
    /// Of columns that are all different and of the right types.
    fn new(schema: &Schema, indices: &[usize]) -> Self {
        let mut places = [Place::of(indices[0], schema.field_ref(indices[0])); MAX_FIELDS];
        let mut form = Form::Plain;
        let mut bits = 0;
        let mut begun = Vec::new();
        for (place, &index) in places.iter_mut().zip(indices) {
            *place = Place::of(index, schema.field_ref(index));
            place.join = match begun.contains(&place.word) {
                _ if !is_alone(schema, indices, place.word) => Join::Replace,
                false => Join::Begin,
                true => Join::Add,
            };
            begun.push(place.word);
            form = form.max(place.form);
            bits |= place.bit();
        }
        Self {
            key: Key::new(schema.number(), form),
            number: schema.number(),
            fingerprint: schema.fingerprint(),
            bits,
            places,
            _values: PhantomData,
        }
    }

    /// The handle of one of its columns, of that type.
    pub(super) fn handle<C>(&self, index: usize) -> ColumnHandle<C> {
        let place = Place {
            join: Join::Replace,
            ..self.places[index]
        };
        ColumnHandle::new(self.number, self.fingerprint, place)
    }

    /// Whether all its columns are plain.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.key == Key::new(self.number, Form::Plain)
    }
}

/// Whether columns of `indices` are all there is in a word of the row.
fn is_alone(schema: &Schema, indices: &[usize], word: u16) -> bool {
    let word = usize::from(word);
    let mut others = schema.fields().iter().enumerate();
    !others.any(|(index, field)| {
        let lies_there = words_of(field).contains(&word) && !indices.contains(&index);
        lies_there || field.null.is_some_and(|null| null.word == word)
    })
}

fn words_of(field: &Field) -> std::ops::Range<usize> {
    field.offset / 8..(field.offset + field.width).div_ceil(8)
}

impl<T> Clone for Record<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Record<T> {}

impl<T> fmt::Debug for Record<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

macro_rules! tuples {
    ($($len:literal: $($member:ident $index:tt),*;)*) => {$(
        impl<$($member: Scalar),*> sealed::Sealed for ($($member,)*) {}
        impl<$($member: Scalar),*> RecordData for ($($member,)*) {
            type Names<'n> = [&'n str; $len];
            type Logical = [u64; $len];
            const LEN: usize = $len;
            fn members() -> impl Iterator<Item = Member> {
                [$(Member { fits: $member::fits, name: $member::NAME }),*].into_iter()
            }
            #[inline(always)]
            fn logical(self) -> [u64; $len] {
                [$(self.$index.to_logical()),*]
            }
            #[inline(always)]
            fn from_logical(values: &[u64; $len]) -> Self {
                ($($member::from_logical(values[$index]),)*)
            }
            #[inline(always)]
            fn put_into(self, to: &mut impl Put) {
                $(to.put::<$member>($index, self.$index);)*
            }
            #[inline(always)]
            fn take_from(from: &mut impl Take) -> Self {
                ($(from.take::<$member>($index),)*)
            }
        }
    )*};
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

mod sealed {
    pub trait Sealed {}
}
