//! `SharedBuffer` against a plain vector: any sequence of writes, with snapshots that must stay.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use proptest::prelude::*;
use zc_core::SharedBuffer;

#[derive(Clone, Debug)]
enum Step {
    Push(u8),
    Extend(Vec<u8>),
    Truncate(usize),
    Resize(usize, u8),
    Set(usize, u8),
    Clear,
    Snapshot,
    DropSnapshot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u8>().prop_map(Step::Push),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Step::Extend),
        (0..20_usize).prop_map(Step::Truncate),
        (0..20_usize, any::<u8>()).prop_map(|(n, v)| Step::Resize(n, v)),
        (any::<usize>(), any::<u8>()).prop_map(|(i, v)| Step::Set(i, v)),
        Just(Step::Clear),
        Just(Step::Snapshot),
        Just(Step::DropSnapshot),
    ]
}

proptest! {
    #[test]
    fn behaves_as_a_vector_and_snapshots_stay(steps in prop::collection::vec(step(), 0..60)) {
        let buffer = SharedBuffer::<u8>::new();
        let mut model = Vec::new();
        let mut snapshots = Vec::new();
        for step in steps {
            match step {
                Step::Push(v) => { buffer.write().unwrap().push(v); model.push(v); }
                Step::Extend(v) => {
                    buffer.write().unwrap().extend_from_slice(&v);
                    model.extend(v);
                }
                Step::Truncate(n) => { buffer.write().unwrap().truncate(n); model.truncate(n); }
                Step::Resize(n, v) => { buffer.write().unwrap().resize(n, v); model.resize(n, v); }
                Step::Set(i, v) if !model.is_empty() => {
                    let i = i % model.len();
                    buffer.write().unwrap()[i] = v;
                    model[i] = v;
                }
                Step::Set(..) => {}
                Step::Clear => { buffer.write().unwrap().clear(); model.clear(); }
                Step::Snapshot => snapshots.push((buffer.snapshot().unwrap(), model.clone())),
                Step::DropSnapshot => { snapshots.pop(); }
            }
            prop_assert_eq!(&*buffer.read().unwrap(), &*model);
            prop_assert_eq!(buffer.len(), model.len());
            for (snapshot, then) in &snapshots {
                prop_assert_eq!(&**snapshot, &**then);
            }
        }
    }
}
