//! Columns of every type and their values: what they are, and of what shape.

use proptest::prelude::*;
use zc_ring::rows::Scalar;
use zc_ring::{ColumnType, DeltaWidth, Schema};

/// One value, without its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    /// In logical form.
    Number(u64),
    Bytes(Vec<u8>),
    Text(String),
}

impl Cell {
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// One column: what it is, and what its values are like.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) column_type: ColumnType,
    pub(crate) nullable: bool,
    pub(crate) delta: Option<DeltaWidth>,
    pub(crate) shape: u8,
    /// Of ten rows, how many are null.
    pub(crate) nulls: u64,
    pub(crate) seed: u64,
}

fn column_types() -> impl Strategy<Value = ColumnType> {
    prop_oneof![
        11 => prop::sample::select(vec![
            ColumnType::I8, ColumnType::I16, ColumnType::I32, ColumnType::I64, ColumnType::U8,
            ColumnType::U16, ColumnType::U32, ColumnType::U64, ColumnType::F32, ColumnType::F64,
            ColumnType::Bool,
        ]),
        2 => prop::sample::select(vec![1, 3, 8, 65]).prop_map(ColumnType::FixedBytes),
        3 => prop::sample::select(vec![1, 12, 13, 300]).prop_map(|max| ColumnType::Str { max }),
    ]
}

pub(crate) fn specs() -> impl Strategy<Value = Spec> {
    let widths = [
        None,
        Some(DeltaWidth::I8),
        Some(DeltaWidth::I16),
        Some(DeltaWidth::I32),
    ];
    let delta = prop::sample::select(widths.to_vec());
    let of = (
        column_types(),
        any::<bool>(),
        delta,
        0..SHAPES,
        0..11u64,
        any::<u64>(),
    );
    of.prop_map(|(column_type, nullable, delta, shape, nulls, seed)| {
        let bytes = |width: DeltaWidth| match width {
            DeltaWidth::I8 => 1,
            DeltaWidth::I16 => 2,
            _ => 4,
        };
        let is_wider = |width: &DeltaWidth| match column_type {
            ColumnType::I16 | ColumnType::U16 => bytes(*width) < 2,
            ColumnType::I32 | ColumnType::U32 => bytes(*width) < 4,
            ColumnType::I64 | ColumnType::U64 => bytes(*width) < 8,
            _ => false,
        };
        Spec {
            column_type,
            nullable,
            delta: delta.filter(is_wider),
            shape,
            nulls,
            seed,
        }
    })
}

fn name(index: usize) -> String {
    format!("c{index}")
}

pub(crate) fn schema(specs: &[Spec]) -> Schema {
    let mut builder = Schema::builder();
    for (index, spec) in specs.iter().enumerate() {
        builder = builder.column(&name(index), spec.column_type);
        if spec.nullable {
            builder = builder.nullable();
        }
        if let Some(width) = spec.delta {
            builder = builder.delta(width);
        }
        if spec.seed.is_multiple_of(3) {
            builder = builder.field_id(1000 + index as u32);
        }
    }
    builder.build().unwrap()
}

/// The finalizer of splitmix64.
pub(crate) fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// What is hardest to bring back, whatever the type.
const EXTREMES: [u64; 14] = [
    0,
    1,
    u64::MAX,
    1 << 63,
    (1 << 63) - 1,
    0x8000_0000,
    0x7fff_ffff,
    0xff80_0001,
    0x7fc0_1234,
    0x7ff0_0000_0000_0001,
    0xfff8_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0x000f_ffff_ffff_ffff,
    0xffff_ffff_8000_0000,
];

pub(crate) const SHAPES: u8 = 9;

/// Bits of any shape; a number takes as many as it has.
fn bits(spec: &Spec, row: u64) -> u64 {
    let noise = mixed(spec.seed ^ row);
    let shift = spec.seed % 64;
    let leap = if noise.is_multiple_of(50) { noise } else { 0 };
    match spec.shape {
        0 => spec.seed,
        1 => spec.seed.wrapping_add(row.wrapping_mul(spec.seed >> shift)),
        2 => noise >> shift,
        3 => noise,
        4 => EXTREMES[noise as usize % EXTREMES.len()],
        5 => mixed(spec.seed ^ (row / 9)),
        6 => mixed(spec.seed ^ (noise % 6)),
        7 => spec
            .seed
            .wrapping_add(row * row * (spec.seed % 5000))
            .wrapping_add(leap),
        _ => decimal(spec.column_type, (noise % 4000) as f64 / 100.0) ^ leap,
    }
}

fn decimal(column_type: ColumnType, value: f64) -> u64 {
    match column_type {
        ColumnType::F32 => (value as f32).to_logical(),
        _ => value.to_logical(),
    }
}

fn text(spec: &Spec, max: usize, row: u64) -> String {
    let noise = mixed(spec.seed ^ row);
    let mut text = match spec.shape {
        0 => "the same €".to_owned(),
        1 => format!("{row:0>max$}"),
        2 => String::new(),
        3 => "\u{10ffff}\0ß".repeat(noise as usize % 60),
        4 => ["", "a", "\0", "ü", "𝄞"][noise as usize % 5].repeat(max),
        5 | 6 => format!("kind {}", noise % 7),
        _ => "xyz".repeat(noise as usize % 40),
    };
    while text.len() > max {
        text.pop();
    }
    text
}

pub(crate) fn cell(spec: &Spec, row: u64) -> Cell {
    if spec.nullable && mixed(!spec.seed ^ row) % 10 < spec.nulls {
        return Cell::Null;
    }
    match spec.column_type {
        ColumnType::FixedBytes(len) => {
            let byte = |at: u64| (bits(spec, row) >> (at % 8 * 8)) as u8;
            Cell::Bytes((0..len as u64).map(byte).collect())
        }
        ColumnType::Str { max } => Cell::Text(text(spec, max, row)),
        number => {
            let number = with_number!(number, T => T::from_logical(bits(spec, row)).to_logical());
            Cell::Number(number.unwrap())
        }
    }
}
