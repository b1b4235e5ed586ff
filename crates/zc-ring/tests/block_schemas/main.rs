//! Random schemas of every type, nullable or not, delta or not, with random and adversarial rows: what
//! is sealed comes back bit for bit, read as rows, as columns and through Arrow.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::fs;
use std::path::Path;

use cells::{Cell, SHAPES, Spec, cell, mixed, schema, specs};
use proptest::prelude::*;
use zc_ring::rows::{ColumnDef, Scalar};
use zc_ring::{
    Block, ColumnType, ConsumerOptions, DeltaWidth, Encoding, OnLag, RowConsumer, RowError, RowMut,
    RowRing, Schema, Start,
};

/// `$body` with `$t` as the type of a column of numbers; `None` for bytes and texts.
macro_rules! with_number {
    ($column_type:expr, $t:ident => $body:expr) => {
        with_number!(@ $column_type, $t, $body,
            I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
            F32 f32, F64 f64, Bool bool)
    };
    (@ $column_type:expr, $t:ident, $body:expr, $($variant:ident $type:ty),*) => {
        match $column_type {
            $(ColumnType::$variant => {
                type $t = $type;
                Some($body)
            })*
            _ => None,
        }
    };
}

mod cells;

fn set(to: &mut RowMut<'_>, schema: &Schema, index: usize, cell: &Cell) -> Result<(), RowError> {
    let column = &schema.columns()[index];
    let name = column.name.as_str();
    match cell {
        Cell::Text(text) => to.set(schema.column::<str>(name).unwrap(), text.as_str()),
        Cell::Bytes(bytes) => to.set(schema.column::<[u8]>(name).unwrap(), bytes),
        Cell::Null => match column.column_type {
            ColumnType::Str { .. } => to.set_null(schema.column::<str>(name).unwrap()),
            ColumnType::FixedBytes(_) => to.set_null(schema.column::<[u8]>(name).unwrap()),
            number => {
                with_number!(number, T => to.set_null(schema.column::<T>(name).unwrap())).unwrap()
            }
        },
        Cell::Number(number) => with_number!(column.column_type, T => {
            to.set(schema.column::<T>(name).unwrap(), T::from_logical(*number))
        })
        .unwrap(),
    }
}

/// A ring with these columns in it, of which the first row has the sequence `first`, and a consumer
/// that reads them in place or from copies.
fn filled(
    schema: &Schema,
    columns: &[Vec<Cell>],
    first: u64,
    on_lag: OnLag,
) -> (RowRing, RowConsumer) {
    let rows = columns[0].len();
    let ring = RowRing::builder(schema.clone(), rows.next_power_of_two());
    let ring = ring.initial_sequence(first).build().unwrap();
    let options = ConsumerOptions {
        from: Start::Oldest,
        on_lag,
        ..Default::default()
    };
    let consumer = ring.consumer(options).unwrap();
    let mut producer = ring.producer().unwrap();
    for row in 0..rows {
        let set_all = |to: &mut RowMut<'_>| {
            let mut columns = columns.iter().enumerate();
            columns.try_for_each(|(index, cells)| set(to, schema, index, &cells[row]))
        };
        producer.push(set_all).unwrap();
    }
    (ring, consumer)
}

/// Everything there is to ask a block about a column.
fn check_column(block: &Block, column: &ColumnDef, cells: &[Cell]) {
    let name = column.name.as_str();
    let is_null = |row: usize| cells[row] == Cell::Null;
    let nulls = (0..cells.len()).filter(|row| is_null(*row)).count();
    match column.column_type {
        ColumnType::Str { .. } => {
            let values = block.column::<str>(name).unwrap();
            assert_eq!(values.len(), cells.len());
            for (row, (value, cell)) in values.iter().zip(cells).enumerate() {
                assert!(
                    matches!(cell, Cell::Text(text) if text == value)
                        || is_null(row) && value.is_empty()
                );
            }
            assert_eq!(block.null_count::<str>(name), Ok(nulls));
            if column.nullable {
                let values = block.column::<Option<&str>>(name).unwrap();
                assert!((0..cells.len()).all(|row| values[row].is_none() == is_null(row)));
            }
        }
        ColumnType::FixedBytes(_) => {
            let values = block.column::<[u8]>(name).unwrap();
            assert_eq!(values.len(), cells.len());
            for (row, (value, cell)) in values.iter().zip(cells).enumerate() {
                assert!(
                    matches!(cell, Cell::Bytes(bytes) if bytes == value)
                        || is_null(row) && value.iter().all(|byte| *byte == 0)
                );
            }
            assert_eq!(block.null_count::<[u8]>(name), Ok(nulls));
            if column.nullable {
                let values = block.column::<Option<&[u8]>>(name).unwrap();
                assert!((0..cells.len()).all(|row| values[row].is_none() == is_null(row)));
            }
        }
        number => with_number!(number, T => check_numbers::<T>(block, column, cells)).unwrap(),
    }
}

