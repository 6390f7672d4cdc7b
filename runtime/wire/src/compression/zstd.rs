//! Zstandard.

use std::cell::RefCell;

use zstd::bulk::Compressor;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::compress_bound;

use super::{Compression, CompressionError, Expansion};
use crate::pool::PooledBuf;

const DEFAULT_LEVEL: i32 = 3;

thread_local! {
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
    static DECODER: RefCell<Option<Decoder<'static>>> = const { RefCell::new(None) };
}

pub(super) fn compress(
    level: Option<i32>,
    input: &[u8],
    out: &mut PooledBuf,
) -> Result<(), CompressionError> {
    let level = level.unwrap_or(DEFAULT_LEVEL);
    COMPRESSOR.with_borrow_mut(|slot| {
        let context = match slot {
            Some((kept, context)) if *kept == level => context,
            slot => {
                &mut slot
                    .insert((
                        level,
                        Compressor::new(level).map_err(|error| corrupt(&error))?,
                    ))
                    .1
            }
        };
        out.reserve(compress_bound(input.len()));
        let written = context
            .compress_to_buffer(input, out.spare())
            .map_err(|error| corrupt(&error))?;
        out.advance(written);
        Ok(())
    })
}

pub(super) fn decompress(input: &[u8], out: &mut Expansion) -> Result<(), CompressionError> {
    DECODER.with_borrow_mut(|slot| {
        let decoder = match slot {
            Some(decoder) => {
                decoder.reinit().map_err(|error| corrupt(&error))?;
                decoder
            }
            slot => slot.insert(Decoder::new().map_err(|error| corrupt(&error))?),
        };
        run(decoder, input, out)
    })
}

fn run(
    decoder: &mut Decoder<'static>,
    input: &[u8],
    out: &mut Expansion,
) -> Result<(), CompressionError> {
    let mut source = InBuffer::around(input);
    let mut probe = [0u8; 1];
    loop {
        let full = out.buf.len() >= out.limit;
        let room: &mut [u8] = if full { &mut probe } else { out.room()? };
        let had_room = room.len();
        let mut target = OutBuffer::around(room);
        let hint = decoder
            .run(&mut source, &mut target)
            .map_err(|error| corrupt(&error))?;
        let produced = target.pos();
        if full && produced > 0 {
            return Err(out.too_large());
        }
        if !full {
            out.advance(produced);
        }
        let drained = source.pos() == input.len() && produced < had_room;
        // The hint is zero exactly at a frame's end.
        if hint == 0 && source.pos() == input.len() {
            return Ok(());
        }
        if drained {
            return Err(corrupt(&"the frame is cut off"));
        }
    }
}

fn corrupt(detail: &dyn std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(Compression::Zstd, detail)
}
