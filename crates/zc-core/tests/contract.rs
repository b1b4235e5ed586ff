//! Every name of the contract, called in the shape in which it was promised. What the calls do is
//! tested elsewhere; a change that does not keep to this file is a breaking one.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use zc_core::chunked::{ChunkedPinned, ChunkedPublisher, ChunkedReader};
use zc_core::sync::block_on;
use zc_core::{
    CapacityError, ChunkedBuffer, ChunkedSnapshot, Closed, Draft, Frozen, FrozenMut, Holder,
    LockTimeoutError, OwnedReadGuard, OwnedWriteGuard, Pinned, Poisoned, Publisher, ReadGuard,
    Reader, Region, RegionError, RegionPool, SeqCell, SharedBuffer, TryLockError, Version,
    WaitError, WriteGuard,
};

const SOON: Duration = Duration::from_millis(5);

fn send<T: Send>(_: &T) {}
fn send_sync_static<T: Send + Sync + 'static>() {}

#[test]
fn shared_buffers_are_made_in_every_way() {
    fn handles<T: Clone + Default + From<Vec<u8>> + FromIterator<u8> + Debug>() {}
    handles::<SharedBuffer<u8>>();
    send_sync_static::<SharedBuffer<u8>>();
    assert_eq!(SharedBuffer::<u8>::new().capacity(), 0);
    assert!(SharedBuffer::<u8>::with_capacity(10).capacity() >= 10);
    let too_much: Result<SharedBuffer<u8>, CapacityError> =
        SharedBuffer::try_with_capacity(usize::MAX);
    assert!(too_much.is_err());
    let vec = vec![1_u8, 2, 3];
    let place = vec.as_ptr();
    let buffer = SharedBuffer::from_vec(vec);
    assert_eq!(buffer.read().unwrap().as_ptr(), place);
    let other = buffer.clone();
    assert_eq!((buffer.len(), buffer.is_empty()), (3, false));
    assert_eq!(other.handle_count(), 2);
    assert!(!buffer.is_poisoned());
    buffer.clear_poison();
}

#[test]
fn shared_buffers_are_read_in_every_way() {
    let buffer: SharedBuffer<u8> = (0..10).collect();
    let read: Result<ReadGuard<'_, u8>, Poisoned> = buffer.read();
    let tried: Result<ReadGuard<'_, u8>, TryLockError> = buffer.try_read();
    let timed: Result<ReadGuard<'_, u8>, LockTimeoutError> = buffer.read_timeout(SOON);
    let owned: Result<OwnedReadGuard<u8>, Poisoned> = buffer.read_owned();
    let future = buffer.read_async();
    send(&future);
    let awaited: Result<ReadGuard<'_, u8>, Poisoned> = block_on(future);
    let elements: [&[u8]; 5] = [
        &read.unwrap(),
        &tried.unwrap(),
        &timed.unwrap(),
        &owned.unwrap(),
        &awaited.unwrap(),
    ];
    assert!(elements.iter().all(|of| of.len() == 10));
    send_sync_static::<OwnedReadGuard<u8>>();
    let snapshot: Result<Frozen<u8>, Poisoned> = buffer.snapshot();
    assert_eq!(snapshot.unwrap()[9], 9);
}

