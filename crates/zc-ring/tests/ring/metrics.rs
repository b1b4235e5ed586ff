//! Counters.

use zc_ring::{ConsumerOptions, Ring};

use crate::Result;

#[test]
fn metrics_count() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions {
        name: "one",
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0; 5])?;
    producer.publish(|_| ());
    assert_eq!(consumer.poll(4).rows().unwrap().len(), 4);
    let metrics = ring.metrics();
    assert_eq!(
        (metrics.published, metrics.head, metrics.capacity),
        (6, 6, 8)
    );
    assert_eq!(
        metrics.batch_size.buckets().collect::<Vec<_>>(),
        [(1, 1), (7, 1)]
    );
    assert_eq!(metrics.batch_size.quantile(1.0), 7);
    let one = &metrics.consumers[0];
    assert_eq!(
        (one.name.as_str(), one.sequence, one.lag, one.batches),
        ("one", 4, 2, 1)
    );
    assert_eq!((one.missed, one.evictions, one.waits), (0, 0, 0));
    Ok(())
}
