//! Blocks and batches of rows as Arrow [`RecordBatch`]es, and back.
//!
//! A block that was sealed with [`Encoding::Plain`] is handed over without a copy: numbers, bools, fixed
//! bytes and texts lie in it as Arrow wants them, aligned to 64 bytes. Arrow's buffers hold the block's
//! memory; it is freed when the last of them is dropped. Columns that are compressed are decoded, once,
//! into memory that Arrow then owns.
//!
//! What others hold cannot be used for anything else: a [`PinBudget`] bounds it.
//!
//! ```
//! use zc_ring::arrow::PinBudget;
//! use zc_ring::{Block, ConsumerOptions, Encoding, RowRing, Schema};
//!
//! let schema = Schema::builder().i64("ts").build()?;
//! let ts = schema.column::<i64>("ts")?;
//! let ring = RowRing::builder(schema, 8).build()?;
//! let mut consumer = ring.consumer(ConsumerOptions::default())?;
//! ring.producer()?.push(|row| row.set(ts, 7))?;
//! let block = consumer.poll(8).rows().expect("a row").to_block_with(Encoding::Plain)?;
//!
//! let budget = PinBudget::new(1 << 20);
//! let batch = block.to_record_batch_within(&budget)?;
//! assert_eq!(budget.pinned(), block.encoded_bytes());
//! drop(batch);
//! assert_eq!(budget.pinned(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, FixedSizeBinaryArray, PrimitiveArray,
    RecordBatch, StringArray, types,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{DataType, Field};
use thiserror::Error;
use zc_core::sync::atomic::{AtomicUsize, Ordering};
use zc_core::{Frozen, ledger};

use crate::block::{Block, BlockError, Encoding};
use crate::rows::{
    ColumnData, ColumnDef, ColumnHandle, ColumnType, PushError, RowBatch, RowError, RowMut,
    RowProducer, Scalar,
};

/// A record batch could not be made, or not be pushed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordBatchError {
    /// The block could not be sealed or decoded.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// Arrow refused.
    #[error("Arrow: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// Too much memory is in Arrow's hands already.
    #[error("{needed} bytes would be pinned, of the budget {left} are left")]
    BudgetSpent {
        /// Bytes of the block.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// A value does not fit its column: a text is too long.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The batch does not have a column of the ring's.
    #[error("the record batch has no column `{column}`")]
    MissingColumn {
        /// The column.
        column: String,
    },
    /// The batch's column is of another type.
    #[error("column `{column}` of the record batch is {found}, not {expected}")]
    WrongType {
        /// The column.
        column: String,
        /// The type it should have.
        expected: DataType,
        /// The type it has.
        found: DataType,
    },
    /// The batch's column has rows without a value, and the ring's is not nullable.
    #[error(
        "column `{column}` of the record batch has {nulls} rows without a value, and is not nullable"
    )]
    Nulls {
        /// The column.
        column: String,
        /// How many.
        nulls: usize,
    },
    /// The batch fits, but one of its rows could not be published: the ring's schema was changed
    /// meanwhile, say. The rows before it were.
    #[error("{pushed} rows were published, and then one could not be: {cause}")]
    Stopped {
        /// Rows that were published: the first ones of the batch.
        pushed: usize,
        /// Why the next one was not.
        cause: PushError<RowError>,
    },
}

/// How much memory of blocks may be in Arrow's hands. Clones share it.
#[derive(Clone, Debug)]
pub struct PinBudget(Arc<Pins>);

#[derive(Debug)]
struct Pins {
    max: usize,
    pinned: AtomicUsize,
}

