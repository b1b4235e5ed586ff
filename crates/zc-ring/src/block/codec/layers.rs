//! Patched numbers: layers of exceptions, so that few large numbers do not make all the others wide.
//!
//! A layer holds the low `width` bits of each of its numbers, packed. Numbers that have more bits are
//! exceptions: where they stand is a list of places or a bitmap, whichever is shorter, and what they
//! have above `width` bits are the numbers of the next layer. One jump in a thousand rows costs a few
//! bytes; a column that jumps often, and sometimes far, gets two layers of exceptions.
//!
//! ```text
//! layer: width u8 · places u8 · exceptions u16 │ packed low bits │ places │ the next layer, if any
//! ```
//!
//! The best widths follow from nothing but the histogram of bit lengths ([`Layers::best`]).

use super::bits::{pack, packed_len};
use super::kernels::{self, Level};
use crate::block::MAX_ROWS;

/// The most layers there are.
pub(crate) const MAX_LAYERS: usize = 3;
const HEAD: usize = 4;

/// Nobody is an exception: the last layer.
const NONE: u8 = 0;
/// Places as u16, ascending.
const LIST: u8 = 1;
/// A bit for each number, least significant first.
const BITMAP: u8 = 2;

/// The widths of the layers, and the bytes they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layers {
    /// How many bits below, with this layer, the numbers have: ascending.
    upto: [u32; MAX_LAYERS],
    count: u8,
    pub(crate) len: usize,
}

impl Layers {
    /// The layers that take the fewest bytes for `count` numbers of which `lengths[l]` have `l` bits;
    /// `None` if they take `limit` or more. Costs at most the square of the number of different
    /// lengths, and next to nothing where the bits alone are too many.
    pub(crate) fn best(lengths: &[u16; 65], count: usize, limit: usize) -> Option<Self> {
        let bits: usize = (0..)
            .zip(lengths)
            .map(|(length, n)| length * usize::from(*n))
            .sum();
        if bits / 8 + HEAD >= limit {
            return None;
        }
        // The lengths that occur, and how many numbers are longer.
        let (mut widths, mut longer, mut kinds) = ([0; 66], [0; 66], 0);
        let mut left = count;
        for (width, n) in (0..).zip(lengths) {
            left -= usize::from(*n);
            if *n > 0 || width == 0 {
                (widths[kinds], longer[kinds]) = (width, left as u32);
                kinds += 1;
            }
        }
        let (last, level) = (kinds - 1, Level::detect());
        let most = widths[last];
        // The last layer holds `count` numbers from `below` bits on.
        let rest = |count: u32, below: u32| HEAD + packed_len(count as usize, most - below);
        let mut best = Self::new([most, 0, 0], 1, rest(count as u32, 0));
        // Bits that all numbers have above the width.
        let mut above = bits;
        let (mut width, mut many) = (0, count);
        for index in 0..last {
            above -= (widths[index] - width) as usize * many;
            (width, many) = (widths[index], longer[index] as usize);
            let one = HEAD + packed_len(count, width) + places_len(count, many);
            // However they are spread over further layers, they are there.
            if one + HEAD + above / 8 >= best.len {
                continue;
            }
            let two = one + rest(many as u32, width);
            if two < best.len {
                best = Self::new([width, most, 0], 2, two);
            }
            let (seconds, few) = (&widths[index + 1..last], &longer[index + 1..last]);
            let cheapest = kernels::cheapest(level, seconds, few, width, many as u32, most);
            let three = one + 2 * HEAD + (cheapest >> 8) as usize;
            if !seconds.is_empty() && three < best.len {
                let second = seconds[cheapest as usize & 0xff];
                best = Self::new([width, second, most], 3, three);
            }
        }
        (best.len < limit).then_some(best)
    }

    fn new(upto: [u32; MAX_LAYERS], count: u8, len: usize) -> Self {
        Self { upto, count, len }
    }

    /// Appends `numbers`, whose histogram these layers were made from. Nothing of use is left in them.
    pub(crate) fn encode(&self, numbers: &mut [u64], out: &mut Vec<u8>) {
        let start = out.len();
        encode_layer(numbers, 0, &self.upto[..self.count.into()], out);
        debug_assert_eq!(out.len() - start, self.len);
    }
}

