//! Snappy. Java, kafka-python and aiokafka write xerial's framing: a magic, two versions, then
//! blocks of a length and raw snappy. librdkafka and franz-go write one raw block. Both are read,
//! xerial is written.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::{Compression, CompressionError, Expansion};
use crate::pool::PooledBuf;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: [u8; 4] = 1u32.to_be_bytes();
const FRAME_HEADER_LEN: usize = MAGIC.len() + 2 * VERSION.len();
const LENGTH_LEN: usize = 4;
/// Uncompressed bytes of a block, as Java's stream has by default.
const BLOCK: usize = 32 << 10;

pub(super) fn compress(input: &[u8], out: &mut PooledBuf) -> Result<(), CompressionError> {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION);
    out.extend_from_slice(&VERSION);
    let mut encoder = Encoder::new();
    for block in input.chunks(BLOCK) {
        out.reserve(LENGTH_LEN + max_compress_len(block.len()));
        let spare = out.spare();
        let (length, packed) = spare.split_at_mut(LENGTH_LEN);
        let written = encoder
            .compress(block, packed)
            .map_err(|error| corrupt(&error))?;
        // A block of 32 KiB cannot grow past 32 bits.
        length.copy_from_slice(&(written as u32).to_be_bytes());
        out.advance(LENGTH_LEN + written);
    }
    Ok(())
}

pub(super) fn decompress(input: &[u8], out: &mut Expansion) -> Result<(), CompressionError> {
    let mut decoder = Decoder::new();
    if !input.starts_with(&MAGIC) {
        return block(&mut decoder, input, out);
    }
    let mut rest = input
        .get(FRAME_HEADER_LEN..)
        .ok_or_else(|| corrupt(&"the frame header is cut off"))?;
    while !rest.is_empty() {
        // Streams that were written one behind the other each have their header.
        if rest.starts_with(&MAGIC) {
            rest = rest
                .get(FRAME_HEADER_LEN..)
                .ok_or_else(|| corrupt(&"the frame header is cut off"))?;
            continue;
        }
        let (length, after) = rest
            .split_first_chunk()
            .ok_or_else(|| corrupt(&"a block's length is cut off"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (packed, after) = after
            .split_at_checked(length)
            .ok_or_else(|| corrupt(&"a block is cut off"))?;
        block(&mut decoder, packed, out)?;
        rest = after;
    }
    Ok(())
}

fn block(
    decoder: &mut Decoder,
    packed: &[u8],
    out: &mut Expansion,
) -> Result<(), CompressionError> {
    let len = decompress_len(packed).map_err(|error| corrupt(&error))?;
    // Snappy's longest copy makes 64 bytes of 3, so a larger promise is a lie that costs memory.
    if len > packed.len().saturating_mul(22) {
        return Err(corrupt(&"a block promises more than it can hold"));
    }
    let produced = decoder
        .decompress(packed, out.exact_room(len)?)
        .map_err(|error| corrupt(&error))?;
    out.advance(produced);
    Ok(())
}

fn corrupt(detail: &dyn std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(Compression::Snappy, detail)
}
