//! One producer and three consumers, wherever the system puts them: on a machine of two cores that
//! is twice as many threads as cores. Nothing is tuned: ours waits as it does by default. The
//! peers' ends yield by hand, which is the best they can do; spinning costs all of them a
//! scheduler's slice for every ring-full of rows.
//!
//! Then what three waiting consumers cost while nothing comes (the figure is the processor time of
//! one of them for each tenth of a second: 1 % is 1,000,000 ns), and how soon the first of them has
//! a row that comes then. The limit there is three threads that park and are unparked.
//!
//! | cell | goal | ours | best peer | peer / ours |
//! |---|---|---|---|---|
//! | batch 1 | 5.3 | 5.34 (3.7 to 7.5) | disruptor, yields 3.80 | 0.71 |
//! | batch 64 | 4.3 | 2.69 (2.5 to 4.2) | disruptor, yields 2.00 | 0.75 |
//! | idle | 1 % | 0.04 % | | |
//! | wake-up, p50 | 10 µs | 18 µs | | |
//!
//! (One quick run on an AMD EPYC.) It was 42 and 9.6 with four yields before a park: whoever parks makes the
//! others pay for a wake, and for a barrier with each of the next 4096 rows. Now 64 yields come first that let
//! nobody else run (512 in any case), and after a yield that did let somebody run the next 32 waits begin with
//! yielding. The peers' ends yield for ever and never sleep.

use std::process::ExitCode;

use zc_benches::broadcast::throughput::{Cores, throughput};
use zc_benches::broadcast::waiting::{idle, wake_up};
use zc_benches::broadcast::{Shape, bare, ours};
use zc_benches::{Bench, Unit};

const CAPACITY: usize = 16 * 1024;

fn main() -> ExitCode {
    Bench::main("ring_oversubscribed", |bench| {
        for (batch, goal) in [(1, 5.3), (64, 4.3)] {
            let shape = Shape {
                capacity: CAPACITY,
                batch,
                consumers: 3,
            };
            let name = format!("1→3, capacity {CAPACITY}, batch {batch}");
            #[cfg_attr(not(feature = "peers"), expect(unused_mut, reason = "peers join it"))]
            let mut cell = bench
                .cell(name, Unit::NsPerOp, 4096)
                .goal(goal)
                .ours(move |rows| throughput(ours::open(CAPACITY, 3)?, shape, Cores::Free, rows));
            #[cfg(feature = "peers")]
            {
                use zc_benches::broadcast::{Pause, peers};
                macro_rules! peer {
                    ($name:literal, $open:expr) => {
                        cell = cell.peer($name, move |rows| {
                            throughput($open?, shape, Cores::Free, rows)
                        });
                    };
                }
                peer!("disruptor", peers::disruptor::three(CAPACITY, Pause::Yield));
                peer!(
                    "disruptor that spins",
                    peers::disruptor::three(CAPACITY, Pause::Spin)
                );
                peer!("rtrb", peers::rtrb(CAPACITY, 3, Pause::Yield));
                peer!("crossbeam", peers::crossbeam(CAPACITY, 3, Pause::Yield));
                peer!("bus", peers::bus(CAPACITY, 3, Pause::Yield));
                peer!("multiqueue2", peers::multiqueue(CAPACITY, 3, Pause::Yield));
                peer!("tokio broadcast", peers::tokio(CAPACITY, 3, Pause::Yield));
            }
            cell.run();
        }
        bench
            .cell(
                "idle, one of three consumers, each 100 ms",
                Unit::NsPerOp,
                1,
            )
            .goal(1_000_000.0)
            .ours(move |times| idle(ours::open(CAPACITY, 3)?, times))
            .run();
        bench
            .cell("wake-up of three that wait, p50", Unit::NsPerOp, 16)
            .goal(10_000.0)
            .ours(move |rows| wake_up(ours::open(CAPACITY, 3)?, 0.5, rows))
            .limit(move |rows| bare::wake_up(0.5, rows))
            .run();
    })
}