#[test]
fn shared_buffers_are_written_in_every_way() {
    let buffer = SharedBuffer::<u8>::new();
    let mut guard: WriteGuard<'_, u8> = buffer.write().unwrap();
    guard.push(1);
    guard.extend_from_slice(&[2, 3, 4]);
    guard.truncate(3);
    guard.resize(5, 9);
    guard.reserve(100);
    let too_much: Result<(), CapacityError> = guard.try_reserve(usize::MAX);
    assert!(too_much.is_err());
    guard[0] = 7;
    assert_eq!(*guard, [7, 2, 3, 9, 9]);
    let guard: ReadGuard<'_, u8> = guard.downgrade();
    let refused: Result<WriteGuard<'_, u8>, TryLockError> = buffer.try_write();
    assert_eq!(
        refused.err(),
        Some(TryLockError::WouldBlock(Holder::Readers))
    );
    let late: Result<WriteGuard<'_, u8>, LockTimeoutError> = buffer.write_timeout(SOON);
    assert_eq!(late.err(), Some(LockTimeoutError::Timeout));
    drop(guard);
    let owned: OwnedWriteGuard<u8> = buffer.write_owned().unwrap();
    let refused = buffer.try_read().err();
    assert_eq!(refused, Some(TryLockError::WouldBlock(Holder::Writer)));
    let owned: OwnedReadGuard<u8> = owned.downgrade();
    drop(owned);
    let future = buffer.write_async();
    send(&future);
    let mut guard = block_on(future).unwrap();
    guard.clear();
    assert!(guard.is_empty());
}

#[test]
fn every_guard_can_be_narrowed() {
    let buffer: SharedBuffer<u8> = (0..4).collect();
    assert_eq!(*buffer.read().unwrap().slice(1..3).slice(..1), [1]);
    assert_eq!(*buffer.read_owned().unwrap().slice(1..3).slice(..1), [1]);
    let end = buffer.read().unwrap().map(|all| &all[2..]);
    assert_eq!(*end.slice(1..), [3]);
    let end = buffer.read_owned().unwrap().map(|all| &all[2..]);
    assert_eq!(*end.slice(1..), [3]);
    let part = buffer.read().unwrap().try_map(|all| all.first());
    assert_eq!(*part.ok().unwrap(), 0);
    let whole = buffer.read_owned().unwrap().try_map(|all| all.get(9));
    assert_eq!(whole.err().unwrap().len(), 4);

    assert_eq!(*buffer.write().unwrap().slice(1..3).slice(..1), [1]);
    assert_eq!(*buffer.write_owned().unwrap().slice(1..3).slice(..1), [1]);
    let end = buffer.write().unwrap().map(|all| &mut all[2..]);
    assert_eq!(*end.slice(1..), [3]);
    let end = buffer.write_owned().unwrap().map(|all| &mut all[2..]);
    assert_eq!(*end.slice(1..), [3]);
    let part = buffer.write().unwrap().try_map(|all| all.first_mut());
    *part.ok().unwrap() = 5;
    let whole = buffer.write_owned().unwrap().try_map(|all| all.get_mut(9));
    assert_eq!(*whole.err().unwrap(), [5, 1, 2, 3]);
}

#[test]
fn frozen_views() {
    send_sync_static::<Frozen<u8>>();
    let view = Frozen::from_vec(vec![1_u32, 2, 3, 4]);
    assert_eq!(view.slice(1..)[0], 2);
    assert!(view.get(3..9).is_none());
    let (left, right): (Frozen<u32>, Frozen<u32>) = view.split_at(1);
    assert_eq!((left.len(), right.len()), (1, 3));
    drop((left, right));
    assert!(view.ptr_eq(&view.clone()));
    let bytes: Frozen<u8> = view.try_cast::<u8>().unwrap();
    assert_eq!(bytes.len(), 16);
    assert!(bytes.file_span().is_none());
    let writable: Result<FrozenMut<u8>, Frozen<u8>> = bytes.try_into_mut();
    let view: Frozen<u8> = writable.unwrap().freeze();
    #[cfg(feature = "bytes")]
    let view = Frozen::<u8>::from(bytes::Bytes::from(view));
    assert_eq!(view.len(), 16);
    let foreign: Frozen<u8> = Frozen::from_owner(b"not ours".to_vec());
    assert!(foreign.try_into_mut().is_err());
}

