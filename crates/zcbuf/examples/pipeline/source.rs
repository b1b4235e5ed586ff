//! Where rows come from: a generator, or CSV.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::args::{Args, Input};
use crate::failure::Failure;
use crate::row::{COLUMNS, Row};
use crate::shared::Shared;

/// What the source has next.
pub enum Next {
    Row(Row),
    /// A line that is no row, and why.
    Malformed {
        line: u64,
        why: String,
    },
    End,
}

/// A stream of rows.
pub enum Source {
    Generator(Generator),
    Csv(Box<CsvRows>),
}

/// Rows of the generator, unless told otherwise.
const DEFAULT_ROWS: u64 = 1_000_000;

impl Source {
    pub fn open(args: &Args, shared: &'static Shared) -> Result<Self, Failure> {
        let csv = |reader, name| Ok(Self::Csv(Box::new(CsvRows::new(reader, name)?)));
        match &args.input {
            Input::Generator => Ok(Self::Generator(Generator::new(
                args.rows.unwrap_or(DEFAULT_ROWS),
            ))),
            Input::Stdin => csv(
                Watched::buffered(io::stdin(), shared),
                "standard input".into(),
            ),
            Input::File(path) => {
                let file = open_file(path)?;
                csv(Watched::buffered(file, shared), path.display().to_string())
            }
        }
    }

    /// How many rows will come, where that is known.
    pub fn expected_rows(&self) -> Option<u64> {
        match self {
            Self::Generator(generator) => Some(generator.left),
            Self::Csv(_) => None,
        }
    }

    pub fn next(&mut self) -> Result<Next, Failure> {
        match self {
            Self::Generator(generator) => Ok(generator.next().map_or(Next::End, Next::Row)),
            Self::Csv(csv) => csv.next(),
        }
    }
}

fn open_file(path: &Path) -> Result<File, Failure> {
    let unreadable = |error: io::Error| Failure::input(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(Failure::input(format!(
            "{}: is a directory, not a CSV file",
            path.display()
        )));
    }
    Ok(file)
}

/// An input that ends when the run is stopped, also while it waits for a pipe to say something.
struct Watched<R> {
    input: R,
    shared: &'static Shared,
}

/// How often a silent input looks whether the run was stopped.
const LOOK_EVERY_MS: u16 = 50;

impl<R: Read + AsFd + Send + 'static> Watched<R> {
    fn buffered(input: R, shared: &'static Shared) -> Box<dyn BufRead + Send> {
        Box::new(BufReader::with_capacity(1 << 20, Self { input, shared }))
    }
}

impl<R: Read + AsFd> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.shared.is_stopped() {
            let mut ready = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, PollTimeout::from(LOOK_EVERY_MS)) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return self.input.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(0)
    }
}

/// Rows out of CSV text.
pub struct CsvRows {
    name: String,
    reader: csv::Reader<Box<dyn BufRead + Send>>,
    record: csv::ByteRecord,
    /// Where in a record each column is, in the order of [`COLUMNS`].
    positions: [usize; COLUMNS.len()],
}

impl CsvRows {
    fn new(mut input: Box<dyn BufRead + Send>, name: String) -> Result<Self, Failure> {
        let unreadable = |error: &dyn std::fmt::Display| Failure::input(format!("{name}: {error}"));
        if input
            .fill_buf()
            .map_err(|error| unreadable(&error))?
            .is_empty()
        {
            return Err(Failure::input(format!(
                "{name}: is empty; a header line is needed"
            )));
        }
        let mut reader = csv::ReaderBuilder::new()
            .buffer_capacity(1 << 16)
            .from_reader(input);
        let header = reader.byte_headers().map_err(|error| unreadable(&error))?;
        let mut positions = [0; COLUMNS.len()];
        for (position, column) in positions.iter_mut().zip(COLUMNS) {
            *position = header
                .iter()
                .position(|name| name.trim_ascii() == column.as_bytes())
                .ok_or_else(|| {
                    unreadable(&format_args!("no column `{column}` in the header line"))
                })?;
        }
        Ok(Self {
            name,
            reader,
            record: csv::ByteRecord::new(),
            positions,
        })
    }

    fn next(&mut self) -> Result<Next, Failure> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => Ok(self.row()),
            Ok(false) => Ok(Next::End),
            Err(error) => match error.kind() {
                csv::ErrorKind::UnequalLengths {
                    pos: Some(pos),
                    expected_len,
                    len,
                } => Ok(Next::Malformed {
                    line: pos.line(),
                    why: format!("{len} fields where the header has {expected_len}"),
                }),
                _ => Err(Failure::input(format!("{}: {error}", self.name))),
            },
        }
    }

    fn row(&self) -> Next {
        let row = (|| {
            Ok(Row {
                local_ts_ns: self.field(0)?,
                exch_ts_ms: self.field(1)?,
                instrument: self.field(2)?,
                kind: self.field(3)?,
                side: self.field(4)?,
                update_id: self.field(5)?,
                price_ticks: self.field(6)?,
                qty_lots: self.field(7)?,
            })
        })();
        match row {
            Ok(row) => Next::Row(row),
            Err(why) => Next::Malformed {
                line: self.record.position().map_or(0, csv::Position::line),
                why,
            },
        }
    }

    fn field<N: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        column: usize,
    ) -> Result<N, String> {
        let name = COLUMNS[column];
        let field = self
            .record
            .get(self.positions[column])
            .unwrap_or_default()
            .trim_ascii();
        let text = std::str::from_utf8(field).map_err(|_| format!("`{name}` is no text"))?;
        text.parse()
            .map_err(|error| format!("`{name}` is `{text}`: {error}"))
    }
}

/// A deterministic market: six instruments whose prices wander.
pub struct Generator {
    left: u64,
    random: u64,
    clock_ns: i64,
    markets: [(i64, i64); 6],
}

impl Generator {
    fn new(rows: u64) -> Self {
        Self {
            left: rows,
            random: 0x9E37_79B9_7F4A_7C15,
            clock_ns: 1_723_161_254_000_000_000,
            markets: std::array::from_fn(|i| (10_000 * (i as i64 + 1), 1_000_000 * i as i64)),
        }
    }

    /// xorshift64: fast, and the same everywhere.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl Iterator for Generator {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.left = self.left.checked_sub(1)?;
        let dice = self.random();
        // Messages come in bursts: most share their timestamp's neighbourhood.
        self.clock_ns += if dice & 7 == 0 {
            (dice >> 32 & 0xF_FFFF) as i64
        } else {
            (dice >> 40 & 0xFF) as i64
        };
        let instrument = (dice >> 8) % 6;
        let (price, update) = &mut self.markets[instrument as usize];
        *price += [0, 0, 0, 1, -1, 0, 2, -2][(dice >> 16 & 7) as usize];
        *update += 1 + (dice >> 20 & 3) as i64;
        let side = (dice >> 24 & 1) as u8;
        Some(Row {
            local_ts_ns: self.clock_ns,
            exch_ts_ms: self.clock_ns / 1_000_000 - 3,
            instrument: instrument as u32,
            kind: u8::from(dice >> 25 & 7 == 0),
            side,
            update_id: *update,
            price_ticks: *price + i64::from(side),
            qty_lots: 1 + (dice >> 28 & 0xFFF) as i64,
        })
    }
}
