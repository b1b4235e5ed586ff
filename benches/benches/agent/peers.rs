//! The peers, on the same work.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{GROUP, Outcome, Shape, Tally, all, runtime, say};

/// Writers append to one `Vec` under a lock; who fills it swaps it for a spare one and sends it.
/// Hands out no offsets, cannot be filled in place, and knows of no failures.
pub(crate) fn mutex_vec(shape: Shape) -> Outcome {
    struct Shared {
        open: Mutex<Vec<u8>>,
        spare: Mutex<Vec<Vec<u8>>>,
    }
    runtime().block_on(async move {
        let empty = move || Vec::with_capacity(GROUP + shape.size);
        let shared = Arc::new(Shared {
            open: Mutex::new(empty()),
            spare: Mutex::new(Vec::new()),
        });
        let (full, mut received) = mpsc::channel::<Vec<u8>>(7);
        let start = Instant::now();
        let consumer = tokio::spawn({
            let shared = shared.clone();
            async move {
                let mut tally = Tally::new(shape);
                while let Some(mut group) = received.recv().await {
                    tally.add(&group)?;
                    group.clear();
                    shared.spare.lock().map_err(say)?.push(group);
                }
                Ok::<_, String>(tally)
            }
        });
        let writers = shape.spawn(|n| {
            let (shared, full) = (shared.clone(), full.clone());
            async move {
                let piece = shape.piece(n);
                for _ in 0..shape.share(n) {
                    let group = {
                        let mut open = shared.open.lock().map_err(say)?;
                        open.extend_from_slice(&piece);
                        let is_full = open.len() >= GROUP;
                        is_full.then(|| {
                            let spare = shared.spare.lock().ok().and_then(|mut s| s.pop());
                            std::mem::replace(&mut *open, spare.unwrap_or_else(empty))
                        })
                    };
                    if let Some(group) = group {
                        full.send(group).await.map_err(say)?;
                    }
                }
                Ok(())
            }
        });
        all(writers).await?;
        let rest = std::mem::take(&mut *shared.open.lock().map_err(say)?);
        full.send(rest).await.map_err(say)?;
        drop(full);
        let tally = consumer.await.map_err(say)??;
        let elapsed = start.elapsed();
        tally.check()?;
        Ok(elapsed)
    })
}

/// A `Bytes` for each piece through a tokio channel, copied together at the other end; with
/// `clone`, the `Bytes` are clones and not copies, and are not copied together either.
pub(crate) fn mpsc_bytes(shape: Shape, clone: bool) -> Outcome {
    runtime().block_on(async move {
        let (sender, mut received) = mpsc::channel::<Bytes>(1024);
        let start = Instant::now();
        let consumer = tokio::spawn(async move {
            let mut tally = Tally::new(shape);
            let mut group = Vec::with_capacity(GROUP + shape.size);
            while let Some(piece) = received.recv().await {
                if clone {
                    tally.add(&piece)?;
                    continue;
                }
                group.extend_from_slice(&piece);
                if group.len() >= GROUP {
                    tally.add(&group)?;
                    group.clear();
                }
            }
            tally.add(&group)?;
            Ok::<_, String>(tally)
        });
        let writers = shape.spawn(|n| {
            let sender = sender.clone();
            async move {
                let piece = Bytes::from(shape.piece(n));
                for _ in 0..shape.share(n) {
                    let piece = match clone {
                        true => piece.clone(),
                        false => Bytes::copy_from_slice(&piece),
                    };
                    sender.send(piece).await.map_err(say)?;
                }
                Ok(())
            }
        });
        all(writers).await?;
        drop(sender);
        let tally = consumer.await.map_err(say)??;
        let elapsed = start.elapsed();
        tally.check()?;
        Ok(elapsed)
    })
}

#[cfg(feature = "peers")]
pub(crate) use slow_to_build::*;

#[cfg(feature = "peers")]
mod slow_to_build {
    use std::num::NonZeroUsize;

