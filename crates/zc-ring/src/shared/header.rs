//! [`Header`]: the first page of a shared ring, written once, and never trusted.
//!
//! Nothing of a file is used before its header has been read, not mapped, and every number in it
//! checked; `docs/ring-shared-format.md` has it to the byte.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crc_fast::{CrcAlgorithm, Digest};
use zc_core::sync::Arc;

use super::error::SharedError;
use super::layout::{CLAIM, CONTROL, HEAD, LICENCE};
use super::map::Mapping;
use super::{process, schema};
use crate::error::BuildError;
use crate::rows::{RowStore, Schema, Words};

/// Bytes of the header. The control area comes behind it, then the rows.
pub(crate) const HEADER: usize = 4096;
const MAGIC: [u8; 8] = *b"ZCRING\r\n";
const VERSION: u32 = 1;
/// Reads as something else in the other byte order.
const BYTE_ORDER: u32 = 0x0102_0304;
/// Where the schema begins.
const SCHEMA: usize = 64;
/// Where the checksum of everything else in the header stands.
const CHECKSUM: usize = HEADER - 4;
/// Rows begin here.
const ROWS: usize = HEADER + CONTROL * 8;
/// Each table of the rows begins on a line of its own.
const ALIGN: usize = 128;

/// What a header says.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) schema: Schema,
    pub(crate) capacity: usize,
    pub(crate) initial: u64,
    /// Length of the whole file.
    pub(crate) len: usize,
}

impl Header {
    pub(crate) fn new(schema: Schema, capacity: usize, initial: u64) -> Result<Self, SharedError> {
        if !capacity.is_power_of_two() {
            return Err(BuildError::Capacity { capacity }.into());
        }
        let mut rows = Some(ROWS);
        RowStore::within(schema.clone(), capacity, initial, |len| {
            let end = rows.zip(len.checked_mul(8));
            rows = end.and_then(|(at, len)| at.checked_add(len)?.checked_next_multiple_of(ALIGN));
            Ok(Words::new(0)?)
        })?;
        let len = rows.and_then(|rows| rows.checked_next_multiple_of(4096));
        let len = len.filter(|&len| isize::try_from(len).is_ok());
        let len = len.ok_or(BuildError::Capacity { capacity })?;
        Ok(Self {
            schema,
            capacity,
            initial,
            len,
        })
    }

    /// Writes the header, and the words that do not begin with zero, into a file of zeros.
    pub(crate) fn write(&self, file: &File, path: &Path) -> Result<(), SharedError> {
        let schema = schema::encode(&self.schema)?;
        let limit = CHECKSUM - SCHEMA;
        if schema.len() > limit {
            let len = schema.len();
            return Err(SharedError::SchemaTooLarge { len, limit });
        }
        let failed = |source| SharedError::Io {
            action: "write",
            path: path.to_owned(),
            source,
        };
        let mut bytes = [0; HEADER];
        let mut put =
            |at: usize, number: &[u8]| bytes[at..at + number.len()].copy_from_slice(number);
        put(0, &MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(12, &BYTE_ORDER.to_ne_bytes());
        put(16, &(self.len as u64).to_le_bytes());
        put(24, &(self.capacity as u64).to_le_bytes());
        put(32, &self.initial.to_le_bytes());
        put(40, &process::namespace().map_err(failed)?.to_le_bytes());
        put(48, &(self.schema.columns().len() as u32).to_le_bytes());
        put(52, &(schema.len() as u32).to_le_bytes());
        put(SCHEMA, &schema);
        let checksum = checksum(&bytes);
        bytes[CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
        file.write_all_at(&bytes, 0).map_err(failed)?;
        for word in [HEAD, CLAIM, LICENCE] {
            let at = (HEADER + 8 * word) as u64;
            let initial = self.initial.to_ne_bytes();
            file.write_all_at(&initial, at).map_err(failed)?;
        }
        Ok(())
    }

    /// Reads the header of `file`, which is `len` bytes long.
    pub(crate) fn read(file: &File, len: u64, path: &Path) -> Result<Self, SharedError> {
        let failed = |source| SharedError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        };
        let mut bytes = vec![0; len.min(HEADER as u64) as usize];
        file.read_exact_at(&mut bytes, 0).map_err(failed)?;
        let header = Self::parse(&bytes, len)?;
        let namespace = u64::from_le_bytes(field(&bytes, 40));
        if namespace != process::namespace().map_err(failed)? {
            return Err(SharedError::OtherNamespace);
        }
        Ok(header)
    }

    /// Checks the first page of a file of `len` bytes, or all of the file if it is shorter.
    fn parse(bytes: &[u8], len: u64) -> Result<Self, SharedError> {
        if bytes.len() >= MAGIC.len() && !bytes.starts_with(&MAGIC) {
            return Err(SharedError::Foreign);
        }
        let Some(bytes) = bytes.first_chunk::<HEADER>() else {
            let expected = (ROWS + 4096) as u64;
            return Err(SharedError::Truncated { len, expected });
        };
        let number = |at| u64::from_le_bytes(field(bytes, at));
        let short = |at| u32::from_le_bytes(field(bytes, at));
        let order = u32::from_ne_bytes(field(bytes, 12));
        if order == BYTE_ORDER.swap_bytes() {
            return Err(SharedError::ByteOrder);
        }
        if short(8) != VERSION {
            return Err(SharedError::Version {
                found: short(8),
                supported: VERSION,
            });
        }
        let (found, expected) = (checksum(bytes), short(CHECKSUM));
        if found != expected {
            return Err(SharedError::Checksum { found, expected });
        }
        if order != BYTE_ORDER {
            return Err(corrupt("the mark of the byte order is none"));
        }
        let schema_len = short(52) as usize;
        let schema = bytes[SCHEMA..CHECKSUM].get(..schema_len);
        let schema = schema.ok_or(corrupt("the schema is longer than the header"))?;
        let schema = schema::decode(schema, short(48) as usize)?;
        let capacity = usize::try_from(number(24)).map_err(|_| corrupt("the capacity"))?;
        let header = Self::new(schema, capacity, number(32))?;
        if header.len as u64 != number(16) {
            return Err(corrupt("its length is not that of its schema and capacity"));
        }
        let expected = header.len as u64;
        match len {
            _ if len < expected => Err(SharedError::Truncated { len, expected }),
            _ if len > expected => Err(SharedError::TooLong { len, expected }),
            _ => Ok(header),
        }
    }

    /// The rows of the ring that `mapping` has.
    pub(crate) fn rows(&self, mapping: &Arc<Mapping>) -> Result<Arc<RowStore>, BuildError> {
        let mut at = ROWS;
        let store = RowStore::within(self.schema.clone(), self.capacity, self.initial, |len| {
            let words = Mapping::words(mapping, at, len);
            at = (at + len * 8).next_multiple_of(ALIGN);
            Ok(words)
        })?;
        Ok(Arc::new(store))
    }
}

fn corrupt(what: &'static str) -> SharedError {
    SharedError::Corrupt { what }
}

/// CRC-32C of everything in the header but itself.
fn checksum(header: &[u8; HEADER]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(&header[..CHECKSUM]);
    digest.finalize() as u32
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|byte| bytes[at + byte])
}
