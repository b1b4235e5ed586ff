//! The peers' ends, each used as its documentation recommends for speed.

use std::ops::Range;

use super::{Check, Ends, Pause, Row, Rx, Tx, row};

/// disruptor: pollers, because they measured faster than the threads it starts by itself.
pub mod disruptor {
    use disruptor::{
        BusySpinWithSpinLoopHint, Producer, build_multi_producer, build_single_producer,
    };

    use super::{Check, Ends, Pause, Range, Row, Rx, Tx, row};

    #[derive(Debug)]
    struct DisruptorTx<P>(P, Pause);

    struct DisruptorRx<F>(F, Pause);

    impl<P: Producer<Row> + Send> Tx for DisruptorTx<P> {
        #[inline]
        fn one(&mut self, number: u64) {
            if self.1 == Pause::Spin {
                self.0.publish(|slot| *slot = row(number));
                return;
            }
            while self.0.try_publish(|slot| *slot = row(number)).is_err() {
                self.1.wait();
            }
        }

        #[inline]
        fn batch(&mut self, rows: Range<u64>) {
            let len = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
            loop {
                let numbers = rows.clone();
                let done = self.0.try_batch_publish(len, |slots| {
                    for (slot, number) in slots.zip(numbers) {
                        *slot = row(number);
                    }
                });
                if done.is_ok() {
                    return;
                }
                self.1.wait();
            }
        }
    }

    impl<F: FnMut(&mut Check) -> bool + Send> Rx for DisruptorRx<F> {
        #[inline]
        fn poll(&mut self, seen: &mut Check) -> bool {
            self.0(seen)
        }

        #[inline]
        fn recv(&mut self, seen: &mut Check) {
            while !self.poll(seen) {
                self.1.wait();
            }
        }
    }

    // The pollers' types cannot be named: a closure holds each.
    macro_rules! rx {
        ($poller:ident, $pause:expr) => {
            DisruptorRx(
                move |seen: &mut Check| match $poller.poll() {
                    Ok(mut events) => {
                        for event in &mut events {
                            seen.row(event);
                        }
                        true
                    }
                    Err(_) => false,
                },
                $pause,
            )
        };
    }

    /// One producer, one consumer.
    ///
    /// # Errors
    /// None.
    pub fn one(capacity: usize, pause: Pause) -> Result<Ends<impl Tx, impl Rx>, String> {
        let builder = build_single_producer(capacity, Row::default, BusySpinWithSpinLoopHint);
        let (mut poller, builder) = builder.new_event_poller();
        let tx = DisruptorTx(builder.build(), pause);
        Ok((tx, vec![rx!(poller, pause)]))
    }

    /// One of two producers of its other kind, one consumer.
    ///
    /// # Errors
    /// None.
    pub fn multi(capacity: usize) -> Result<(Vec<impl Tx>, Vec<impl Rx>), String> {
        let builder = build_multi_producer(capacity, Row::default, BusySpinWithSpinLoopHint);
        let (mut poller, builder) = builder.new_event_poller();
        let producer = builder.build();
        let txs = vec![
            DisruptorTx(producer.clone(), Pause::Spin),
            DisruptorTx(producer, Pause::Spin),
        ];
        Ok((txs, vec![rx!(poller, Pause::Spin)]))
    }

    /// One producer, three consumers.
    ///
    /// # Errors
    /// None.
    pub fn three(capacity: usize, pause: Pause) -> Result<Ends<impl Tx, impl Rx>, String> {
        let builder = build_single_producer(capacity, Row::default, BusySpinWithSpinLoopHint);
        let (a, builder) = builder.new_event_poller();
        let (b, builder) = builder.new_event_poller();
        let (c, builder) = builder.new_event_poller();
        let tx = DisruptorTx(builder.build(), pause);
        let rxs = [a, b, c].map(|mut poller| rx!(poller, pause));
        Ok((tx, rxs.into_iter().collect()))
    }
}

