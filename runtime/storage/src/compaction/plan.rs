//! What of a log is to be compacted, and whether it is time.

use std::sync::Arc;

use crate::config::LogConfig;
use crate::error::StorageError;
use crate::scan::HeaderScan;
use crate::segment::Segment;

/// A compaction that could be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// All segments from the log's first to the last that may be touched.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Below it the log is compacted.
    pub(crate) first_dirty: i64,
    /// Where the last of the segments ends.
    pub(crate) end: i64,
}

impl Plan {
    /// The segments that hold something new, which is never none.
    fn dirty(&self) -> &[Arc<Segment>] {
        let behind = self
            .segments
            .partition_point(|segment| segment.base_offset <= self.first_dirty);
        &self.segments[behind.saturating_sub(1)..]
    }

    /// How much of the bytes is new.
    pub(crate) fn dirty_ratio(&self) -> f64 {
        let bytes = |segments: &[Arc<Segment>]| -> u64 {
            segments.iter().map(|segment| segment.size()).sum()
        };
        let total = bytes(&self.segments);
        if total == 0 {
            return 0.0;
        }
        // Below 2^53 bytes both are exact.
        bytes(self.dirty()) as f64 / total as f64
    }

    /// Whether enough is new, or something has waited for too long.
    pub(crate) fn is_due(&self, config: &LogConfig, now_ms: i64) -> Result<bool, StorageError> {
        if self.dirty_ratio() > config.min_cleanable_dirty_ratio {
            return Ok(true);
        }
        if config.max_compaction_lag_ms == i64::MAX {
            return Ok(false);
        }
        let latest = now_ms.saturating_sub(config.max_compaction_lag_ms);
        for segment in self.dirty() {
            if first_timestamp(segment)?.is_some_and(|first| first < latest) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The time of a segment's first batch, where it has one.
fn first_timestamp(segment: &Segment) -> Result<Option<i64>, StorageError> {
    let file = segment.file()?;
    let mut scan = HeaderScan::new(file.file(), 0, segment.size());
    // What does not read is found out by the compaction itself.
    let first = scan.next().ok().flatten();
    Ok(first
        .map(|(_, header)| header.max_timestamp)
        .filter(|&timestamp| timestamp > 0))
}
