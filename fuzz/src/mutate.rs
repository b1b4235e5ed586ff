//! Mutations without coverage, the same in every run: for the plain tests.

/// A generator of mutations (the state is that of a splitmix64).
#[derive(Debug, Clone)]
pub struct Mutator(u64);

impl Mutator {
    /// One that gives the same mutations for the same `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % (n.max(1) as u64)).unwrap_or(0)
    }

    /// `bytes` with one to four changes, of which some take a piece of `other`.
    pub fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, other);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        // Fields are where formats break: half of the changes hit the start.
        let at = if self.below(2) == 0 { at % 96 } else { at };
        let edges = [0, 1, 0x7F, 0x80, 0xFF];
        match self.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = edges[self.below(edges.len())],
            2 if at + 4 <= bytes.len() => {
                let word = [0, 1, 63, 64, 65, u32::MAX, u32::MAX - 63, 1 << 31][self.below(8)];
                bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            3 => bytes.truncate(at),
            4 => {
                let end = (at + 1 + self.below(64)).min(bytes.len());
                let piece = bytes.get(at..end).unwrap_or_default().to_vec();
                bytes.extend(piece);
            }
            5 if !other.is_empty() => {
                let from = self.below(other.len());
                let piece = &other[from..other.len().min(from + 1 + self.below(64))];
                let end = (at + piece.len()).min(bytes.len());
                bytes.splice(at.min(end)..end, piece.iter().copied());
            }
            _ => bytes.insert(at.min(bytes.len()), edges[self.below(edges.len())]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_differ_and_come_again() {
        let run = || {
            let mut m = Mutator::new(7);
            (0..64)
                .map(|_| m.mutate(b"0123456789", b"abcdef"))
                .collect::<Vec<_>>()
        };
        let first = run();
        assert_eq!(first, run());
        let different = first
            .iter()
            .filter(|b| b.as_slice() != b"0123456789")
            .count();
        assert!(different > 48, "{different}");
    }

    #[test]
    fn nothing_can_be_mutated_too() {
        let mut m = Mutator::new(1);
        for _ in 0..1000 {
            m.mutate(b"", b"");
        }
    }
}