impl PinBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self(Arc::new(Pins {
            max: max_bytes,
            pinned: AtomicUsize::new(0),
        }))
    }

    /// Bytes that are pinned now: whole blocks, until the last array over each is dropped.
    #[must_use]
    pub fn pinned(&self) -> usize {
        self.0.pinned.load(Ordering::Relaxed)
    }

    fn pin(&self, bytes: Frozen<u8>) -> Result<Frozen<u8>, RecordBatchError> {
        let (needed, max) = (bytes.len(), self.0.max);
        // Nothing else is published with the number: it only counts.
        let pin = |pinned: usize| pinned.checked_add(needed).filter(|sum| *sum <= max);
        let pinned = self
            .0
            .pinned
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, pin);
        match pinned {
            Ok(_) => Ok(Frozen::from_owner(Pinned {
                bytes,
                budget: self.clone(),
            })),
            Err(pinned) => Err(RecordBatchError::BudgetSpent {
                needed,
                left: max - pinned,
            }),
        }
    }
}

/// A block in Arrow's hands.
struct Pinned {
    bytes: Frozen<u8>,
    budget: PinBudget,
}

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let pins = &self.budget.0;
        pins.pinned.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Block {
    /// The columns as a record batch. Those that are not compressed are not copied: Arrow holds the
    /// block's memory for as long as it has them.
    ///
    /// # Errors
    /// [`RecordBatchError::Block`] where a column cannot be decoded.
    pub fn to_record_batch(&self) -> Result<RecordBatch, RecordBatchError> {
        self.record_batch(&self.bytes())
    }

    /// The same, within a budget of memory in Arrow's hands.
    ///
    /// # Errors
    /// Also [`RecordBatchError::BudgetSpent`]: the block is copied, stored or dropped instead, as the
    /// caller likes.
    pub fn to_record_batch_within(
        &self,
        budget: &PinBudget,
    ) -> Result<RecordBatch, RecordBatchError> {
        self.record_batch(&budget.pin(self.bytes())?)
    }

    fn record_batch(&self, bytes: &Frozen<u8>) -> Result<RecordBatch, RecordBatchError> {
        let columns = self.schema().columns();
        let mut fields = Vec::with_capacity(columns.len());
        let mut arrays = Vec::with_capacity(columns.len());
        for column in columns {
            let data_type = data_type(column);
            fields.push(Field::new(&column.name, data_type, column.nullable));
            arrays.push(self.array(column, bytes)?);
        }
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        Ok(RecordBatch::try_new(schema, arrays)?)
    }

    fn array(&self, column: &ColumnDef, bytes: &Frozen<u8>) -> Result<ArrayRef, RecordBatchError> {
        let name = column.name.as_str();
        let plain = self.plain_payload(name).map(|range| bytes.slice(range));
        let nulls = self.bitmap(name).map(|range| buffer(bytes.slice(range)));
        let nulls = nulls.map(|bitmap| NullBuffer::new(BooleanBuffer::new(bitmap, 0, self.rows())));
        let array: ArrayRef = match column.column_type {
            ColumnType::I8 => self.numbers::<types::Int8Type>(name, plain, nulls)?,
            ColumnType::I16 => self.numbers::<types::Int16Type>(name, plain, nulls)?,
            ColumnType::I32 => self.numbers::<types::Int32Type>(name, plain, nulls)?,
            ColumnType::I64 => self.numbers::<types::Int64Type>(name, plain, nulls)?,
            ColumnType::U8 => self.numbers::<types::UInt8Type>(name, plain, nulls)?,
            ColumnType::U16 => self.numbers::<types::UInt16Type>(name, plain, nulls)?,
            ColumnType::U32 => self.numbers::<types::UInt32Type>(name, plain, nulls)?,
            ColumnType::U64 => self.numbers::<types::UInt64Type>(name, plain, nulls)?,
            ColumnType::F32 => self.numbers::<types::Float32Type>(name, plain, nulls)?,
            ColumnType::F64 => self.numbers::<types::Float64Type>(name, plain, nulls)?,
            ColumnType::Bool => {
                let bits = match plain {
                    Some(plain) => BooleanBuffer::new(buffer(plain), 0, self.rows()),
                    None => BooleanBuffer::from(self.column::<bool>(name)?),
                };
                Arc::new(BooleanArray::new(bits, nulls))
            }
            ColumnType::FixedBytes(width) => {
                let values = match plain {
                    Some(plain) => buffer(plain),
                    None => Buffer::from_vec(self.column::<[u8]>(name)?.into_bytes()),
                };
                Arc::new(FixedSizeBinaryArray::try_new(width as i32, values, nulls)?)
            }
            ColumnType::Str { .. } => self.texts(name, plain, nulls)?,
        };
        Ok(array)
    }

    fn texts(
        &self,
        name: &str,
        plain: Option<Frozen<u8>>,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, RecordBatchError> {
        let aligned = plain.filter(|plain| plain.as_ptr().cast::<i32>().is_aligned());
        let (offsets, texts) = match aligned {
            Some(plain) => {
                let (offsets, texts) = plain.split_at(4 * (self.rows() + 1));
                // Decoding the block has checked that they ascend within the texts.
                let offsets = ScalarBuffer::new(buffer(offsets), 0, self.rows() + 1);
                (OffsetBuffer::new(offsets), buffer(texts))
            }
            None => {
                let texts = self.column::<str>(name)?;
                let offsets = OffsetBuffer::from_lengths(texts.iter().map(str::len));
                (offsets, Buffer::from_vec(texts.into_string().into_bytes()))
            }
        };
        // Whether they are UTF-8 is asked here.
        let texts = StringArray::try_new(offsets, texts, nulls);
        let what = "texts of a column";
        Ok(Arc::new(texts.map_err(|_| BlockError::Corrupt { what })?))
    }

    fn numbers<A: ArrowPrimitiveType>(
        &self,
        name: &str,
        plain: Option<Frozen<u8>>,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, RecordBatchError>
    where
        A::Native: Scalar + ArrowNativeType,
    {
        // Blocks that came from elsewhere may lie anywhere.
        let aligned = plain.filter(|plain| plain.as_ptr().cast::<A::Native>().is_aligned());
        let values = match aligned {
            Some(plain) => ScalarBuffer::new(buffer(plain), 0, self.rows()),
            None => ScalarBuffer::from(self.column::<A::Native>(name)?),
        };
        Ok(Arc::new(PrimitiveArray::<A>::new(values, nulls)))
    }
}

impl RowBatch<'_> {
    /// The rows, at most 1024, as a record batch. They are copied once, from rows to columns, and stay
    /// in hand.
    ///
    /// # Errors
    /// [`RecordBatchError::Block`], for more rows or a column that blocks do not hold.
    pub fn to_record_batch(&self) -> Result<RecordBatch, RecordBatchError> {
        self.to_block_with(Encoding::Plain)?.to_record_batch()
    }
}

impl RowProducer {
    /// Publishes every row of a record batch, waiting for room as long as it takes. Columns are found
    /// by name, those that the ring does not have are left out.
    ///
    /// # Errors
    /// [`RecordBatchError::MissingColumn`], [`RecordBatchError::WrongType`],
    /// [`RecordBatchError::Nulls`], [`RecordBatchError::Row`]; no row has been published then.
    /// [`RecordBatchError::Stopped`] if the ring was changed meanwhile; it says how many rows were
    /// published, and the rest can be pushed once the batch fits again.
    pub fn push_record_batch(&mut self, batch: &RecordBatch) -> Result<(), RecordBatchError> {
        let schema = self.schema().clone();
        let mut setters = Vec::with_capacity(schema.columns().len());
        for column in schema.columns() {
            let name = column.name.as_str();
            let array = batch.column_by_name(name);
            let array = array.ok_or_else(|| RecordBatchError::MissingColumn {
                column: name.to_owned(),
            })?;
            if *array.data_type() != data_type(column) {
                return Err(wrong_type(column, array));
            }
            if array.null_count() > 0 && !column.nullable {
                return Err(RecordBatchError::Nulls {
                    column: name.to_owned(),
                    nulls: array.null_count(),
                });
            }
            if let Some(error) = too_long(column, array.as_ref()) {
                return Err(error.into());
            }
            let setter = setter(&schema, column, array.as_ref());
            setters.push(setter.ok_or_else(|| wrong_type(column, array))?);
        }
        for row in 0..batch.num_rows() {
            self.push(|to| setters.iter().try_for_each(|set| set(to, row)))
                .map_err(|cause| RecordBatchError::Stopped { pushed: row, cause })?;
        }
        Ok(())
    }
}

type Setter<'a> = Box<dyn Fn(&mut RowMut<'_>, usize) -> Result<(), RowError> + 'a>;

