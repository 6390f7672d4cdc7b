//! The checks that need the records themselves.

use bytes::Bytes;
use millrace_wire::batch::{Batch, BatchError, BatchHeader, TimestampType};
use millrace_wire::pool::Pool;

use crate::append_error::{AppendError, RecordError};
use crate::config::{LogConfig, TimestampPolicy};

/// What compressed records may expand to while they are looked at.
const EXPANSION_LIMIT: usize = 256 << 20;

/// How many records of a batch an answer names at most; the rest of a batch of bad ones is like them.
const NAMED_RECORDS_MAX: usize = 1_000;

/// What a walk over the records found.
pub(super) struct Walked {
    pub(super) largest_timestamp: i64,
    /// The records, decompressed.
    pub(super) data: Bytes,
}

/// Walks the records where the topic or the batch needs it, or the caller does.
pub(super) fn walk(
    batch: &Batch,
    config: &LogConfig,
    now_ms: i64,
    is_wanted: bool,
) -> Result<Option<Walked>, AppendError> {
    let header = batch.header();
    let bounds = Bounds::new(config, now_ms);
    if !is_wanted && !config.compact && !bounds.need_records(header) {
        return Ok(None);
    }
    let (mut keyless, mut untimely) = (Vec::new(), Vec::new());
    let (mut index, mut largest) = (0, i64::MIN);
    let walked = batch.walk(EXPANSION_LIMIT, Pool::global(), |row| {
        if config.compact && row.key.is_null() {
            note(&mut keyless, || keyless_error(index));
        }
        if !bounds.take(row.timestamp) {
            note(&mut untimely, || bounds.error(index, row.timestamp));
        }
        largest = largest.max(row.timestamp);
        index += 1;
    });
    let data = walked.map_err(|error| match error {
        BatchError::Compression { .. } => AppendError::Undecodable(error),
        _ => AppendError::Invalid("the batch's records do not parse"),
    })?;
    if !keyless.is_empty() {
        return Err(AppendError::InvalidRecords(keyless));
    }
    if !untimely.is_empty() {
        return Err(AppendError::InvalidTimestamps(untimely));
    }
    Ok(Some(Walked {
        largest_timestamp: largest,
        data,
    }))
}

fn note(errors: &mut Vec<RecordError>, error: impl FnOnce() -> RecordError) {
    if errors.len() < NAMED_RECORDS_MAX {
        errors.push(error());
    }
}

/// The answer to a producer that claims the broker's clock where it may not.
pub(super) fn all_timestamps_invalid(header: &BatchHeader) -> AppendError {
    let message =
        "the record's timestamp type is that of the broker, which only the broker may set";
    let errors =
        (0..header.record_count.clamp(0, 1)).map(|index| error(index as usize, message.to_owned()));
    AppendError::InvalidTimestamps(errors.collect())
}

fn keyless_error(index: usize) -> RecordError {
    error(
        index,
        "compacted topic cannot accept message without key".to_owned(),
    )
}

/// The times that a topic takes.
struct Bounds {
    earliest: i64,
    latest: i64,
    kept: bool,
}

impl Bounds {
    fn new(config: &LogConfig, now_ms: i64) -> Self {
        Self {
            earliest: now_ms.saturating_sub(config.timestamp_before_max_ms),
            latest: now_ms.saturating_add(config.timestamp_after_max_ms),
            kept: config.timestamp_policy == TimestampPolicy::CreateTime,
        }
    }

    /// Whether the header leaves a doubt. Its largest time is the producer's word; the smallest is
    /// in no header at all, so a topic that bounds it has every batch looked at.
    fn need_records(&self, header: &BatchHeader) -> bool {
        let claims_append_time = header.attributes.timestamp_type() == TimestampType::LogAppend;
        self.kept && (claims_append_time || header.max_timestamp > self.latest || self.earliest > 0)
    }

    /// Whether the topic takes a record of this time.
    fn take(&self, time: i64) -> bool {
        !self.kept || time == -1 || (self.earliest..=self.latest).contains(&time)
    }

    fn error(&self, index: usize, time: i64) -> RecordError {
        let (earliest, latest) = (self.earliest, self.latest);
        error(
            index,
            format!(
                "Timestamp {time} of message with offset {index} is out of range. The timestamp should be within [{earliest}, {latest}]"
            ),
        )
    }
}

fn error(index: usize, message: String) -> RecordError {
    RecordError {
        batch_index: i32::try_from(index).unwrap_or(i32::MAX),
        message,
    }
}
