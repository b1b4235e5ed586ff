//! The ledger: what is copied by whom, and what is not.
//!
//! One test in a file of its own, for the ledger is the whole process's.
#![cfg(all(feature = "ledger", not(any(zc_loom, zc_shuttle))))]

use zc_channel::{bounded, spsc};
use zc_core::ledger::{Ledger, snapshot};

fn copied(f: impl FnOnce()) -> Ledger {
    let before = snapshot();
    f();
    snapshot().since(&before)
}

#[test]
fn payload_that_moves_is_counted_and_handles_are_not() {
    let plain = copied(|| {
        let (tx, rx) = bounded::<[u8; 100]>(4);
        tx.try_send([1; 100]).unwrap();
        tx.try_send_many(vec![[2; 100]; 3]).unwrap();
        assert_eq!(rx.recv_many_blocking(&mut Vec::new(), 4), 4);
    });
    assert_eq!(plain.copied_at("channel.send"), 400);
    assert_eq!(plain.copied_at("channel.receive"), 400);

    let owned = copied(|| {
        let (tx, rx) = bounded::<Vec<u8>>(1);
        let sent = vec![0; 1_000];
        let at = sent.as_ptr();
        tx.try_send(sent).unwrap();
        let received = rx.try_recv().unwrap();
        assert_eq!(received.as_ptr(), at, "the very same bytes");
    });
    assert_eq!(owned.copied(), 0);

    let in_place = copied(|| {
        let (mut tx, mut rx) = spsc::channel::<[u8; 100]>(4);
        let mut chunk = tx.write_chunk_uninit(4).unwrap();
        for slot in chunk.as_mut_slices().0 {
            slot.write([3; 100]);
        }
        // SAFETY: all four have just been written; a ring that was never used does not wrap.
        unsafe { chunk.commit_all() };
        let chunk = rx.read_chunk(4).unwrap();
        assert!(chunk.as_slices().0.iter().all(|item| item == &[3; 100]));
        chunk.commit_all();
    });
    assert_eq!(in_place.copied(), 0);
}
