//! Gzip, RFC 1952.

use std::cell::RefCell;

use flate2::bufread::MultiGzDecoder;
use flate2::{Compress, FlushCompress, Status};

use super::{Compression, CompressionError, Expansion};
use crate::pool::PooledBuf;

const DEFAULT_LEVEL: u32 = 6;
const MAX_LEVEL: u32 = 9;
const WINDOW_BITS: u8 = 15;
/// Output is asked for in steps of at least this size.
const STEP: usize = 16 << 10;

thread_local! {
    static CONTEXT: RefCell<Option<(u32, Compress)>> = const { RefCell::new(None) };
}

pub(super) fn compress(
    level: Option<i32>,
    input: &[u8],
    out: &mut PooledBuf,
) -> Result<(), CompressionError> {
    let level = level
        .and_then(|level| u32::try_from(level).ok())
        .filter(|&level| level <= MAX_LEVEL);
    let level = level.unwrap_or(DEFAULT_LEVEL);
    CONTEXT.with_borrow_mut(|slot| {
        let context = match slot {
            Some((kept, context)) if *kept == level => context,
            slot => {
                let fresh = Compress::new_gzip(flate2::Compression::new(level), WINDOW_BITS);
                &mut slot.insert((level, fresh)).1
            }
        };
        context.reset();
        run(context, input, out)
    })
}

fn run(context: &mut Compress, input: &[u8], out: &mut PooledBuf) -> Result<(), CompressionError> {
    loop {
        let (read_before, written_before) = (context.total_in(), context.total_out());
        out.reserve(STEP);
        let rest = &input[usize::try_from(read_before).unwrap_or(input.len())..];
        let status = context
            .compress(rest, out.spare(), FlushCompress::Finish)
            .map_err(|error| CompressionError::corrupt(Compression::Gzip, &error))?;
        out.advance(usize::try_from(context.total_out() - written_before).unwrap_or(0));
        if status == Status::StreamEnd {
            return Ok(());
        }
    }
}

pub(super) fn decompress(input: &[u8], out: &mut Expansion) -> Result<(), CompressionError> {
    out.read_all(&mut MultiGzDecoder::new(input))
}
