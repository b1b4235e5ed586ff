//! Rows of 32 bytes from one process to another through a file in memory, each pinned to a core of its
//! own, against the same kind of ring within one process, in the same run. The bench starts itself
//! again as the consumer; nothing that is timed goes any way but through the ring.
//!
//! Rows have four columns of 64 bits on either side. The peer sends slices of as many rows as a batch
//! has, in as much memory as ours takes for the ring.
//!
//! First figures, in quick mode: batch 64 79 ns a row in two processes, 95 in one, 15 for the peer; batch 1
//! 96, 91, 818. So sharing cost nothing, and a batch was no cheaper than its rows: setting and getting four
//! columns by handle was most of it, where the peer copies structs. With the rows set and read as records
//! (`ring_rows`), and on a quieter machine: batch 64 2.9, 3.0, 4.5; batch 1 6.7, 7.7, 260.

mod ends;
#[cfg(feature = "peers")]
mod iox;
mod processes;

use std::process::ExitCode;

use zc_benches::{Bench, Unit};

const CAPACITY: usize = 16 * 1024;

fn main() -> ExitCode {
    if let Some(code) = processes::consume() {
        return code;
    }
    Bench::main("ring_shared_memory", |bench| {
        for batch in [64, 1] {
            let name = format!("two processes, capacity {CAPACITY}, batch {batch}");
            #[cfg_attr(not(feature = "peers"), expect(unused_mut, reason = "peers join it"))]
            let mut cell = bench
                .cell(name, Unit::NsPerOp, 4096)
                .goal_times(1.0 / 0.9, "in one process")
                .ours(move |rows| ends::two_processes(batch, rows))
                .peer("in one process", move |rows| ends::one_process(batch, rows));
            #[cfg(feature = "peers")]
            {
                cell = cell.peer("iceoryx2", move |rows| iox::two_processes(batch, rows));
            }
            cell.run();
        }
    })
}