/// Ends that publish row by row into one queue for each consumer, or into one that they share.
#[derive(Debug)]
struct Each<P, F>(Vec<P>, F, Pause);

impl<P: Send, F: FnMut(&mut P, Row) -> bool + Send> Tx for Each<P, F> {
    #[inline]
    fn one(&mut self, number: u64) {
        let Self(queues, push, pause) = self;
        for queue in queues {
            while !push(queue, row(number)) {
                pause.wait();
            }
        }
    }

    #[inline]
    fn batch(&mut self, rows: Range<u64>) {
        rows.for_each(|number| self.one(number));
    }
}

/// An end that is read through a closure.
struct From<F>(F, Pause);

impl<F: FnMut(&mut Check) -> bool + Send> Rx for From<F> {
    #[inline]
    fn poll(&mut self, seen: &mut Check) -> bool {
        self.0(seen)
    }

    #[inline]
    fn recv(&mut self, seen: &mut Check) {
        while !self.0(seen) {
            self.1.wait();
        }
    }
}

/// Sees one row where `next` has one.
#[inline]
fn see(seen: &mut Check, next: Option<Row>) -> bool {
    next.inspect(|row| seen.row(row)).is_some()
}

/// rtrb: a queue for each consumer, chunks where there is a batch.
///
/// # Errors
/// None.
pub fn rtrb(
    capacity: usize,
    consumers: usize,
    pause: Pause,
) -> Result<Ends<impl Tx, impl Rx>, String> {
    let ends = (0..consumers).map(|_| rtrb::RingBuffer::<Row>::new(capacity));
    let (txs, rxs): (Vec<_>, Vec<_>) = ends.unzip();
    let rxs = rxs.into_iter().map(|mut rx| {
        let read = move |seen: &mut Check| {
            let Ok(chunk) = rx.read_chunk(rx.slots()) else {
                return false;
            };
            let (first, second) = chunk.as_slices();
            seen.slice(first);
            seen.slice(second);
            let got = chunk.len();
            chunk.commit_all();
            got > 0
        };
        From(read, pause)
    });
    Ok((RtrbTx(txs, pause), rxs.collect()))
}

#[derive(Debug)]
struct RtrbTx(Vec<rtrb::Producer<Row>>, Pause);

impl Tx for RtrbTx {
    #[inline]
    fn one(&mut self, number: u64) {
        for tx in &mut self.0 {
            while tx.push(row(number)).is_err() {
                self.1.wait();
            }
        }
    }

    #[inline]
    fn batch(&mut self, rows: Range<u64>) {
        let len = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
        for tx in &mut self.0 {
            let chunk = loop {
                match tx.write_chunk_uninit(len) {
                    Ok(chunk) => break chunk,
                    Err(_) => self.1.wait(),
                }
            };
            chunk.fill_from_iter(rows.clone().map(row));
        }
    }
}

/// ringbuf, one consumer: slices where there is a batch.
///
/// # Errors
/// None.
pub fn ringbuf(capacity: usize, pause: Pause) -> Result<Ends<impl Tx, impl Rx>, String> {
    use ringbuf::traits::{Consumer, Split};
    let (tx, mut rx) = ringbuf::HeapRb::<Row>::new(capacity).split();
    let mut buffer = vec![Row::default(); 1024];
    let read = move |seen: &mut Check| {
        let got = rx.pop_slice(&mut buffer);
        seen.slice(&buffer[..got]);
        got > 0
    };
    Ok((RingbufTx(tx, Vec::new(), pause), vec![From(read, pause)]))
}

struct RingbufTx(ringbuf::HeapProd<Row>, Vec<Row>, Pause);

impl Tx for RingbufTx {
    #[inline]
    fn one(&mut self, number: u64) {
        use ringbuf::traits::Producer;
        while self.0.try_push(row(number)).is_err() {
            self.2.wait();
        }
    }

