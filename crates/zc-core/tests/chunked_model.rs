//! The chunked buffer and its snapshots against a plain vector.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use proptest::prelude::*;
use zc_core::chunked::{ChunkedBuffer, ChunkedPublisher, ChunkedSnapshot};

#[derive(Clone, Debug)]
enum Step {
    Write { at: usize, elements: Vec<u8> },
    Push(u8),
    Extend(Vec<u8>),
    Snapshot,
    DropSnapshot(usize),
    Fork,
}

fn step() -> impl Strategy<Value = Step> {
    let elements = || proptest::collection::vec(any::<u8>(), 0..20);
    prop_oneof![
        4 => (0..120_usize, elements()).prop_map(|(at, elements)| Step::Write { at, elements }),
        2 => any::<u8>().prop_map(Step::Push),
        2 => elements().prop_map(Step::Extend),
        2 => Just(Step::Snapshot),
        2 => any::<usize>().prop_map(Step::DropSnapshot),
        1 => Just(Step::Fork),
    ]
}

fn same(buffer: &ChunkedSnapshot<u8>, vec: &[u8], chunk_len: usize) {
    assert_eq!(*buffer, *vec);
    assert_eq!(buffer.len(), vec.len());
    assert!(buffer.iter().eq(vec));
    assert!(buffer.iter().rev().eq(vec.iter().rev()));
    assert!(buffer.chunks().eq(vec.chunks(chunk_len)));
    assert!(buffer.chunks().rev().eq(vec.chunks(chunk_len).rev()));
    assert_eq!(buffer.chunks().len(), vec.len().div_ceil(chunk_len));
    let (a, b) = (vec.len() / 3, vec.len() - vec.len() / 4);
    if a <= b {
        let range = buffer.range(a..b);
        assert_eq!(range.elements(), b - a);
        assert_eq!(range.clone().count(), range.len());
        assert_eq!(range.flatten().copied().collect::<Vec<_>>(), vec[a..b]);
        let mut back: Vec<_> = buffer
            .range(a..b)
            .rev()
            .flat_map(|c| c.iter().rev())
            .collect();
        back.reverse();
        assert!(back.into_iter().eq(&vec[a..b]));
    }
    for (i, x) in vec.iter().enumerate() {
        assert_eq!(buffer.get(i), Some(x));
    }
    let mut iter = buffer.iter();
    let (front, end) = (iter.next(), iter.next_back());
    assert_eq!(iter.len(), vec.len().saturating_sub(2));
    assert_eq!(
        (front, end),
        (vec.first(), vec.get(1..).and_then(<[u8]>::last))
    );
}

proptest! {
    #[test]
    fn a_chunked_buffer_is_a_vector(
        chunk_len in 1..9_usize,
        first in proptest::collection::vec(any::<u8>(), 0..100),
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut buffer = ChunkedBuffer::with_chunk_len(chunk_len);
        buffer.extend(&first);
        let mut vec = first;
        let mut snapshots: Vec<(ChunkedSnapshot<u8>, Vec<u8>)> = Vec::new();
        for step in steps {
            match step {
                Step::Write { at, elements } => {
                    if at + elements.len() <= vec.len() {
                        vec[at..at + elements.len()].copy_from_slice(&elements);
                        buffer.write_at(at, &elements);
                    }
                }
                Step::Push(x) => {
                    vec.push(x);
                    buffer.push(x);
                }
                Step::Extend(elements) => {
                    vec.extend_from_slice(&elements);
                    buffer.extend_from_slice(&elements);
                }
                Step::Snapshot => snapshots.push((buffer.snapshot(), vec.clone())),
                Step::DropSnapshot(i) => {
                    if !snapshots.is_empty() {
                        snapshots.swap_remove(i % snapshots.len());
                    }
                }
                Step::Fork => buffer = buffer.clone(),
            }
            same(&buffer, &vec, chunk_len);
        }
        for (snapshot, vec) in snapshots {
            same(&snapshot, &vec, chunk_len);
        }
    }

    /// Versions, with the memory of old ones recycled, are what a vector was.
    #[test]
    fn a_published_version_is_a_vector(
        chunk_len in 1..9_usize,
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut vec: Vec<u8> = (0..100).collect();
        let mut publisher = {
            let mut buffer = ChunkedBuffer::with_chunk_len(chunk_len);
            buffer.extend(&vec);
            ChunkedPublisher::new(buffer)
        };
        let mut reader = publisher.reader();
        let mut snapshots: Vec<(ChunkedSnapshot<u8>, Vec<u8>)> = Vec::new();
        for step in steps {
            let mut draft = publisher.draft();
            match step {
                Step::Write { at, elements } => {
                    if at + elements.len() <= vec.len() {
                        vec[at..at + elements.len()].copy_from_slice(&elements);
                        draft.write_at(at, &elements);
                    }
                }
                Step::Push(x) => {
                    vec.push(x);
                    draft.push(x);
                }
                Step::Extend(elements) => {
                    vec.extend_from_slice(&elements);
                    draft.extend_from_slice(&elements);
                }
                Step::Snapshot => snapshots.push((draft.snapshot(), vec.clone())),
                Step::DropSnapshot(i) => {
                    if !snapshots.is_empty() {
                        snapshots.swap_remove(i % snapshots.len());
                    }
                }
                Step::Fork => {
                    draft.write_at(0, &[0; 50]);
                    continue; // not published
                }
            }
            draft.commit();
            same(&reader.load(), &vec, chunk_len);
        }
        for (snapshot, vec) in snapshots {
            same(&snapshot, &vec, chunk_len);
        }
    }
}