/// Appends `numbers`, which begin with bit `below`, in layers up to those of `upto`.
fn encode_layer(numbers: &mut [u64], below: u32, upto: &[u32], out: &mut Vec<u8>) {
    let &[upto, ref next @ ..] = upto else {
        return;
    };
    let (width, head) = (upto - below, out.len());
    out.extend_from_slice(&[width as u8, NONE, 0, 0]);
    pack(numbers, width, out);
    if next.is_empty() {
        return;
    }
    let mut bitmap = [0; MAX_ROWS / 8];
    let bitmap = &mut bitmap[..numbers.len().div_ceil(8)];
    let exceptions = kernels::split(Level::detect(), numbers, width, bitmap);
    out[head + 2..head + HEAD].copy_from_slice(&(exceptions as u16).to_le_bytes());
    if 2 * exceptions < bitmap.len() {
        out[head + 1] = LIST;
        for (index, set) in (0..).zip(bitmap) {
            let bits = (0..8).filter(|bit| *set >> bit & 1 == 1);
            bits.for_each(|bit| out.extend_from_slice(&(8 * index + bit as u16).to_le_bytes()));
        }
    } else {
        out[head + 1] = BITMAP;
        out.extend_from_slice(bitmap);
    }
    encode_layer(&mut numbers[..exceptions], upto, next, out);
}

/// Bytes of the places of `exceptions` among `count` numbers.
fn places_len(count: usize, exceptions: usize) -> usize {
    (2 * exceptions).min(count.div_ceil(8))
}

/// One layer as it stands in a payload.
struct Layer<'a> {
    width: u32,
    packed: &'a [u8],
    kind: u8,
    exceptions: usize,
    places: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Layer<'a> {
    /// The layer of `count` numbers that `payload` begins with, if it is long enough.
    fn read(payload: &'a [u8], count: usize) -> Option<Self> {
        let (head, rest) = payload.split_at_checked(HEAD)?;
        let (width, kind) = (u32::from(head[0]), head[1]);
        let exceptions = usize::from(u16::from_le_bytes([head[2], head[3]]));
        if width > 64 || exceptions > count {
            return None;
        }
        let (packed, rest) = rest.split_at_checked(packed_len(count, width))?;
        let places = match kind {
            NONE if exceptions == 0 => 0,
            LIST if exceptions > 0 => 2 * exceptions,
            BITMAP if exceptions > 0 => count.div_ceil(8),
            _ => return None,
        };
        let (places, rest) = rest.split_at_checked(places)?;
        Some(Self {
            width,
            packed,
            kind,
            exceptions,
            places,
            rest,
        })
    }

    fn list(&self) -> impl Iterator<Item = usize> {
        let (places, _) = self.places.as_chunks();
        places.iter().map(|place| u16::from_le_bytes(*place).into())
    }

    /// Whether there are as many places as exceptions, each once, in order and among `count`.
    fn has_good_places(&self, count: usize) -> bool {
        match self.kind {
            LIST => self.list().is_sorted_by(|a, b| a < b) && self.list().all(|at| at < count),
            BITMAP => {
                let set: u32 = self.places.iter().map(|byte| byte.count_ones()).sum();
                let beyond = !count.is_multiple_of(8) && self.places[count / 8] >> (count % 8) != 0;
                set as usize == self.exceptions && !beyond
            }
            _ => true,
        }
    }
}

/// Whether `payload` is exactly the layers of `count` numbers.
pub(crate) fn check(mut payload: &[u8], mut count: usize) -> bool {
    let mut bits = 0;
    for _ in 0..MAX_LAYERS {
        let Some(layer) = Layer::read(payload, count) else {
            return false;
        };
        bits += layer.width;
        if bits > 64 || !layer.has_good_places(count) {
            return false;
        }
        if layer.kind == NONE {
            return layer.rest.is_empty();
        }
        // The next layer's numbers are shifted by less than all bits.
        if bits > 63 {
            return false;
        }
        (payload, count) = (layer.rest, layer.exceptions);
    }
    false
}