    use bbqueue::nicknames::GogiGui;
    use bbqueue::traits::storage::BoxedSlice;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStoreExt, WriteMultipart};

    use super::*;

    /// The crate that the agent learned from: an actor, and a merge of each group.
    pub(crate) fn zc_buffer(shape: Shape) -> Outcome {
        runtime().block_on(async move {
            let channel = NonZeroUsize::new(1024).ok_or("not zero")?;
            let start = Instant::now();
            let (handle, mut completed, _failed) =
                zc_buffer::spawn_manager!(default, channel, &GROUP);
            let consumer = tokio::spawn(async move {
                let mut tally = Tally::new(shape);
                while let Some((_, group)) = completed.recv().await {
                    tally.add(&group)?;
                }
                Ok::<_, String>(tally)
            });
            let writers = shape.spawn(|n| {
                let handle = handle.clone();
                async move {
                    let piece = Bytes::from(shape.piece(n));
                    let size = NonZeroUsize::new(shape.size).ok_or("a piece has bytes")?;
                    for _ in 0..shape.share(n) {
                        let agent = handle.reserve_writer(size).await.map_err(say)?;
                        let agent = agent.into_single_agent();
                        agent.submit_bytes(piece.clone()).await.map_err(say)?;
                    }
                    Ok(())
                }
            });
            all(writers).await?;
            handle.finalize().await.map_err(say)?;
            let tally = consumer.await.map_err(say)??;
            let elapsed = start.elapsed();
            tally.check()?;
            Ok(elapsed)
        })
    }

    /// Its own benchmark, with `finalize` inside of the time.
    pub(crate) fn zc_buffer_rounds(shape: Shape, group: usize) -> Outcome {
        super::super::rounds(shape, |shape, pieces| async move {
            let channel = NonZeroUsize::new(128).ok_or("not zero")?;
            let (handle, mut completed, _failed) =
                zc_buffer::spawn_manager!(default, channel, &group);
            let start = Instant::now();
            let consumer = tokio::spawn(async move {
                let mut tally = Tally::new(shape);
                while let Some((_, group)) = completed.recv().await {
                    tally.add(&group)?;
                }
                Ok::<_, String>(tally)
            });
            let writers = shape.spawn(|n| {
                let (handle, piece) = (handle.clone(), pieces[n].clone());
                async move {
                    let size = NonZeroUsize::new(piece.len()).ok_or("a piece has bytes")?;
                    let agent = handle.reserve_writer(size).await.map_err(say)?;
                    let agent = agent.into_single_agent();
                    agent.submit_bytes(piece).await.map_err(say)
                }
            });
            all(writers).await?;
            handle.finalize().await.map_err(say)?;
            let tally = consumer.await.map_err(say)??;
            let elapsed = start.elapsed();
            tally.check()?;
            Ok(elapsed)
        })
    }

    /// One producer and one consumer over a ring of bytes; polling, as its fastest flavour does.
    pub(crate) fn bbqueue(shape: Shape) -> Outcome {
        runtime().block_on(async move {
            let queue = GogiGui::new_with_storage(BoxedSlice::new(8 * GROUP));
            let (producer, consumer) = (queue.stream_producer(), queue.stream_consumer());
            let start = Instant::now();
            let consumer = tokio::spawn(async move {
                let mut tally = Tally::new(shape);
                while tally.bytes < shape.bytes() {
                    match consumer.read() {
                        Ok(grant) => {
                            let len = grant.len() - grant.len() % shape.size;
                            tally.add(&grant[..len])?;
                            grant.release(len);
                        }
                        Err(_) => tokio::task::yield_now().await,
                    }
                }
                Ok::<_, String>(tally)
            });
            let writer = tokio::spawn(async move {
                let piece = shape.piece(0);
                for _ in 0..shape.pieces {
                    loop {
                        if let Ok(mut grant) = producer.grant_exact(piece.len()) {
                            grant.copy_from_slice(&piece);
                            grant.commit(piece.len());
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                }
                Ok(())
            });
            all(vec![writer]).await?;
            let tally = consumer.await.map_err(say)??;
            let elapsed = start.elapsed();
            tally.check()?;
            Ok(elapsed)
        })
    }

    /// A multipart upload into memory, by one writer.
    pub(crate) fn write_multipart(shape: Shape) -> Outcome {
        runtime().block_on(async move {
            let (store, path) = (InMemory::new(), Path::from("object"));
            let upload = store.put_multipart(&path).await.map_err(say)?;
            let start = Instant::now();
            let writer = tokio::spawn(async move {
                let piece = shape.piece(0);
                let mut multipart = WriteMultipart::new_with_chunk_size(upload, GROUP);
                for _ in 0..shape.pieces {
                    multipart.write(&piece);
                    multipart.wait_for_capacity(8).await.map_err(say)?;
                }
                multipart.finish().await.map_err(say).map(drop)
            });
            all(vec![writer]).await?;
            let elapsed = start.elapsed();
            let mut tally = Tally::new(shape);
            let object = store.get(&path).await.map_err(say)?;
            tally.add(&object.bytes().await.map_err(say)?)?;
            tally.check()?;
            Ok(elapsed)
        })
    }
}
