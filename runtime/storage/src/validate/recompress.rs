//! Batches on a topic whose `compression.type` names a codec.
//!
//! A batch of another codec is packed anew. The records inside stay byte for byte what the producer
//! encoded, so that offsets, times and sequence numbers need no second look.

use bytes::Bytes;
use millrace_wire::batch::header::LENGTH_OVERHEAD;
use millrace_wire::batch::{BatchError, BatchHeader, HEADER_LEN};
use millrace_wire::compression::{Compression, compress};
use millrace_wire::pool::Pool;

use super::ValidBatch;
use crate::append_error::AppendError;
use crate::config::{LogConfig, StoredCompression};

/// The codec that a batch must get, where it has another one. Levels do not matter: a batch that has
/// the codec stays as it came.
pub(super) fn wanted(header: &BatchHeader, config: &LogConfig) -> Option<StoredCompression> {
    config
        .compression
        .filter(|wanted| wanted.codec.id() != header.attributes.codec_id())
}

/// Packs a batch's records, whose uncompressed form is `data`; the checksum is left for later.
pub(super) fn pack(
    batch: &mut ValidBatch,
    wanted: StoredCompression,
    data: Bytes,
) -> Result<(), AppendError> {
    let codec = wanted.codec;
    batch.records = match codec {
        Compression::None => data,
        _ => {
            let mut packed = Pool::global().take(data.len() / 2);
            compress(codec, wanted.level, &data, &mut packed).map_err(|source| {
                AppendError::Undecodable(BatchError::Compression {
                    base_offset: batch.header.base_offset,
                    source,
                })
            })?;
            packed.freeze()
        }
    };
    let length = HEADER_LEN - LENGTH_OVERHEAD + batch.records.len();
    batch.header.batch_length =
        i32::try_from(length).map_err(|_| AppendError::Corrupt(BatchError::Length(i32::MAX)))?;
    batch.header.attributes = batch.header.attributes.with_codec_id(codec.id());
    Ok(())
}
