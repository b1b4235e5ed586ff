//! Doubly linked lists of slots, woven through one array.

const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
}

/// The array of links; grows with the highest slot number ever used.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<Link>);

/// One list. New slots come in at the head.
#[derive(Debug)]
pub(super) struct List {
    head: u32,
    tail: u32,
}

impl Default for List {
    fn default() -> Self {
        Self {
            head: NIL,
            tail: NIL,
        }
    }
}

impl List {
    pub(super) fn tail(&self) -> Option<u32> {
        (self.tail != NIL).then_some(self.tail)
    }

    pub(super) fn push_head(&mut self, links: &mut Links, slot: u32) {
        let index = slot as usize;
        if links.0.len() <= index {
            links.0.resize(
                index + 1,
                Link {
                    prev: NIL,
                    next: NIL,
                },
            );
        }
        links.0[index] = Link {
            prev: NIL,
            next: self.head,
        };
        match self.head {
            NIL => self.tail = slot,
            head => links.0[head as usize].prev = slot,
        }
        self.head = slot;
    }

    pub(super) fn remove(&mut self, links: &mut Links, slot: u32) {
        let Link { prev, next } = links.0[slot as usize];
        match prev {
            NIL => self.head = next,
            prev => links.0[prev as usize].next = next,
        }
        match next {
            NIL => self.tail = prev,
            next => links.0[next as usize].prev = prev,
        }
    }
}

impl Links {
    /// The neighbour towards the head.
    pub(super) fn towards_head(&self, slot: u32) -> Option<u32> {
        let prev = self.0[slot as usize].prev;
        (prev != NIL).then_some(prev)
    }
}