fn check_numbers<T: Scalar>(block: &Block, column: &ColumnDef, cells: &[Cell])
where
    Option<T>: Nullable<T>,
{
    let name = column.name.as_str();
    let logical = |values: &[T]| values.iter().map(|v| v.to_logical()).collect::<Vec<_>>();
    let wanted: Vec<u64> = cells
        .iter()
        .map(|cell| cell.number().unwrap_or(0))
        .collect();
    assert_eq!(logical(&block.column::<T>(name).unwrap()), wanted);
    let mut into = vec![T::from_logical(1); cells.len()];
    block.column_into::<T>(name, &mut into).unwrap();
    assert_eq!(logical(&into), wanted);
    for row in [0, cells.len() / 3, cells.len() - 1] {
        let value = block.value::<T>(name, row).unwrap().unwrap();
        assert_eq!(value.to_logical(), wanted[row]);
        let is_null = cells[row] == Cell::Null;
        assert_eq!(block.is_null::<T>(name, row), Ok(Some(is_null)));
    }
    let there: Vec<u64> = cells.iter().filter_map(Cell::number).collect();
    assert_eq!(block.null_count::<T>(name), Ok(cells.len() - there.len()));
    let (least, most) = block.range::<T>(name).unwrap();
    let by_order = |number: &&u64| order(column.column_type, **number);
    // Zeros where every row is null.
    let wanted = there.iter().min_by_key(by_order).copied().unwrap_or(0);
    assert_eq!(least.to_logical(), wanted);
    let wanted = there.iter().max_by_key(by_order).copied().unwrap_or(0);
    assert_eq!(most.to_logical(), wanted);
    if column.nullable {
        let found = <Option<T>>::found(block, name);
        assert!(found.into_iter().eq(cells.iter().map(Cell::number)));
    }
}

/// Numbers in the order of their type, as signed ones.
fn order(column_type: ColumnType, number: u64) -> i128 {
    match column_type {
        ColumnType::U64 => i128::from(number),
        // In total order the bits of negative floats count backwards.
        ColumnType::F32 => {
            let bits = number as u32 as i32;
            i128::from(bits ^ ((bits >> 31) as u32 >> 1) as i32)
        }
        ColumnType::F64 => {
            let bits = number as i64;
            i128::from(bits ^ ((bits >> 63) as u64 >> 1) as i64)
        }
        _ => i128::from(number as i64),
    }
}

/// Reading a nullable column by its `Option` type.
trait Nullable<T> {
    fn found(block: &Block, name: &str) -> Vec<Option<u64>>;
}

macro_rules! nullable {
    ($($t:ty),*) => {$(
        impl Nullable<$t> for Option<$t> {
            fn found(block: &Block, name: &str) -> Vec<Option<u64>> {
                let values = block.column::<Option<$t>>(name).unwrap();
                values.into_iter().map(|value| value.map(|value| value.to_logical())).collect()
            }
        }
    )*};
}

nullable!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool);

/// Rows of the ring themselves, before they are sealed.
fn check_rows(
    consumer: &mut RowConsumer,
    schema: &Schema,
    columns: &[Vec<Cell>],
) -> [(Encoding, Block); 2] {
    let batch = consumer.poll(1024).rows().unwrap();
    assert_eq!(batch.len(), columns[0].len());
    for (column, cells) in schema.columns().iter().zip(columns) {
        let name = column.name.as_str();
        let is_text = matches!(column.column_type, ColumnType::Str { .. });
        for (row, cell) in cells.iter().enumerate() {
            match cell {
                Cell::Text(text) => {
                    let values = batch.column(schema.column::<str>(name).unwrap());
                    assert_eq!(values.get(row), Some(text.as_str()));
                }
                Cell::Bytes(bytes) => {
                    let values = batch.column(schema.column::<[u8]>(name).unwrap());
                    assert_eq!(values.get(row), Some(&bytes[..]));
                }
                Cell::Number(number) => with_number!(column.column_type, T => {
                    let values = batch.column(schema.column::<T>(name).unwrap());
                    assert_eq!(values.get(row).unwrap().to_logical(), *number);
                })
                .unwrap(),
                Cell::Null if is_text => {
                    let values = batch.column(schema.column::<str>(name).unwrap());
                    assert!(values.is_null(row));
                }
                Cell::Null => {}
            }
        }
    }
    let sealed = |encoding| (encoding, batch.to_block_with(encoding).unwrap());
    [Encoding::Smallest, Encoding::Plain].map(sealed)
}

/// To Arrow and from there into another ring, whose rows are sealed to the same bytes.
#[cfg(feature = "arrow")]
fn check_arrow(block: &Block, encoding: Encoding) {
    let batch = block.to_record_batch().unwrap();
    let ring = RowRing::builder(block.schema().clone(), 1024);
    let ring = ring.initial_sequence(block.sequence()).build().unwrap();
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    ring.producer().unwrap().push_record_batch(&batch).unwrap();
    let again = consumer.poll(1024).rows().unwrap();
    let again = again.to_block_with(encoding).unwrap();
    assert!(again.bytes()[..] == block.bytes()[..]);
}

#[cfg(not(feature = "arrow"))]
fn check_arrow(_: &Block, _: Encoding) {}

