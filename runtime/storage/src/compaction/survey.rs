//! A first walk over the batches' headers: how many keys there may be, and which transactions were
//! aborted.
//!
//! The markers themselves say how a transaction ended, so no `.txnindex` is needed. A transaction may
//! have written into the segments to be compacted and have its marker behind them: the walk goes on, up
//! to the high watermark, until every transaction that it met has ended.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use millrace_wire::batch::{Batch, BatchHeader, HEADER_LEN};
use millrace_wire::pool::Pool;

use super::{CompactionError, Pace, Plan};
use crate::error::IoContext;
use crate::files::LogFile;
use crate::log::Log;
use crate::scan::{HeaderScan, ScanError};
use crate::segment::Segment;

/// A transaction that was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aborted {
    pub(super) producer_id: i64,
    /// Offset of its first record.
    pub(super) first_offset: i64,
    /// Offset of its marker.
    pub(super) marker_offset: i64,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Abort,
    Commit,
}

#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Records behind the first dirty offset, a bound of the number of keys.
    pub(super) dirty_records: u64,
    /// Ordered by first offset.
    pub(super) aborted: Vec<Aborted>,
    /// Transactions without a marker so far, with their first offset, by producer.
    open: HashMap<i64, i64>,
}

impl Survey {
    pub(super) fn of(log: &Log, plan: &Plan, pace: &Pace<'_>) -> Result<Self, CompactionError> {
        let mut survey = Self::default();
        for segment in &plan.segments {
            survey.walk(segment, segment.size(), Some(plan.first_dirty), pace)?;
        }
        if !survey.open.is_empty() {
            for (segment, limit) in log.readable_from(plan.end) {
                survey.walk(&segment, limit, None, pace)?;
                if survey.open.is_empty() {
                    break;
                }
            }
        }
        survey
            .aborted
            .sort_unstable_by_key(|aborted| aborted.first_offset);
        Ok(survey)
    }

    /// Walks one segment; `dirty_from` is `None` behind those to be compacted, where no transaction is
    /// begun that matters.
    fn walk(
        &mut self,
        segment: &Arc<Segment>,
        limit: u64,
        dirty_from: Option<i64>,
        pace: &Pace<'_>,
    ) -> Result<(), CompactionError> {
        let file = segment.file()?;
        let mut scan = HeaderScan::new(file.file(), 0, limit);
        loop {
            let next = scan.next().map_err(|error| scan_failed(segment, error))?;
            let Some((position, header)) = next else {
                return Ok(());
            };
            pace.spend(HEADER_LEN)?;
            if header.attributes.is_control() {
                let batch = read_batch(segment, &*file, position, &header)?;
                self.note_marker(&header, outcome_of(&batch));
            } else if let Some(first_dirty) = dirty_from {
                self.note_data(&header, first_dirty);
            }
        }
    }

    fn note_data(&mut self, header: &BatchHeader, first_dirty: i64) {
        if header.last_offset() >= first_dirty {
            self.dirty_records += u64::try_from(header.record_count).unwrap_or(0);
        }
        if header.attributes.is_transactional() {
            self.open
                .entry(header.producer_id)
                .or_insert(header.base_offset);
        }
    }

    fn note_marker(&mut self, header: &BatchHeader, outcome: Option<Outcome>) {
        let first = self.open.remove(&header.producer_id);
        if let (Some(first_offset), Some(Outcome::Abort)) = (first, outcome) {
            self.aborted.push(Aborted {
                producer_id: header.producer_id,
                first_offset,
                marker_offset: header.last_offset(),
            });
        }
    }
}

/// What a batch of a marker says; `None` of one that was emptied, or holds another kind of record.
pub(super) fn outcome_of(batch: &Batch) -> Option<Outcome> {
    /// Markers are some dozen bytes, and never compressed.
    const LIMIT: usize = 1 << 16;
    let decoded = batch.decode(LIMIT, Pool::global()).ok()?;
    let key = decoded.rows.first()?.key.of(&decoded.data)?;
    // Version, then kind.
    match key.get(2..4)? {
        [0, 0] => Some(Outcome::Abort),
        [0, 1] => Some(Outcome::Commit),
        _ => None,
    }
}

fn read_batch(
    segment: &Segment,
    file: &dyn LogFile,
    position: u64,
    header: &BatchHeader,
) -> Result<Batch, CompactionError> {
    let mut bytes = vec![0; header.total_len()];
    let path = segment.path();
    file.file()
        .read_exact_at(&mut bytes, position)
        .during("read", &path)?;
    Batch::parse(&Bytes::from(bytes)).map_err(|error| CompactionError::Corrupt {
        path,
        position,
        reason: error.to_string(),
    })
}

fn scan_failed(segment: &Segment, error: ScanError) -> CompactionError {
    let path = segment.path();
    match error {
        ScanError::Io(source) => crate::error::StorageError::io("read", &path, source).into(),
        ScanError::Malformed { position, error } => CompactionError::Corrupt {
            path,
            position,
            reason: error.to_string(),
        },
    }
}