/// Sets a column to the value of a row of `array`, which is of its type.
fn setter<'a>(
    schema: &crate::Schema,
    column: &ColumnDef,
    array: &'a dyn Array,
) -> Option<Setter<'a>> {
    let any = array.as_any();
    macro_rules! set {
        ($native:ty, $array:ty) => {{
            let handle = handle::<$native>(schema, column)?;
            let array = any.downcast_ref::<$array>()?;
            Box::new(move |to: &mut RowMut<'_>, row| match array.is_null(row) {
                true => to.set_null(handle),
                false => to.set(handle, array.value(row)),
            })
        }};
    }
    macro_rules! number {
        ($native:ty, $arrow:ty) => {
            set!($native, PrimitiveArray<$arrow>)
        };
    }
    Some(match column.column_type {
        ColumnType::I8 => number!(i8, types::Int8Type),
        ColumnType::I16 => number!(i16, types::Int16Type),
        ColumnType::I32 => number!(i32, types::Int32Type),
        ColumnType::I64 => number!(i64, types::Int64Type),
        ColumnType::U8 => number!(u8, types::UInt8Type),
        ColumnType::U16 => number!(u16, types::UInt16Type),
        ColumnType::U32 => number!(u32, types::UInt32Type),
        ColumnType::U64 => number!(u64, types::UInt64Type),
        ColumnType::F32 => number!(f32, types::Float32Type),
        ColumnType::F64 => number!(f64, types::Float64Type),
        ColumnType::Bool => set!(bool, BooleanArray),
        ColumnType::FixedBytes(_) => set!([u8], FixedSizeBinaryArray),
        ColumnType::Str { .. } => set!(str, StringArray),
    })
}

