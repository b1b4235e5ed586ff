//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::LEAST_CACHE;

/// What `--help` prints.
pub const HELP: &str = "\
Runs market data through everything: ring, channel, agent, disk cache, HTTP, and back.

usage: cargo xtask demo [OPTIONS]

  --input FILE.csv   read quotes and trades from a file, `-` for standard input
                     (default: a built-in generator)
  --rows N           stop after N rows (default: 1000000 from the generator, all of a file)
  --strict           a malformed line ends the run instead of being skipped
  --cache PATH       keep the cache file there (default: a temporary file)
  --serve ADDR       serve the groups there, and go on serving when all is done
  --json FILE        write everything that was measured
  --html FILE        write the report with its plots there (default: a file in the temporary
                     folder, whose path is printed)
  --shared PATH      the same rows in a ring that other processes can open, as long as it runs; see
                     `zc-ring-stat` (a name without a slash is a file in memory; Linux)
  --tui              show rates and every stage's lag on the terminal instead of bars
  --cache-bytes N    let the cache keep so many bytes (default: 268435456, at least 8388608); the
                     oldest groups make room
  --help             this text

The input is CSV with a header line. These columns are needed, in any order; others are ignored:
  local_ts_ns    when the message was received, ns since the epoch
  exch_ts_ms     when the exchange sent it, ms since the epoch
  instrument_id  0 to 4294967295
  kind           0 quote, 1 trade, 2 depth level (0 to 255)
  side           0 bid or buy, 1 ask or sell (0 to 255)
  update_id      the exchange's sequence number
  price_ticks    price in ticks
  qty_lots       quantity in lots
All are whole numbers.

The last line is `demo: N rows in, N rows verified, N lost, N bytes copied`.
Exit codes: 0 every row came back right, 1 it did not or the run failed, 2 the input or the
options are unusable, 130 interrupted.";

/// Where the rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Generator,
    Stdin,
    File(PathBuf),
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Args {
    pub input: Input,
    pub rows: Option<u64>,
    pub strict: bool,
    pub cache: Option<PathBuf>,
    pub serve: Option<SocketAddr>,
    pub json: Option<PathBuf>,
    pub html: Option<PathBuf>,
    pub cache_bytes: u64,
    pub shared: Option<PathBuf>,
    pub tui: bool,
}

/// Reads the command line; `None` where only the help was wanted.
pub fn parse() -> Result<Option<Args>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut args = Args {
        input: Input::Generator,
        rows: None,
        strict: false,
        cache: None,
        serve: None,
        json: None,
        html: None,
        cache_bytes: 256 << 20,
        shared: None,
        tui: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("input") => {
                let path = PathBuf::from(parser.value()?);
                args.input = if path.as_os_str() == "-" {
                    Input::Stdin
                } else {
                    Input::File(path)
                };
            }
            Long("rows") => args.rows = Some(parser.value()?.parse()?),
            Long("strict") => args.strict = true,
            Long("cache") => args.cache = Some(parser.value()?.into()),
            Long("serve") => args.serve = Some(parser.value()?.parse()?),
            Long("json") => args.json = Some(parser.value()?.into()),
            Long("html") => args.html = Some(parser.value()?.into()),
            Long("cache-bytes") => {
                args.cache_bytes = parser.value()?.parse()?;
                if args.cache_bytes < LEAST_CACHE {
                    return Err(format!("--cache-bytes: at least {LEAST_CACHE}").into());
                }
            }
            #[cfg(target_os = "linux")]
            Long("shared") => args.shared = Some(parser.value()?.into()),
            Long("tui") => args.tui = true,
            Long("help") | Short('h') => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(args))
}
