//! What is refused, and that it stays as it was.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;

use proptest::prelude::*;
use zc_ring::{BuildError, PushError, RowRing, SharedError, SharedMonitor};

use super::*;

const HEADER: usize = 4096;

fn put(path: &Temp, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

fn put_word(path: &Temp, at: u64, word: u64) {
    put(path, at, &word.to_ne_bytes());
}

/// The file cannot be opened, by whomever, and stays as it is.
fn refused(path: &Temp) -> SharedError {
    let before = fs::read(path).unwrap();
    let error = RowRing::open_shared(path).unwrap_err();
    assert!(SharedMonitor::open(path).is_err());
    assert!(
        fs::read(path).unwrap() == before,
        "{error} changed the file"
    );
    error
}

fn mend(header: &mut [u8]) {
    let checksum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &header[..HEADER - 4]);
    header[HEADER - 4..HEADER].copy_from_slice(&(checksum as u32).to_le_bytes());
}

/// A header with some bytes changed and the right checksum.
fn forge(path: &Temp, at: usize, bytes: &[u8]) {
    let mut header = fs::read(path).unwrap();
    header[at..at + bytes.len()].copy_from_slice(bytes);
    mend(&mut header);
    put(path, 0, &header[..HEADER]);
}

#[test]
fn each_flipped_byte_of_the_header_is_refused_and_the_file_stays_as_it_was() {
    let path = Temp::new();
    drop(create(&path, 16));
    let good = fs::read(&path).unwrap();
    for at in 0..HEADER {
        for flip in [0x01, 0x80, 0xff] {
            put(&path, at as u64, &[good[at] ^ flip]);
            refused(&path);
        }
        put(&path, at as u64, &good[at..=at]);
    }
    assert_eq!(fs::read(&path).unwrap(), good);
    RowRing::open_shared(&path).unwrap();
}

#[test]
fn each_kind_of_wrong_file_has_an_error_of_its_own() {
    let path = Temp::new();
    drop(create(&path, 16));
    let good = fs::read(&path).unwrap();
    let len = good.len() as u64;
    let again = || fs::write(&path, &good).unwrap();

    for short in [
        0,
        1,
        7,
        8,
        100,
        HEADER as u64 - 1,
        HEADER as u64,
        len - 4096,
        len - 1,
    ] {
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(short)
            .unwrap();
        let error = refused(&path);
        assert!(
            matches!(error, SharedError::Truncated { len, .. } if len == short),
            "{error}"
        );
        again();
    }
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(len + 1)
        .unwrap();
    assert!(matches!(refused(&path), SharedError::TooLong { expected, .. } if expected == len));
    again();
    fs::write(&path, vec![b'x'; good.len()]).unwrap();
    assert!(matches!(refused(&path), SharedError::Foreign));
    again();
    forge(&path, 8, &2_u32.to_le_bytes());
    assert!(matches!(
        refused(&path),
        SharedError::Version {
            found: 2,
            supported: 1
        }
    ));
    again();
    forge(&path, 12, &0x0102_0304_u32.swap_bytes().to_ne_bytes());
    assert!(matches!(refused(&path), SharedError::ByteOrder));
    again();
    put(&path, 40, &[good[40] ^ 1]);
    assert!(matches!(refused(&path), SharedError::Checksum { .. }));
    again();
    forge(&path, 40, &7_u64.to_le_bytes());
    assert!(matches!(refused(&path), SharedError::OtherNamespace));
    again();
    // Right checksums, wrong numbers.
    for capacity in [0, 15, 1024, u64::MAX, 1 << 62, 1 << 63] {
        forge(&path, 24, &capacity.to_le_bytes());
        let error = refused(&path);
        let is_capacity = matches!(error, SharedError::Build(BuildError::Capacity { .. }));
        assert!(
            is_capacity || matches!(error, SharedError::Corrupt { .. }),
            "{error}"
        );
        again();
    }
    for (columns, bytes) in [
        (0_u32, 0_u32),
        (4, 49),
        (3, 5000),
        (3, 10),
        (u32::MAX, u32::MAX),
    ] {
        forge(&path, 48, &columns.to_le_bytes());
        forge(&path, 52, &bytes.to_le_bytes());
        let error = refused(&path);
        assert!(
            matches!(error, SharedError::Corrupt { .. } | SharedError::Schema(_)),
            "{error}"
        );
        again();
    }
    forge(&path, 66, &[0xff]);
    assert!(matches!(refused(&path), SharedError::Corrupt { .. }));
    assert!(matches!(
        RowRing::open_shared("/dev").unwrap_err(),
        SharedError::Io { .. } | SharedError::Foreign
    ));
    assert!(matches!(
        RowRing::open_shared("/no/such").unwrap_err(),
        SharedError::Io { action: "open", .. }
    ));
}

#[test]
fn words_out_of_range_are_refused() {
    let path = Temp::new();
    let ring = create(&path, 16);
    let mut producer = ring.producer().unwrap();
    let consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    publish(&mut producer, 5);
    // As a process leaves it that is killed.
    let good = fs::read(&path).unwrap();
    for (at, words) in [
        (HEAD, [u64::MAX, 1 << 40, 40]),
        (CLAIM, [4, 22, u64::MAX]),
        (LICENCE, [4, 22, 1 << 63]),
        (CURSOR_0, [6, u64::MAX, 1 << 63]),
    ] {
        for word in words {
            put_word(&path, at, word);
            let error = refused(&path);
            assert!(
                matches!(error, SharedError::Corrupt { .. }),
                "{at} {word}: {error}"
            );
            put(&path, 0, &good);
        }
    }
    RowRing::open_shared(&path).unwrap();
    drop((producer, consumer));
}

