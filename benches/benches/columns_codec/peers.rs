//! What others do with the same columns, each in the way that is best for it: block by block where it
//! is made for that, the column as a whole where not.

use std::hint::black_box;
use std::time::{Duration, Instant};

use zc_benches::threads::expect;

/// A codec of columns of 64-bit integers.
pub(crate) struct Codec {
    pub(crate) name: &'static str,
    pub(crate) encode: fn(&[i64]) -> Vec<u8>,
    pub(crate) decode: fn(&[u8], &mut [i64]) -> Result<(), String>,
}

pub(crate) const CODECS: &[Codec] = &[
    Codec {
        name: "varint of zigzag deltas",
        encode: varint::encode,
        decode: varint::decode,
    },
    #[cfg(feature = "peers")]
    Codec {
        name: "fastlanes FoR",
        encode: lanes::encode_for,
        decode: lanes::decode_for,
    },
    #[cfg(feature = "peers")]
    Codec {
        name: "fastlanes delta in three passes",
        encode: lanes::encode_delta,
        decode: lanes::decode_delta,
    },
    #[cfg(feature = "peers")]
    Codec {
        name: "pco level 8",
        encode: pco::encode,
        decode: pco::decode,
    },
    #[cfg(feature = "peers")]
    Codec {
        name: "lz4_flex",
        encode: lz4::encode,
        decode: lz4::decode,
    },
];

impl Codec {
    pub(crate) fn ratio(&self, column: &[i64]) -> f64 {
        size_of_val(column) as f64 / (self.encode)(column).len() as f64
    }

    pub(crate) fn time_encode(&self, column: &[i64], ops: u64) -> Result<Duration, String> {
        let begin = Instant::now();
        for _ in 0..ops {
            black_box((self.encode)(black_box(column)));
        }
        Ok(begin.elapsed())
    }

    pub(crate) fn time_decode(&self, column: &[i64], ops: u64) -> Result<Duration, String> {
        let bytes = (self.encode)(column);
        let mut out = vec![0; column.len()];
        (self.decode)(&bytes, &mut out)?;
        expect(self.name, out == column, true)?;
        let begin = Instant::now();
        for _ in 0..ops {
            (self.decode)(black_box(&bytes), &mut out)?;
            black_box(&mut out);
        }
        Ok(begin.elapsed())
    }
}

mod varint {
    pub(super) fn encode(column: &[i64]) -> Vec<u8> {
        let (mut out, mut last) = (Vec::with_capacity(column.len() * 4), 0i64);
        for value in column {
            let step = value.wrapping_sub(last);
            let mut rest = (step << 1 ^ step >> 63) as u64;
            while rest >= 128 {
                out.push(rest as u8 | 128);
                rest >>= 7;
            }
            out.push(rest as u8);
            last = *value;
        }
        out
    }

