//! LZ4 frames. Java refuses blocks that refer to the one before, so they are independent, of
//! 64 KiB, without a content size or checksum, as Java writes them.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{Compression, CompressionError, Expansion};
use crate::pool::PooledBuf;

pub(super) fn compress(input: &[u8], out: &mut PooledBuf) -> Result<(), CompressionError> {
    let failed = |error: &dyn std::fmt::Display| CompressionError::corrupt(Compression::Lz4, error);
    let info = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, out);
    encoder.write_all(input).map_err(|error| failed(&error))?;
    encoder.finish().map_err(|error| failed(&error))?;
    Ok(())
}

pub(super) fn decompress(input: &[u8], out: &mut Expansion) -> Result<(), CompressionError> {
    let mut rest = input;
    while !rest.is_empty() {
        let mut decoder = FrameDecoder::new(rest);
        out.read_all(&mut decoder)?;
        let after = decoder.into_inner();
        if after.len() == rest.len() {
            return Err(CompressionError::corrupt(Compression::Lz4, &"no frame"));
        }
        rest = after;
    }
    Ok(())
}