/// A process that writes what it should not, while others are at work.
#[test]
fn a_corrupt_word_is_an_error_of_those_who_meet_it() {
    let path = Temp::new();
    let ring = create(&path, 4);
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    publish(&mut producer, 4);
    let schema = schema();
    for cursor in [5, u64::MAX, 1 << 63] {
        put_word(&path, CURSOR_0, cursor);
        let refused = producer.try_push(|row| fill(row, &schema));
        assert!(
            matches!(refused, Err(PushError::Corrupt { .. })),
            "{cursor}: {refused:?}"
        );
    }
    put_word(&path, CURSOR_0, 0);
    assert_eq!(read(&mut consumer, 100), 4);
    publish(&mut producer, 1);
    put_word(&path, HEAD, 1 << 50);
    assert!(matches!(consumer.poll(100), Poll::Evicted));
    assert!(matches!(
        consumer.fault(),
        Some(SharedError::Corrupt { .. })
    ));
    // For good, whatever the word says now.
    put_word(&path, HEAD, 5);
    assert!(matches!(consumer.poll(100), Poll::Evicted));
    drop(consumer);
    let mut consumer = ring
        .consumer(options("", Start::Sequence(4), OnLag::Block))
        .unwrap();
    assert_eq!(read(&mut consumer, 100), 1);
}

#[test]
fn nothing_is_created_over_a_file_or_half() {
    let path = Temp::new();
    fs::write(&path, b"mine").unwrap();
    let error = RowRing::create_shared(&path, schema(), 16).unwrap_err();
    assert!(matches!(error, SharedError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    fs::remove_file(&path).unwrap();
    for capacity in [0, 3, 1000, 1 << 62, usize::MAX] {
        let error = RowRing::create_shared(&path, schema(), capacity).unwrap_err();
        assert!(
            matches!(error, SharedError::Build(BuildError::Capacity { .. })),
            "{error}"
        );
    }
    let long = (0..90).fold(Schema::builder(), |schema, n| {
        schema.u8(&format!("{n:050}"))
    });
    let error = RowRing::create_shared(&path, long.build().unwrap(), 16).unwrap_err();
    assert!(
        matches!(error, SharedError::SchemaTooLarge { .. }),
        "{error}"
    );
    assert!(!path.0.exists());
    let drafts = fs::read_dir(path.0.parent().unwrap()).unwrap();
    let name = path.0.file_name().unwrap().to_str().unwrap().to_owned();
    let left = drafts.filter(|e| {
        e.as_ref()
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .starts_with(&name)
    });
    assert_eq!(left.count(), 0, "a draft is left");
}

#[test]
fn a_name_without_a_slash_is_in_memory() -> Result {
    let name = format!("zc-ring-name-{}", std::process::id());
    let in_memory = Temp(Path::new("/dev/shm").join(&name));
    let ring = RowRing::create_shared(&name, schema(), 16)?;
    assert!(in_memory.0.exists());
    let again = RowRing::open_shared(&name)?;
    assert_eq!(again.schema(), ring.schema());
    assert_eq!(again.capacity(), 16);
    Ok(())
}

#[test]
fn every_kind_of_column_comes_back_from_the_header() -> Result {
    use zc_ring::{ColumnType, DeltaWidth};
    let path = Temp::new();
    let schema = Schema::builder()
        .column("a", ColumnType::I8)
        .column("b", ColumnType::I16)
        .column("c", ColumnType::I32)
        .i64("d")
        .delta(DeltaWidth::I8)
        .u8("e")
        .u16("f")
        .u32("g")
        .delta(DeltaWidth::I16)
        .u64("h")
        .delta(DeltaWidth::I32)
        .f32("i")
        .f64("ü")
        .bool("k")
        .fixed_bytes("l", 1000)
        .build()?;
    let ring = RowRing::create_shared(&path, schema.clone(), 2048)?;
    assert_eq!(RowRing::open_shared(&path)?.schema(), &schema);
    assert_eq!(SharedMonitor::open(&path)?.schema(), &schema);
    assert_eq!(ring.schema(), &schema);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    /// Whatever the bytes are, with or without the right checksum: an error, or a ring that works.
    #[test]
    fn random_bytes_are_refused_or_a_ring(
        at in 0..5000_usize,
        bytes in prop::collection::vec(any::<u8>(), 1..40),
        is_mended in any::<bool>(),
    ) {
        let path = Temp::new();
        drop(create(&path, 16));
        let mut file = fs::read(&path).unwrap();
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        if is_mended {
            mend(&mut file);
        }
        fs::write(&path, &file).unwrap();
        match RowRing::open_shared(&path) {
            Err(_) => assert!(fs::read(&path).unwrap() == file),
            Ok(ring) => {
                if let Ok(mut consumer) = ring.consumer(ConsumerOptions::default()) {
                    let _ = consumer.poll(100);
                }
                let _ = ring.metrics();
            }
        }
    }
}
