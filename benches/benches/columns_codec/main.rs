//! Sealed blocks of 1024 rows against what else there is: how fast columns are compressed, how fast
//! they come back, in bytes of the plain columns, and how small they are. The limit is a copy of the
//! plain column within the cache.
//!
//! What was found on the way to these figures (AVX-512, blocks of 1024 numbers of 64 bits):
//!
//! * The last groups of a packed layer, whose windows of 64 bytes end behind it, took as long as all the
//!   others while they were copied to where there is room: 21 of 128 groups at 3 bits. Masked loads
//!   instead made decoding prices 1.6 × as fast.
//! * Clearing 8 KiB before it is written to costs 100 ns, a tenth of decoding a block: exceptions are
//!   decoded at the end of the memory that they are merged into, and taken out in place.
//! * A copy whose length is not known to the compiler is a call: one for every eight numbers made the
//!   histogram of lengths twice as slow as counting them one by one.
//! * Dividing by a power of ten, eight at a time, is 8 % of decoding floats; a product with the inverse
//!   and two corrections gives the same bits, and would gain little.
//! * Checksums and heads do not show: 1 % of sealing.

mod columns;
mod ours;
mod peers;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zc_benches::{Bench, Unit};
use zc_ring::Schema;

use columns::ROWS;

fn i64s() -> Result<Schema, String> {
    Schema::builder()
        .i64("c")
        .build()
        .map_err(|e| e.to_string())
}

fn f64s() -> Result<Schema, String> {
    Schema::builder()
        .f64("c")
        .build()
        .map_err(|e| e.to_string())
}

fn main() -> ExitCode {
    let unit = Unit::GigabytesPerSecond {
        bytes: 8 * ROWS as u64,
    };
    Bench::main("columns_codec", |bench| {
        for name in ["ts", "price", "regular"] {
            let column: Arc<[i64]> = columns::integers(name).into();
            ratios(bench, name, &column);
            let of = Arc::clone(&column);
            let mut cell = bench
                .cell(format!("decode i64 {name}, blocks of 1024"), unit, 1)
                .goal(if name == "regular" { 10.0 } else { 8.0 })
                .ours(move |ops| ours::decode(i64s()?, &of, ops));
            for codec in peers::CODECS {
                let of = Arc::clone(&column);
                cell = cell.peer(codec.name, move |ops| codec.time_decode(&of, ops));
            }
            cell.limit(copy).run();
            let of = Arc::clone(&column);
            let mut cell = bench
                .cell(
                    format!("encode i64 {name}, blocks of 1024, from rows"),
                    unit,
                    1,
                )
                .goal(2.0)
                .ours(move |ops| ours::seal(i64s()?, &of, ops));
            for codec in peers::CODECS {
                let of = Arc::clone(&column);
                cell = cell.peer(codec.name, move |ops| codec.time_encode(&of, ops));
            }
            cell.limit(copy).run();
        }
        let column: Arc<[f64]> = columns::integers("price")
            .iter()
            .map(|ticks| *ticks as f64 / 100.0)
            .collect();
        let of = Arc::clone(&column);
        let cell = bench
            .cell("decode f64 prices, blocks of 1024", unit, 1)
            .goal(10.0)
            .ours(move |ops| ours::decode(f64s()?, &of, ops));
        #[cfg(feature = "peers")]
        let cell = {
            let of = Arc::clone(&column);
            cell.peer("alp and fastlanes FoR", move |ops| {
                peers::time_alp(&of, ops)
            })
        };
        cell.limit(copy).run();
        bench
            .cell("encode f64 prices, blocks of 1024, from rows", unit, 1)
            .ours(move |ops| ours::seal(f64s()?, &column, ops))
            .limit(copy)
            .run();
    })
}

fn ratios(bench: &mut Bench, name: &str, column: &Arc<[i64]>) {
    let of = Arc::clone(column);
    let ours = move |_| Ok(ours::ratio::<i64>(&ours::blocks(i64s()?, &of)?));
    let mut contestants: Vec<(&str, zc_benches::Count<'_>)> = vec![("ours", Box::new(ours))];
    for codec in peers::CODECS {
        contestants.push((codec.name, Box::new(move |_| Ok(codec.ratio(column)))));
    }
    bench.counted(
        &format!("ratio of i64 {name}, heads included"),
        "×",
        contestants,
    );
}

/// A block at a time, as decoding writes it.
fn copy(ops: u64) -> Result<Duration, String> {
    let plain: Vec<i64> = (0..1024).collect();
    let mut out = vec![0; 1024];
    let begin = Instant::now();
    for _ in 0..ops as usize * ROWS / 1024 {
        out.copy_from_slice(black_box(&plain));
        black_box(&mut out);
    }
    Ok(begin.elapsed())
}
