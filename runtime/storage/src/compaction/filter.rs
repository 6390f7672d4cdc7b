//! What stays of a batch.

use std::collections::HashMap;

use bytes::Bytes;
use millrace_wire::batch::{Batch, BatchError, BatchHeader, RecordRow};
use millrace_wire::pool::Pool;

use super::index_keys::EXPANSION_LIMIT;
use super::key_map::KeyMap;
use super::survey::outcome_of;
use super::transactions::Transactions;
use crate::producer::LastRecord;

/// What becomes of a batch.
#[derive(Debug)]
pub(super) enum Fate {
    /// It stays byte by byte.
    Keep,
    /// It stays with fewer records, which the filter holds, or with a delete horizon.
    Rewrite {
        data: Bytes,
        horizon: Option<i64>,
    },
    /// Only its header stays.
    Empty,
    Drop,
}

/// Judges the batches of a log in order.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    pub(super) map: &'a KeyMap,
    /// Offset below which every key is in the map.
    pub(super) map_end: i64,
    pub(super) transactions: Transactions<'a>,
    /// The last record of each producer that is known.
    pub(super) last_records: HashMap<i64, LastRecord>,
    pub(super) now_ms: i64,
    pub(super) delete_retention_ms: i64,
    /// The records that stay of the batch judged last.
    pub(super) rows: Vec<RecordRow>,
}

impl Filter<'_> {
    pub(super) fn judge(&mut self, batch: &Batch) -> Result<Fate, BatchError> {
        let header = batch.header();
        if header.attributes.is_control() {
            return self.judge_marker(batch);
        }
        if self.transactions.is_aborted(header) {
            return Ok(self.emptied(header));
        }
        if header.base_offset >= self.map_end {
            return Ok(Fate::Keep);
        }
        let data = batch.decode_into(&mut self.rows, EXPANSION_LIMIT, Pool::global())?;
        let before = self.rows.len();
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|row| self.keeps(header, row, &data));
        self.rows = rows;
        if self.rows.is_empty() {
            return Ok(self.emptied(header));
        }
        // A batch that reaches behind the map is looked at again: its horizon waits until then.
        let tombstones =
            header.last_offset() < self.map_end && self.rows.iter().any(|row| row.value.is_null());
        let horizon = self.new_horizon(header).filter(|_| tombstones);
        if self.rows.len() == before && horizon.is_none() {
            return Ok(Fate::Keep);
        }
        Ok(Fate::Rewrite { data, horizon })
    }

    fn judge_marker(&mut self, batch: &Batch) -> Result<Fate, BatchError> {
        let header = batch.header();
        let spent = self.transactions.is_spent(header, outcome_of(batch));
        if !spent {
            return Ok(Fate::Keep);
        }
        match self.new_horizon(header) {
            Some(horizon) if header.record_count > 0 => {
                let data = batch.decode_into(&mut self.rows, EXPANSION_LIMIT, Pool::global())?;
                Ok(Fate::Rewrite {
                    data,
                    horizon: Some(horizon),
                })
            }
            None if !self.has_passed(header) => Ok(Fate::Keep),
            _ => Ok(self.emptied(header)),
        }
    }

    /// What becomes of a batch of which no record stays.
    fn emptied(&self, header: &BatchHeader) -> Fate {
        let is_last = header.has_producer_id()
            && self
                .last_records
                .get(&header.producer_id)
                .is_some_and(|last| last.is_in(header));
        match (is_last, header.record_count) {
            (false, _) => Fate::Drop,
            (true, 0) => Fate::Keep,
            (true, _) => Fate::Empty,
        }
    }

    fn keeps(&self, header: &BatchHeader, row: &RecordRow, data: &[u8]) -> bool {
        if row.offset >= self.map_end {
            return true;
        }
        let Some(key) = row.key.of(data) else {
            return false;
        };
        let is_latest = self.map.get(key).is_none_or(|latest| row.offset >= latest);
        is_latest && !(row.value.is_null() && self.has_passed(header))
    }

    /// The horizon that a batch gets that has none.
    fn new_horizon(&self, header: &BatchHeader) -> Option<i64> {
        (!header.attributes.has_delete_horizon())
            .then(|| self.now_ms.saturating_add(self.delete_retention_ms))
    }

    /// Whether a batch's delete horizon, where it has one, lies behind us.
    fn has_passed(&self, header: &BatchHeader) -> bool {
        header.attributes.has_delete_horizon() && header.base_timestamp <= self.now_ms
    }
}