/// Decodes `out.len()` numbers, at most [`MAX_ROWS`], and adds `base` to each. `None` where `payload`
/// is none that [`check`] lets pass.
pub(crate) fn decode(level: Level, payload: &[u8], base: u64, out: &mut [u64]) -> Option<()> {
    decode_layer(level, payload, base, out, MAX_LAYERS)
}

fn decode_layer(
    level: Level,
    payload: &[u8],
    base: u64,
    out: &mut [u64],
    depth: usize,
) -> Option<()> {
    let layer = Layer::read(payload, out.len())?;
    let (packed, width) = (layer.packed, layer.width);
    if layer.kind == NONE {
        kernels::unpack(level, packed, width, base, out);
        return Some(());
    }
    let depth = depth.checked_sub(1)?;
    if width > 63 {
        return None;
    }
    if layer.kind == BITMAP {
        let highs = out.len().checked_sub(layer.exceptions)?;
        decode_layer(level, layer.rest, 0, &mut out[highs..], depth)?;
        kernels::unpack_merged(level, packed, width, base, layer.places, highs, out);
        return Some(());
    }
    kernels::unpack(level, packed, width, base, out);
    // Clearing room takes time: a list is short, but for what others may have written.
    match layer.exceptions {
        0..=64 => layer.add_listed::<64>(level, out, depth),
        _ => layer.add_listed::<MAX_ROWS>(level, out, depth),
    }
}

impl Layer<'_> {
    /// Decodes the layers above, which have at most `ROOM` numbers, and adds them where the list says.
    fn add_listed<const ROOM: usize>(
        &self,
        level: Level,
        out: &mut [u64],
        depth: usize,
    ) -> Option<()> {
        let mut highs = [0; ROOM];
        let highs = highs.get_mut(..self.exceptions)?;
        decode_layer(level, self.rest, 0, highs, depth)?;
        for (place, high) in self.list().zip(highs) {
            let number = out.get_mut(place)?;
            *number = number.wrapping_add(*high << self.width);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(numbers: &[u64]) -> usize {
        let lengths = kernels::lengths(Level::Portable, numbers);
        let layers = Layers::best(&lengths, numbers.len(), usize::MAX).unwrap();
        let mut bytes = Vec::new();
        layers.encode(&mut numbers.to_vec(), &mut bytes);
        assert_eq!(bytes.len(), layers.len);
        assert!(check(&bytes, numbers.len()));
        for level in Level::all() {
            let mut back = vec![7; numbers.len()];
            decode(level, &bytes, 3, &mut back).unwrap();
            assert!(
                numbers
                    .iter()
                    .zip(&back)
                    .all(|(a, b)| a.wrapping_add(3) == *b)
            );
        }
        bytes.len()
    }

    #[test]
    fn one_outlier_costs_bytes_not_width() {
        let mut numbers = vec![5; 1024];
        let flat = round_trip(&numbers);
        numbers[700] = u64::MAX;
        assert!(round_trip(&numbers) <= flat + 16);
    }

    #[test]
    fn layers_of_every_shape_come_back() {
        for count in [0, 1, 2, 9, 500, 1024] {
            for seed in 0..40u64 {
                let numbers: Vec<u64> = (0..count as u64)
                    .map(|n| {
                        let mixed = (n + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        match (mixed >> 7) % (2 + seed) {
                            0 => mixed >> (seed % 64),
                            1 => mixed >> 50,
                            _ => mixed >> 62,
                        }
                    })
                    .collect();
                round_trip(&numbers);
            }
        }
    }

    #[test]
    fn payloads_that_are_cut_or_lie_are_refused() {
        let mut numbers: Vec<u64> = (0..256).map(|n| n % 3).collect();
        for place in [3, 90, 200] {
            numbers[place] = 1 << (place % 50);
        }
        let lengths = kernels::lengths(Level::Portable, &numbers);
        let layers = Layers::best(&lengths, 256, usize::MAX).unwrap();
        let mut bytes = Vec::new();
        layers.encode(&mut numbers, &mut bytes);
        for len in 0..bytes.len() {
            assert!(!check(&bytes[..len], 256));
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let mut out = [0; 256];
                // What passes the check decodes; what does not must not break anything.
                let decoded = decode(Level::detect(), &bytes, 0, &mut out);
                assert!(!check(&bytes, 256) || decoded.is_some());
            }
        }
    }
}