    pub(super) fn decode(bytes: &[u8], out: &mut [i64]) -> Result<(), String> {
        let (mut bytes, mut last) = (bytes.iter(), 0i64);
        for value in out {
            let (mut zigzag, mut shift) = (0u64, 0);
            loop {
                let byte = *bytes.next().ok_or("cut off")?;
                zigzag |= u64::from(byte & 127) << (shift & 63);
                shift += 7;
                if byte < 128 {
                    break;
                }
            }
            last = last.wrapping_add((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            *value = last;
        }
        Ok(())
    }
}

#[cfg(feature = "peers")]
mod lanes {
    use fastlanes::{BitPacking, Delta, FoR, Transpose};

    const LANES: usize = 16;

    fn words(words: &[u64], out: &mut Vec<u8>) {
        words
            .iter()
            .for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }

    fn take(bytes: &mut &[u8], out: &mut [u64]) {
        let (own, rest) = bytes.split_at(8 * out.len());
        for (word, bytes) in out.iter_mut().zip(own.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        *bytes = rest;
    }

    fn pack(numbers: &[u64; 1024], out: &mut Vec<u8>) {
        let base = *numbers.iter().min().unwrap_or(&0);
        let distances = numbers.map(|number| number - base);
        let all = distances.iter().fold(0, |all, number| all | number);
        let bits = (64 - all.leading_zeros()) as usize;
        let mut packed = [0; 1024];
        // SAFETY: `bits` is at most 64 and there is room for 16 words a bit.
        unsafe { u64::unchecked_pack(bits, &distances, &mut packed[..16 * bits]) };
        words(&[base, bits as u64], out);
        words(&packed[..16 * bits], out);
    }

    fn unpack(bytes: &mut &[u8], out: &mut [u64; 1024]) {
        let mut head = [0; 2];
        take(bytes, &mut head);
        let [base, bits] = head;
        let bits = (bits as usize).min(64);
        let mut packed = [0; 1024];
        take(bytes, &mut packed[..16 * bits]);
        // SAFETY: as above.
        unsafe { u64::unchecked_unfor_pack(bits, &packed[..16 * bits], base, out) };
    }

    fn blocks(column: &[i64]) -> impl Iterator<Item = [u64; 1024]> {
        column
            .as_chunks()
            .0
            .iter()
            .map(|block: &[i64; 1024]| block.map(|value| value as u64))
    }

    pub(super) fn encode_for(column: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        blocks(column).for_each(|block| pack(&block, &mut out));
        out
    }

    pub(super) fn decode_for(mut bytes: &[u8], out: &mut [i64]) -> Result<(), String> {
        let mut block = [0; 1024];
        for out in out.chunks_mut(1024) {
            unpack(&mut bytes, &mut block);
            out.iter_mut()
                .zip(&block)
                .for_each(|(out, number)| *out = *number as i64);
        }
        Ok(())
    }

    /// Steps that go back are made positive by the smallest of them, which the packing keeps.
    pub(super) fn encode_delta(column: &[i64]) -> Vec<u8> {
        const FLIP: u64 = 1 << 63;
        let mut out = Vec::new();
        for block in blocks(column) {
            let (mut transposed, mut steps) = ([0; 1024], [0; 1024]);
            u64::transpose(&block, &mut transposed);
            let mut first = [0; LANES];
            first.copy_from_slice(&transposed[..LANES]);
            u64::delta::<LANES>(&transposed, &first, &mut steps);
            words(&first, &mut out);
            pack(&steps.map(|step| step ^ FLIP), &mut out);
        }
        out
    }

    pub(super) fn decode_delta(mut bytes: &[u8], out: &mut [i64]) -> Result<(), String> {
        let (mut first, mut steps) = ([0; LANES], [0; 1024]);
        let (mut transposed, mut block) = ([0; 1024], [0; 1024]);
        for out in out.chunks_mut(1024) {
            take(&mut bytes, &mut first);
            unpack(&mut bytes, &mut steps);
            steps.iter_mut().for_each(|step| *step ^= 1 << 63);
            u64::undelta::<LANES>(&steps, &first, &mut transposed);
            u64::untranspose(&transposed, &mut block);
            out.iter_mut()
                .zip(&block)
                .for_each(|(out, number)| *out = *number as i64);
        }
        Ok(())
    }
}

#[cfg(feature = "peers")]
mod pco {
    pub(super) fn encode(column: &[i64]) -> Vec<u8> {
        ::pco::standalone::simple_compress(column, &::pco::ChunkConfig::default())
            .unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8], out: &mut [i64]) -> Result<(), String> {
        ::pco::standalone::simple_decompress_into(bytes, out)
            .map(drop)
            .map_err(|e| e.to_string())
    }
}

#[cfg(feature = "peers")]
mod lz4 {
    pub(super) fn encode(column: &[i64]) -> Vec<u8> {
        let bytes: Vec<u8> = column
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        lz4_flex::block::compress(&bytes)
    }

    pub(super) fn decode(bytes: &[u8], out: &mut [i64]) -> Result<(), String> {
        let mut plain = vec![0; 8 * out.len()];
        lz4_flex::block::decompress_into(bytes, &mut plain).map_err(|e| e.to_string())?;
        for (out, bytes) in out.iter_mut().zip(plain.as_chunks().0) {
            *out = i64::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

/// ALP with frame of reference, block by block: what decoding costs.
#[cfg(feature = "peers")]
pub(crate) fn time_alp(column: &[f64], ops: u64) -> Result<Duration, String> {
    type Block = (alp::Exponents, Vec<u8>, Vec<u64>, Vec<f64>);
    let encode = |values: &[f64]| -> Block {
        let (exponents, integers, places, exceptions, _) = alp::encode(values, None);
        (exponents, lanes::encode_for(&integers), places, exceptions)
    };
    let blocks: Vec<Block> = column.chunks(1024).map(encode).collect();
    let mut integers = vec![0; 1024];
    let mut out = vec![0.0; 1024];
    let mut decode = |block: &Block, out: &mut [f64]| -> Result<(), String> {
        lanes::decode_for(&block.1, &mut integers)?;
        alp::decode_into(&integers, block.0, out);
        block
            .2
            .iter()
            .zip(&block.3)
            .for_each(|(at, value)| out[*at as usize] = *value);
        Ok(())
    };
    for (block, rows) in blocks.iter().zip(column.chunks(1024)) {
        decode(block, &mut out)?;
        expect("alp", out == rows, true)?;
    }
    let begin = Instant::now();
    for _ in 0..ops {
        for block in &blocks {
            decode(black_box(block), &mut out)?;
            black_box(&mut out);
        }
    }
    Ok(begin.elapsed())
}