#[test]
fn publishers_and_readers() {
    fn cloned<R: Clone + Send>(_: &R) {}
    let mut publisher: Publisher<u8> = Publisher::new(vec![1_u8, 2]);
    let mut reader: Reader<u8> = publisher.reader();
    cloned(&reader);
    let first: Version = publisher.version();
    let second: Version = publisher.publish(Frozen::from_vec(vec![3_u8, 4]));
    assert!(second > first);
    assert_eq!(reader.wait_newer(first, SOON), Ok(second));
    let none: Result<Version, WaitError> = reader.wait_newer(second, SOON);
    assert_eq!(none, Err(WaitError::Timeout));
    {
        let pinned: Pinned<'_, u8> = reader.load();
        assert_eq!((pinned.version(), &pinned[..]), (second, &[3, 4][..]));
    }
    let latest: &Frozen<u8> = reader.latest();
    assert_eq!(latest.len(), 2);
    let mut draft: Draft<'_, u8> = publisher.draft();
    assert_eq!(draft.len(), 2);
    draft.copy_from_slice(&[5, 6]);
    let third: Version = draft.commit();
    assert_eq!(block_on(reader.changed()), Ok(third));
    assert_eq!(*reader.load(), [5, 6]);
    drop(publisher);
    assert_eq!(block_on(reader.changed()), Err(Closed));
    assert_eq!(reader.wait_newer(third, SOON), Err(WaitError::Closed));
}

#[test]
fn chunked_buffers_and_their_publishers() {
    let mut buffer = ChunkedBuffer::<u8>::with_chunk_len(4);
    buffer.push(0);
    buffer.extend_from_slice(&[1, 2, 3]);
    buffer.extend([4_u8, 5]);
    buffer.write_at(3, &[9, 9]);
    let snapshot: ChunkedSnapshot<u8> = buffer.snapshot();
    let chunks: Vec<&[u8]> = buffer.chunks().collect();
    assert_eq!(chunks, [&[0, 1, 2, 9][..], &[9, 5]]);
    assert_eq!(
        (snapshot.len(), ChunkedBuffer::from_vec(vec![1]).len()),
        (6, 1)
    );
    let mut publisher = ChunkedPublisher::new(buffer);
    let mut reader: ChunkedReader<u8> = publisher.reader();
    let version: Version = publisher.write_at(0, &[7]);
    let pinned: ChunkedPinned<'_, u8> = reader.load();
    assert_eq!((pinned.version(), pinned[0]), (version, 7));
    drop(pinned);
    let mut draft = publisher.draft();
    draft.push(8);
    let version: Version = draft.commit();
    assert_eq!(reader.wait_newer(version, SOON), Err(WaitError::Timeout));
    assert_eq!(reader.latest().len(), 7);
}

#[test]
fn cells_and_regions() {
    let cell = SeqCell::new([1_u64, 2]);
    let shared: &SeqCell<[u64; 2]> = &cell;
    shared.store([3, 4]);
    assert_eq!(shared.load(), [3, 4]);
    let mut region: Region = Region::heap(100, 64).unwrap();
    region.as_mut_slice()[0] = 1;
    assert_eq!((region.len(), region.as_slice()[0]), (100, 1));
    assert!(Region::anonymous(100).is_ok());
    let pooled: Result<Region, RegionError> = RegionPool::new(1 << 20).acquire(4096);
    assert_eq!(Frozen::from(pooled.unwrap()).len(), 4096);
}

/// A pending lock is an ordinary future: it can be named, moved into a box and dropped.
#[test]
fn async_locks_are_cancelled_by_dropping() {
    let buffer: SharedBuffer<u8> = vec![1].into();
    let held = buffer.read().unwrap();
    let mut writer: std::pin::Pin<Box<dyn Future<Output = _> + Send + '_>> =
        Box::pin(buffer.write_async());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(writer.as_mut().poll(&mut context).is_pending());
    drop(writer);
    assert!(
        buffer.try_read().is_ok(),
        "the one that was cancelled bars nobody"
    );
    drop(held);
    assert!(buffer.try_write().is_ok());
}
