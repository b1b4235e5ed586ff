//! What is sent: a number, in one word or in many.

/// A message that carries a number.
pub(crate) trait Message: Clone + Default + Send + Sync + Unpin + 'static {
    /// Its size, as the cells' names say it.
    const NAME: &'static str;

    /// Writes the whole message.
    fn of(number: u64) -> Self;

    /// Reads both ends of it.
    fn number(&self) -> u64;
}

/// `N` words of eight bytes.
#[derive(Clone)]
pub(crate) struct Words<const N: usize>([u64; N]);

impl<const N: usize> Default for Words<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Message for Words<N> {
    const NAME: &'static str = match N {
        1 => "u64",
        8 => "64B",
        128 => "1KiB",
        _ => panic!("a size without a name"),
    };

    fn of(number: u64) -> Self {
        Self([number; N])
    }

    /// The last word, and so that both must be there, what it differs from the first by.
    fn number(&self) -> u64 {
        self.0[N - 1].wrapping_add((self.0[0] ^ self.0[N - 1]) << 32)
    }
}
