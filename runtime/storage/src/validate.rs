//! Whether a producer's batch may be appended, and with which header.
//!
//! What the header and the checksum say is looked at for every batch. The records themselves are
//! walked only where the topic's settings need it: keys on a compacted topic, times outside what the
//! topic takes, and a batch that claims the broker's clock on a topic that keeps the producer's.

mod records;

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use millrace_wire::batch::header::{ATTRIBUTES_AT, MAGIC, MAGIC_AT};
use millrace_wire::batch::{Batch, BatchError, BatchHeader, HEADER_LEN, TimestampType};

use crate::append_error::AppendError;
use crate::config::{LogConfig, TimestampPolicy};

/// A batch that may be appended: the header to store, but for base offset, epoch and, where it
/// changed, its checksum in place, and the bytes behind the header as they came.
#[derive(Debug)]
pub(crate) struct ValidBatch {
    pub(crate) header: BatchHeader,
    pub(crate) records: Bytes,
    /// Time of the append, where the topic wants it.
    pub(crate) log_append_time: Option<i64>,
}

/// Checks what a producer sent for a partition: exactly one batch.
pub(crate) fn producer_batch(
    bytes: &Bytes,
    config: &LogConfig,
    now_ms: i64,
) -> Result<ValidBatch, AppendError> {
    let batch = only_batch(bytes)?;
    check_size(&batch, config)?;
    batch.check_crc().map_err(AppendError::Corrupt)?;
    check_header(batch.header())?;
    stamp(&batch, config, now_ms)
}

/// Takes a batch that the broker itself made.
pub(crate) fn leader_batch(bytes: &Bytes, config: &LogConfig) -> Result<ValidBatch, AppendError> {
    let batch = Batch::parse(bytes).map_err(AppendError::Corrupt)?;
    check_segment(&batch, config)?;
    Ok(ValidBatch {
        header: *batch.header(),
        records: batch.records(),
        log_append_time: None,
    })
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

fn check_size(batch: &Batch, config: &LogConfig) -> Result<(), AppendError> {
    let size = batch.bytes().len();
    if size > config.max_message_bytes as usize {
        return Err(AppendError::TooLarge {
            size,
            limit: config.max_message_bytes,
        });
    }
    check_segment(batch, config)
}

fn check_segment(batch: &Batch, config: &LogConfig) -> Result<(), AppendError> {
    let size = batch.bytes().len();
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

/// Puts the times right, looking at the records where they have to be.
fn stamp(batch: &Batch, config: &LogConfig, now_ms: i64) -> Result<ValidBatch, AppendError> {
    let mut valid = ValidBatch {
        header: *batch.header(),
        records: batch.records(),
        log_append_time: None,
    };
    let claims_append_time = valid.header.attributes.timestamp_type() == TimestampType::LogAppend;
    match config.timestamp_policy {
        TimestampPolicy::LogAppendTime => {
            if claims_append_time {
                return Err(records::all_timestamps_invalid(&valid.header));
            }
            records::check(batch, config, now_ms)?;
            valid.header.attributes = valid
                .header
                .attributes
                .with_timestamp_type(TimestampType::LogAppend);
            valid.header.max_timestamp = now_ms;
            valid.log_append_time = Some(now_ms);
            renew_checksum(&mut valid);
        }
        TimestampPolicy::CreateTime => {
            if claims_append_time && valid.header.max_timestamp < 0 {
                return Err(records::all_timestamps_invalid(&valid.header));
            }
            if let Some(largest) = records::check(batch, config, now_ms)? {
                let attributes = valid
                    .header
                    .attributes
                    .with_timestamp_type(TimestampType::Create);
                if claims_append_time || valid.header.max_timestamp != largest {
                    valid.header.attributes = attributes;
                    valid.header.max_timestamp = largest;
                    renew_checksum(&mut valid);
                }
            }
        }
    }
    Ok(valid)
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