    #[inline]
    fn batch(&mut self, rows: Range<u64>) {
        use ringbuf::traits::Producer;
        self.1.clear();
        self.1.extend(rows.map(row));
        let mut left = &self.1[..];
        while !left.is_empty() {
            let put = self.0.push_slice(left);
            left = &left[put..];
            if put == 0 {
                self.2.wait();
            }
        }
    }
}

/// crossbeam: a bounded channel for each consumer.
///
/// # Errors
/// None.
pub fn crossbeam(
    capacity: usize,
    consumers: usize,
    pause: Pause,
) -> Result<Ends<impl Tx, impl Rx>, String> {
    let ends = (0..consumers).map(|_| crossbeam::channel::bounded::<Row>(capacity));
    let (txs, rxs): (Vec<_>, Vec<_>) = ends.unzip();
    let push = |tx: &mut crossbeam::channel::Sender<Row>, row| tx.try_send(row).is_ok();
    let rxs = rxs.into_iter().map(|rx| {
        let read = move |seen: &mut Check| see(seen, rx.try_recv().ok());
        From(read, pause)
    });
    Ok((Each(txs, push, pause), rxs.collect()))
}

/// bus.
///
/// # Errors
/// None.
pub fn bus(
    capacity: usize,
    consumers: usize,
    pause: Pause,
) -> Result<Ends<impl Tx, impl Rx>, String> {
    let mut bus = bus::Bus::<Row>::new(capacity);
    let rxs: Vec<_> = (0..consumers).map(|_| bus.add_rx()).collect();
    let push = |tx: &mut bus::Bus<Row>, row| tx.try_broadcast(row).is_ok();
    let rxs = rxs.into_iter().map(|mut rx| {
        let read = move |seen: &mut Check| see(seen, rx.try_recv().ok());
        From(read, pause)
    });
    Ok((Each(vec![bus], push, pause), rxs.collect()))
}

/// multiqueue2, as a broadcast queue.
///
/// # Errors
/// None.
pub fn multiqueue(
    capacity: usize,
    consumers: usize,
    pause: Pause,
) -> Result<Ends<impl Tx, impl Rx>, String> {
    let capacity = u64::try_from(capacity).map_err(|e| e.to_string())?;
    let (tx, rx) = multiqueue2::broadcast_queue::<Row>(capacity);
    let rxs: Vec<_> = (0..consumers).map(|_| rx.add_stream()).collect();
    rx.unsubscribe();
    let push = |tx: &mut multiqueue2::BroadcastSender<Row>, row| tx.try_send(row).is_ok();
    let rxs = rxs.into_iter().map(|rx| {
        let read = move |seen: &mut Check| see(seen, rx.try_recv().ok());
        From(read, pause)
    });
    Ok((Each(vec![tx], push, pause), rxs.collect()))
}

/// tokio's broadcast channel, which loses rows unless its sender looks how full it is: it does so
/// every 256 rows.
///
/// # Errors
/// None.
pub fn tokio(
    capacity: usize,
    consumers: usize,
    pause: Pause,
) -> Result<Ends<impl Tx, impl Rx>, String> {
    const LOOK: usize = 256;
    let (tx, rx) = tokio::sync::broadcast::channel::<Row>(capacity);
    let mut rxs: Vec<_> = (1..consumers).map(|_| tx.subscribe()).collect();
    rxs.push(rx);
    let mut since = 0;
    let push = move |tx: &mut tokio::sync::broadcast::Sender<Row>, row| {
        if since == LOOK.min(capacity) {
            if tx.len() + since > capacity {
                return false;
            }
            since = 0;
        }
        since += 1;
        tx.send(row).is_ok()
    };
    let rxs = rxs.into_iter().map(|mut rx| {
        let read = move |seen: &mut Check| see(seen, rx.try_recv().ok());
        From(read, pause)
    });
    Ok((Each(vec![tx], push, pause), rxs.collect()))
}
