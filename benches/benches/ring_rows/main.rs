//! Quotes of 40 bytes (two numbers of 64 bits, a price, a quantity, an instrument and a tag) from one producer to one consumer,
//! each pinned to a core of its own: rows with a run-time schema, through typed handles, against the same row as a plain struct in
//! a `Ring` (the limit: what the types cost), and narrow rows of the same quotes with delta columns.
//!
//! Ratios to the struct are what counts: both pay for making the quotes and for the hand-over. What was tried (quick runs
//! on a busy two-core guest, ns a row at batch 1 / 256):
//!
//! * At first 51 / 55: the schema was resolved and a column's whole description copied for every value, out of line. A handle
//!   that carries the column's place and is checked by one comparison, and columns read in even runs: 28 / 24.
//! * Then three things at once, which were not measured apart: wide rows are read row by row, so that a row is found once
//!   (six cursors kept their state in memory); the mask of what was set is two words instead of a `u128` (two thirds of the
//!   pushing function's samples stood at its one 16-byte load behind two 8-byte stores); and the expected sum is made outside of
//!   the time, for the struct as well. Since then 26 / 17, where the struct takes 8.7 / 2.4.
//! * Cursors that cut a slice at every step in place of counting an index: no gain for wide rows; narrow ones took 63 instead of
//!   49 at batch 256 in one run.
//! * `#[inline]` on the schema's accessors alone: nothing beyond the noise.
//!
//! * A closure that sets six columns was too large to be inlined, so that the row in the making lived in memory, and a delta
//!   column looked its block's head up for every value, out of line. Now a handle's schema and form are one word, whatever is
//!   not plain goes out of line with what is seldom looked at (so that the rest of a row can be in registers), and a batch steps
//!   from row to row: column by column 22 / 8 where it was 25 / 17; narrow rows 37 / 28 where it was 40 / 44.
//! * Records, which are checked once a row instead of once a column: 17 / 6.7, narrow ones 24 / 17. What got them there:
//!   words of which a record has all columns are stored over without being loaded; delta columns are set out of line as a
//!   whole (in line they kept the closure from being inlined: 10.8 at batch 256); whether any of them is wide is looked up once
//!   a block and call, not for every value.
//! * Bases of a run copied into an array beside it: 18 ns a batch of one row, for moving that array. They are read where they are.
//! * One loop over all runs of a batch: the compiler finds every column's place and shift ahead of it, for one row as well, which
//!   cost 8 ns at batch 1. The first run is read ahead of the loop over the others, delta columns in a function of their own.
//!
//! Left: a value costs a look at its place and a comparison of that with the row's length, where a struct's place is in the
//! instruction; on one thread that is 4.9 ns at batch 256 against 3.0. A delta costs some 25 instructions: narrow rows are for
//! keeping more of them, not for speed.
//!
//! Both sides touch every column; the sums are checked outside of the time. Then the same on one thread, which is what the calls
//! cost without the way between two cores, and the way from rows in the ring to plain columns.

mod quote;
mod structs;
mod typed;

use std::process::ExitCode;

use typed::{Handles, Records, Width};
use zc_benches::{Bench, Unit};

const CAPACITY: usize = 16 * 1024;

/// The rows, and what one of them may cost at batch 1 and at batch 256.
const ROWS: [(&str, Width, [f64; 2]); 2] = [
    ("40-byte rows", Width::Wide, [3.4; 2]),
    ("narrow rows of 24 bytes", Width::Narrow, [5.0, 3.2]),
];

fn main() -> ExitCode {
    Bench::main("ring_rows", |bench| {
        for (rows, width, goals) in ROWS {
            for (batch, goal) in [1, 256].into_iter().zip(goals) {
                let name = format!("{rows}, capacity {CAPACITY}, batch {batch}");
                bench
                    .cell(name, Unit::NsPerOp, 4096)
                    .goal(goal)
                    .ours(move |rows| typed::two_threads::<Records>(width, batch, rows))
                    .peer("column by column", move |rows| {
                        typed::two_threads::<Handles>(width, batch, rows)
                    })
                    .limit(move |rows| structs::two_threads(batch, rows))
                    .run();
            }
        }
        for (rows, width, _) in ROWS {
            for batch in [1, 256] {
                let name = format!("{rows}, one thread, batch {batch}");
                bench
                    .cell(name, Unit::NsPerOp, 4096)
                    .ours(move |rows| typed::one_thread::<Records>(width, batch, rows))
                    .peer("column by column", move |rows| {
                        typed::one_thread::<Handles>(width, batch, rows)
                    })
                    .limit(move |rows| structs::one_thread(batch, rows))
                    .run();
            }
        }
        for (rows, width, _) in ROWS {
            bench
                .cell(format!("rows → four columns, {rows}"), Unit::NsPerOp, 16384)
                .goal(3.5)
                .ours(move |rows| typed::columns(width, rows))
                .run();
        }
    })
}
