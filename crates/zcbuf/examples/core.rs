//! One buffer, many readers, one writer, and snapshots that outlive every lock.

use std::thread;

use zcbuf::core::{Frozen, SharedBuffer, error::Poisoned};

fn main() -> Result<(), Poisoned> {
    let temperatures: SharedBuffer<f32> = vec![20.5, 21.0, 21.5].into();

    // The elements as they are now, for as long as we like: one atomic addition.
    let morning: Frozen<f32> = temperatures.snapshot()?;

    thread::scope(|s| {
        s.spawn(|| -> Result<(), Poisoned> {
            let mut guard = temperatures.write()?;
            guard.push(25.0);
            guard[0] = 20.0;
            Ok(())
        });
        for _ in 0..2 {
            s.spawn(|| -> Result<(), Poisoned> {
                let guard = temperatures.read()?;
                println!("a reader sees {:?}", &*guard);
                Ok(())
            });
        }
    });

    println!("now:     {:?}", &*temperatures.read()?);
    println!("morning: {morning:?}");
    Ok(())
}