fn handle<T: ColumnData + ?Sized>(
    schema: &crate::Schema,
    column: &ColumnDef,
) -> Option<ColumnHandle<T>> {
    schema.column(&column.name).ok()
}

fn wrong_type(column: &ColumnDef, array: &ArrayRef) -> RecordBatchError {
    RecordBatchError::WrongType {
        column: column.name.clone(),
        expected: data_type(column),
        found: array.data_type().clone(),
    }
}

fn data_type(column: &ColumnDef) -> DataType {
    match column.column_type {
        ColumnType::I8 => DataType::Int8,
        ColumnType::I16 => DataType::Int16,
        ColumnType::I32 => DataType::Int32,
        ColumnType::I64 => DataType::Int64,
        ColumnType::U8 => DataType::UInt8,
        ColumnType::U16 => DataType::UInt16,
        ColumnType::U32 => DataType::UInt32,
        ColumnType::U64 => DataType::UInt64,
        ColumnType::F32 => DataType::Float32,
        ColumnType::F64 => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::FixedBytes(width) => DataType::FixedSizeBinary(width as i32),
        ColumnType::Str { .. } => DataType::Utf8,
    }
}

/// The first text that is longer than its column takes.
fn too_long(column: &ColumnDef, array: &dyn Array) -> Option<RowError> {
    let ColumnType::Str { max } = column.column_type else {
        return None;
    };
    let texts = array.as_any().downcast_ref::<StringArray>()?;
    let len = texts
        .iter()
        .flatten()
        .map(str::len)
        .find(|len| *len > max)?;
    let column = column.name.clone();
    Some(RowError::TooLong { column, max, len })
}

/// The same memory as one of Arrow's buffers, which holds it.
fn buffer(bytes: Frozen<u8>) -> Buffer {
    ledger::delivered(bytes.len());
    Buffer::from(bytes::Bytes::from(bytes))
}
