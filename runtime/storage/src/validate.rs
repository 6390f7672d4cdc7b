//! Whether a producer's batch may be appended, and with which header.
//!
//! What the header and the checksum say is looked at for every batch. The records themselves are
//! walked only where the topic's settings need it: keys on a compacted topic, times outside what the
//! topic takes, a batch that claims the broker's clock on a topic that keeps the producer's, and a
//! batch of another codec than the topic wants.

mod recompress;
mod records;

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use millrace_wire::batch::header::{ATTRIBUTES_AT, MAGIC, MAGIC_AT};
use millrace_wire::batch::{Batch, BatchError, BatchHeader, HEADER_LEN, TimestampType};

use crate::append_error::AppendError;
use crate::config::{LogConfig, TimestampPolicy};

/// A batch that may be appended: the header to store, its checksum in place, but for base offset and
/// epoch; and the bytes behind the header, as they came unless the topic wants another codec.
#[derive(Debug)]
pub(crate) struct ValidBatch {
    pub(crate) header: BatchHeader,
    pub(crate) records: Bytes,
    /// Time of the append, where the topic wants it.
    pub(crate) log_append_time: Option<i64>,
}

impl ValidBatch {
    fn as_sent(batch: &Batch) -> Self {
        Self {
            header: *batch.header(),
            records: batch.records(),
            log_append_time: None,
        }
    }
}

/// Checks what a producer sent for a partition: exactly one batch.
pub(crate) fn producer_batch(
    bytes: &Bytes,
    config: &LogConfig,
    now_ms: i64,
) -> Result<ValidBatch, AppendError> {
    let batch = only_batch(bytes)?;
    check_size(batch.bytes().len(), config)?;
    batch.check_crc().map_err(AppendError::Corrupt)?;
    check_header(batch.header())?;
    check_clock(batch.header(), config)?;
    let codec = recompress::wanted(batch.header(), config);
    let walked = records::walk(&batch, config, now_ms, codec.is_some())?;
    let mut valid = ValidBatch::as_sent(&batch);
    let largest = walked.as_ref().map(|walked| walked.largest_timestamp);
    stamp(&mut valid, config, now_ms, largest);
    if let (Some(codec), Some(walked)) = (codec, walked) {
        recompress::pack(&mut valid, codec, walked.data)?;
        check_size(valid.header.total_len(), config)?;
    }
    if valid.header != *batch.header() {
        renew_checksum(&mut valid);
    }
    Ok(valid)
}

/// Takes a batch that the broker itself made.
pub(crate) fn leader_batch(bytes: &Bytes, config: &LogConfig) -> Result<ValidBatch, AppendError> {
    let batch = Batch::parse(bytes).map_err(AppendError::Corrupt)?;
    check_segment(batch.bytes().len(), config)?;
    Ok(ValidBatch::as_sent(&batch))
}

fn only_batch(bytes: &Bytes) -> Result<Batch, AppendError> {
    if bytes
        .get(MAGIC_AT)
        .is_some_and(|&magic| (0..MAGIC).contains(&magic.cast_signed()))
    {
        return Err(AppendError::Invalid(
            "message format v2 is required: the producer is older than 0.11",
        ));
    }
    let batch = Batch::parse(bytes).map_err(|error| match error {
        BatchError::Truncated { .. } => AppendError::Invalid("there is no whole record batch"),
        other => AppendError::Corrupt(other),
    })?;
    // A second batch that is cut off is dropped, as Kafka drops it.
    let behind = bytes.slice(batch.bytes().len()..);
    match Batch::parse(&behind) {
        Ok(_) => Err(AppendError::Invalid("there is more than one record batch")),
        Err(_) => Ok(batch),
    }
}

fn check_size(size: usize, config: &LogConfig) -> Result<(), AppendError> {
    if size > config.max_message_bytes as usize {
        return Err(AppendError::TooLarge {
            size,
            limit: config.max_message_bytes,
        });
    }
    check_segment(size, config)
}

fn check_segment(size: usize, config: &LogConfig) -> Result<(), AppendError> {
    if size > config.segment_bytes as usize {
        return Err(AppendError::LargerThanSegment {
            size,
            limit: config.segment_bytes,
        });
    }
    Ok(())
}

fn check_header(header: &BatchHeader) -> Result<(), AppendError> {
    if header.base_offset != 0 {
        return Err(AppendError::Invalid("the batch's base offset is not 0"));
    }
    if header.attributes.is_control() {
        return Err(AppendError::Invalid(
            "clients may not write control records",
        ));
    }
    if header.record_count <= 0
        || header.last_offset_delta.checked_add(1) != Some(header.record_count)
    {
        return Err(AppendError::Invalid(
            "the batch's record count does not match its last offset",
        ));
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return Err(AppendError::Invalid(
            "the batch of an idempotent producer has no sequence number",
        ));
    }
    if header.attributes.codec_id() > 4 {
        let base_offset = header.base_offset;
        let reason = "the codec is unknown";
        return Err(AppendError::Undecodable(BatchError::Record {
            base_offset,
            index: 0,
            reason,
        }));
    }
    Ok(())
}

/// Refuses a batch that claims the broker's clock, where only the broker may.
fn check_clock(header: &BatchHeader, config: &LogConfig) -> Result<(), AppendError> {
    let claims_append_time = header.attributes.timestamp_type() == TimestampType::LogAppend;
    let may_claim = match config.timestamp_policy {
        TimestampPolicy::LogAppendTime => false,
        TimestampPolicy::CreateTime => header.max_timestamp >= 0,
    };
    if claims_append_time && !may_claim {
        return Err(records::all_timestamps_invalid(header));
    }
    Ok(())
}

/// Puts the times right; `largest` is that of the records, where they have been looked at.
fn stamp(batch: &mut ValidBatch, config: &LogConfig, now_ms: i64, largest: Option<i64>) {
    let header = &mut batch.header;
    match config.timestamp_policy {
        TimestampPolicy::LogAppendTime => {
            header.attributes = header
                .attributes
                .with_timestamp_type(TimestampType::LogAppend);
            header.max_timestamp = now_ms;
            batch.log_append_time = Some(now_ms);
        }
        TimestampPolicy::CreateTime => {
            if let Some(largest) = largest {
                header.attributes = header.attributes.with_timestamp_type(TimestampType::Create);
                header.max_timestamp = largest;
            }
        }
    }
}

fn renew_checksum(batch: &mut ValidBatch) {
    let mut header = [0; HEADER_LEN];
    batch.header.write(&mut header);
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(&header[ATTRIBUTES_AT..]);
    digest.update(&batch.records);
    // The algorithm's result is 32 bits wide inside a 64-bit return value.
    batch.header.crc = digest.finalize() as u32;
}