fn comes_back(specs: &[Spec], rows: u64, first: u64) {
    let schema = schema(specs);
    let column = |spec: &Spec| (0..rows).map(|row| cell(spec, row)).collect();
    let columns: Vec<Vec<Cell>> = specs.iter().map(column).collect();
    let (_ring, mut consumer) = filled(&schema, &columns, first, OnLag::Block);
    let blocks = check_rows(&mut consumer, &schema, &columns);
    let (_ring, mut consumer) = filled(&schema, &columns, first, OnLag::Lossy);
    let of_copies = check_rows(&mut consumer, &schema, &columns);
    for ((encoding, block), (_, of_copy)) in blocks.into_iter().zip(&of_copies) {
        assert!(block.bytes()[..] == of_copy.bytes()[..]);
        let block = Block::decode(block.bytes()).unwrap();
        assert_eq!((block.rows() as u64, block.sequence()), (rows, first));
        assert_eq!(*block.schema(), schema);
        for (column, cells) in schema.columns().iter().zip(&columns) {
            check_column(&block, column, cells);
        }
        check_arrow(&block, encoding);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_sealed_comes_back(
        specs in prop::collection::vec(specs(), 1..9),
        rows in prop_oneof![1..20u64, 1..1025u64],
        first in prop_oneof![Just(0), 0..3000u64, (0..1500u64).prop_map(|n| u64::MAX - n)],
    ) {
        comes_back(&specs, rows, first);
    }
}

/// Each type, with and without deltas, of one shape or of each in turn.
fn every_type(shape: Option<u8>) -> Vec<Spec> {
    let types = [
        (ColumnType::I8, None),
        (ColumnType::I16, Some(DeltaWidth::I8)),
        (ColumnType::I32, Some(DeltaWidth::I16)),
        (ColumnType::I64, Some(DeltaWidth::I32)),
        (ColumnType::U8, None),
        (ColumnType::U16, Some(DeltaWidth::I8)),
        (ColumnType::U32, Some(DeltaWidth::I8)),
        (ColumnType::U64, Some(DeltaWidth::I16)),
        (ColumnType::F32, None),
        (ColumnType::F64, None),
        (ColumnType::Bool, None),
        (ColumnType::FixedBytes(9), None),
        (ColumnType::Str { max: 5 }, None),
        (ColumnType::Str { max: 300 }, None),
    ];
    let twice = types
        .into_iter()
        .flat_map(|(column_type, delta)| [(column_type, delta), (column_type, None)]);
    let spec = |(n, (column_type, delta)): (u64, (ColumnType, Option<DeltaWidth>))| Spec {
        column_type,
        nullable: n % 3 > 0,
        delta,
        shape: shape.unwrap_or((n % u64::from(SHAPES)) as u8),
        nulls: n % 4,
        seed: mixed(n),
    };
    (0..).zip(twice).map(spec).collect()
}

#[test]
fn every_type_of_every_shape_comes_back() {
    for shape in 0..SHAPES {
        comes_back(&every_type(Some(shape)), 200, 900);
    }
}

/// The format is what it was: blocks that were sealed once are read, and sealed to the same bytes.
#[test]
fn blocks_of_version_2_and_3_are_read_and_written_as_ever() {
    let newest = every_type(None);
    let mut older = every_type(None);
    older.retain(|spec| !matches!(spec.column_type, ColumnType::Str { .. }));
    for spec in &mut older {
        spec.nullable = false;
        // No field ids of their own.
        spec.seed = spec.seed / 3 * 3 + 1;
    }
    for (version, specs) in [(2, older), (3, newest)] {
        let schema = schema(&specs);
        let column = |spec: &Spec| (0..200).map(|row| cell(spec, row)).collect();
        let columns: Vec<Vec<Cell>> = specs.iter().map(column).collect();
        let (_ring, mut consumer) = filled(&schema, &columns, 900, OnLag::Block);
        let [(_, sealed), _] = check_rows(&mut consumer, &schema, &columns);
        let path = format!("tests/block_schemas/version-{version}.block");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let golden = fs::read(path).unwrap();
        assert_eq!(u16::from(golden[4]), version);
        assert!(sealed.bytes()[..] == golden[..]);
        let block = Block::decode(&golden[..]).unwrap();
        assert_eq!(*block.schema(), schema);
        for (column, cells) in schema.columns().iter().zip(&columns) {
            check_column(&block, column, cells);
        }
    }
}

/// The longest text that a row can have, and none at all, in one column.
#[test]
fn texts_of_64_kib_come_back() {
    let max = 64 << 10;
    let schema = Schema::builder().str("c0", max).build().unwrap();
    let texts = ["", &"x".repeat(max), "", &"é".repeat(max / 2), "\0"];
    let cells: Vec<Cell> = texts
        .iter()
        .map(|text| Cell::Text((*text).to_owned()))
        .collect();
    let columns = [cells];
    let (_ring, mut consumer) = filled(&schema, &columns, 0, OnLag::Block);
    for (encoding, block) in check_rows(&mut consumer, &schema, &columns) {
        let block = Block::decode(block.bytes()).unwrap();
        check_column(&block, &schema.columns()[0], &columns[0]);
        check_arrow(&block, encoding);
    }
}
