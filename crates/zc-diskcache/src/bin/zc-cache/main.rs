//! `zc-cache`: looks into the file of a disk cache, without changing it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the command line"
)]

mod bench;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use zc_diskcache::CacheError;
use zc_diskcache::inspect::{Inspection, ObjectInfo};

const HELP: &str = "\
zc-cache: looks into the file of a disk cache, without changing it

  zc-cache inspect FILE        geometry, sessions, how full it is
  zc-cache list FILE           every object: length, time left, key; oldest first
  zc-cache verify FILE         compares every object with its checksum
  zc-cache dump FILE KEY       writes the object's bytes to standard output
  zc-cache bench FOLDER        measures a cache of 128 MiB that it makes there and takes away again

The file must not be in use. Exit codes: 0 all is well, 1 something is damaged or missing,
2 the command could not be run.
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(message) => {
            eprintln!("zc-cache: {message}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let mut words = words()?;
    let command = words.next().unwrap_or_default();
    let mut next = |what: &str| words.next().ok_or(format!("{what} is missing; see --help"));
    let well = ExitCode::SUCCESS;
    match command.to_str() {
        Some("" | "help") => {
            print!("{HELP}");
            Ok(well)
        }
        Some("inspect") => inspect(&open(next("FILE")?)?).map(|()| well),
        Some("list") => list(&open(next("FILE")?)?).map(|()| well),
        Some("verify") => verify(&open(next("FILE")?)?),
        Some("bench") => bench::bench(Path::new(&next("FOLDER")?)).map(|()| well),
        Some("dump") => {
            let cache = open(next("FILE")?)?;
            dump(&cache, next("KEY")?.into_vec())
        }
        _ => Err(format!("unknown command {}; see --help", command.display())),
    }
}

fn words() -> Result<impl Iterator<Item = OsString>, String> {
    let mut parser = lexopt::Parser::from_env();
    let mut words = Vec::new();
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        match arg {
            lexopt::Arg::Value(word) => words.push(word),
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => words.insert(0, "help".into()),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(words.into_iter())
}

fn open(path: OsString) -> Result<Inspection, String> {
    Inspection::open(PathBuf::from(path)).map_err(|error| error.to_string())
}

fn inspect(cache: &Inspection) -> Result<(), String> {
    let objects = cache.objects().count();
    let bytes: u64 = cache.objects().map(|object| object.len()).sum();
    say(format_args!("capacity         {} bytes", cache.capacity()))?;
    say(format_args!(
        "block size       {} bytes",
        cache.block_size()
    ))?;
    say(format_args!(
        "free             {} bytes",
        cache.free_bytes()
    ))?;
    say(format_args!(
        "objects          {objects} with {bytes} bytes"
    ))?;
    say(format_args!("expired          {}", cache.expired()))?;
    say(format_args!("damaged records  {}", cache.damaged_records()))?;
    match cache.session() {
        Some((number, true)) => say(format_args!("sessions         {number}, closed cleanly")),
        Some((number, false)) => say(format_args!(
            "sessions         {number}, not closed cleanly"
        )),
        None => say(format_args!(
            "sessions         unknown, that page is damaged"
        )),
    }
}

fn list(cache: &Inspection) -> Result<(), String> {
    cache.objects().try_for_each(|object| {
        let left = object
            .time_left()
            .map_or("-".to_owned(), |left| format!("{}s", left.as_secs()));
        say(format_args!(
            "{:>12} {left:>10} {}",
            object.len(),
            name(object)
        ))
    })
}

fn verify(cache: &Inspection) -> Result<ExitCode, String> {
    let (mut good, mut bad) = (0_u64, cache.damaged_records());
    for object in cache.objects() {
        match cache.verify(object) {
            Ok(true) => good += 1,
            Ok(false) => {
                bad += 1;
                say(format_args!("damaged: {}", name(object)))?;
            }
            Err(error) => {
                bad += 1;
                say(format_args!("unreadable: {}: {error}", name(object)))?;
            }
        }
    }
    say(format_args!(
        "{good} objects good, {bad} objects or records damaged"
    ))?;
    Ok(ExitCode::from(u8::from(bad > 0)))
}

fn dump(cache: &Inspection, key: Vec<u8>) -> Result<ExitCode, String> {
    let text = |error: CacheError| error.to_string();
    let Some(object) = cache.find(&key).map_err(text)? else {
        eprintln!("zc-cache: no object \"{}\"", key.escape_ascii());
        return Ok(ExitCode::from(1));
    };
    let mut out = std::io::stdout().lock();
    let good = cache.copy(object, &mut out).map_err(text)?;
    out.flush().map_err(|error| error.to_string())?;
    if !good {
        eprintln!("zc-cache: the bytes do not match their checksum");
    }
    Ok(ExitCode::from(u8::from(!good)))
}

fn name(object: ObjectInfo<'_>) -> String {
    object.key().escape_ascii().to_string()
}

/// A line on standard output; a pipe that was closed is an error, not a panic.
fn say(line: std::fmt::Arguments<'_>) -> Result<(), String> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())
}
