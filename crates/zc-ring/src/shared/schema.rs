//! The schema in the header of a shared ring.
//!
//! For each column: two bytes of length and the name, one byte of type, four of its parameter, one of
//! the delta's width (0 for none). Integers are little-endian.

use super::error::SharedError;
use crate::rows::{ColumnType, DeltaWidth, Schema};

/// The types with their codes; `FixedBytes` has [`FIXED_BYTES`] and its length as parameter.
const CODES: [(ColumnType, u8); 11] = [
    (ColumnType::I8, 1),
    (ColumnType::I16, 2),
    (ColumnType::I32, 3),
    (ColumnType::I64, 4),
    (ColumnType::U8, 5),
    (ColumnType::U16, 6),
    (ColumnType::U32, 7),
    (ColumnType::U64, 8),
    (ColumnType::F32, 9),
    (ColumnType::F64, 10),
    (ColumnType::Bool, 11),
];

const FIXED_BYTES: u8 = 12;

/// The bytes that stand for `schema`.
pub(crate) fn encode(schema: &Schema) -> Result<Vec<u8>, SharedError> {
    let mut bytes = Vec::new();
    for column in schema.columns() {
        let (code, parameter) = match column.column_type {
            ColumnType::FixedBytes(len) => (FIXED_BYTES, len as u32),
            other => match CODES.iter().find(|(known, _)| *known == other) {
                Some((_, code)) => (*code, 0),
                None => return Err(unsupported(&column.name)),
            },
        };
        bytes.extend((column.name.len() as u16).to_le_bytes());
        bytes.extend(column.name.as_bytes());
        bytes.push(code);
        bytes.extend(parameter.to_le_bytes());
        bytes.push(column.delta.map_or(0, |delta| delta as u8));
    }
    // What has no code (nullability, field ids) must not get lost in silence.
    let again = decode(&bytes, schema.columns().len())?;
    let lost = schema.columns().iter().zip(again.columns());
    match lost.into_iter().find(|(ours, theirs)| ours != theirs) {
        Some((column, _)) => Err(unsupported(&column.name)),
        None => Ok(bytes),
    }
}

/// The schema that `bytes` stand for, all of them.
pub(crate) fn decode(bytes: &[u8], columns: usize) -> Result<Schema, SharedError> {
    let mut rest = bytes;
    let mut schema = Schema::builder();
    for _ in 0..columns {
        let len = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let (name, behind) = rest.split_at_checked(len).ok_or(CUT_OFF)?;
        rest = behind;
        let name = std::str::from_utf8(name).map_err(|_| corrupt("a column's name is no UTF-8"))?;
        let [code] = take(&mut rest)?;
        let parameter = u32::from_le_bytes(take(&mut rest)?);
        let column_type = match CODES.iter().find(|(_, known)| *known == code) {
            Some((column_type, _)) => *column_type,
            None if code == FIXED_BYTES => ColumnType::FixedBytes(parameter as usize),
            None => return Err(corrupt("a column's type has an unknown code")),
        };
        schema = schema.column(name, column_type);
        schema = match take(&mut rest)? {
            [0] => schema,
            [1] => schema.delta(DeltaWidth::I8),
            [2] => schema.delta(DeltaWidth::I16),
            [4] => schema.delta(DeltaWidth::I32),
            _ => return Err(corrupt("a column's delta has an unknown width")),
        };
    }
    if !rest.is_empty() {
        return Err(corrupt("there is more behind the schema's last column"));
    }
    Ok(schema.build()?)
}

const CUT_OFF: SharedError = corrupt("the schema ends within a column");

const fn corrupt(what: &'static str) -> SharedError {
    SharedError::Corrupt { what }
}

fn unsupported(name: &str) -> SharedError {
    SharedError::UnsupportedColumn {
        column: name.to_owned(),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], SharedError> {
    let (head, behind) = rest.split_first_chunk().ok_or(CUT_OFF)?;
    *rest = behind;
    Ok(*head)
}
