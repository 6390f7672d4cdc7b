//! The checks that need the records themselves.

use millrace_wire::batch::{Batch, BatchError, BatchHeader, RecordRow, TimestampType};
use millrace_wire::pool::Pool;

use crate::append_error::{AppendError, RecordError};
use crate::config::{LogConfig, TimestampPolicy};

/// What compressed records may expand to while they are looked at.
const EXPANSION_LIMIT: usize = 256 << 20;

/// Walks the records where the topic or the batch needs it, and then gives their largest timestamp.
pub(super) fn check(
    batch: &Batch,
    config: &LogConfig,
    now_ms: i64,
) -> Result<Option<i64>, AppendError> {
    let header = batch.header();
    let bounds = Bounds::new(config, now_ms);
    if !config.compact && !bounds.need_records(header) {
        return Ok(None);
    }
    let decoded = batch
        .decode(EXPANSION_LIMIT, Pool::global())
        .map_err(|error| match error {
            BatchError::Compression { .. } => AppendError::Undecodable(error),
            _ => AppendError::Invalid("the batch's records do not parse"),
        })?;
    if config.compact {
        check_keys(&decoded.rows)?;
    }
    let times: Vec<i64> = decoded.rows.iter().map(|row| row.timestamp).collect();
    bounds.check(&times)?;
    Ok(times.into_iter().max())
}

/// The answer to a producer that claims the broker's clock where it may not.
pub(super) fn all_timestamps_invalid(header: &BatchHeader) -> AppendError {
    let message =
        "the record's timestamp type is that of the broker, which only the broker may set";
    let errors =
        (0..header.record_count.clamp(0, 1)).map(|index| error(index as usize, message.to_owned()));
    AppendError::InvalidTimestamps(errors.collect())
}

fn check_keys(rows: &[RecordRow]) -> Result<(), AppendError> {
    let keyless = rows.iter().enumerate().filter(|(_, row)| row.key.is_null());
    let errors: Vec<_> = keyless
        .map(|(index, _)| {
            error(
                index,
                "compacted topic cannot accept message without key".to_owned(),
            )
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(AppendError::InvalidRecords(errors))
    }
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

    fn check(&self, times: &[i64]) -> Result<(), AppendError> {
        if !self.kept {
            return Ok(());
        }
        let (earliest, latest) = (self.earliest, self.latest);
        let outside = |time: &i64| *time != -1 && !(earliest..=latest).contains(time);
        let errors: Vec<_> = times
            .iter()
            .enumerate()
            .filter(|(_, time)| outside(time))
            .map(|(index, time)| {
                error(index, format!("Timestamp {time} of message with offset {index} is out of range. The timestamp should be within [{earliest}, {latest}]"))
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(AppendError::InvalidTimestamps(errors))
        }
    }
}

fn error(index: usize, message: String) -> RecordError {
    RecordError {
        batch_index: i32::try_from(index).unwrap_or(i32::MAX),
        message,
    }
}
