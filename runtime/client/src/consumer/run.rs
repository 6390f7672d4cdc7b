//! The batches of one partition in one fetch answer, decoded one after the other as they are handed out.

use std::collections::HashSet;

use bytes::Bytes;
use millrace_wire::batch::{Batch, BatchError, BatchHeader, TimestampType};
use millrace_wire::held::Held;
use millrace_wire::messages::AbortedTransaction;
use millrace_wire::pool::Pool;

use super::error::ConsumeError;
use super::fetched::{Fetched, RowPool};
use super::partitions::State;
use super::topic_partition::TopicPartition;

/// What the records of one batch may expand to. Brokers refuse batches above `message.max.bytes` (1 MiB unless
/// raised), so that more than this is an attack rather than a batch.
const EXPANDED_MAX: usize = 256 << 20;
/// A control record's key: version i16, type i16.
const CONTROL_KEY: usize = 4;
const ABORT: i16 = 0;

/// How batches are read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) check_crcs: bool,
    /// The most records to hand out at a time.
    pub(super) max_records: usize,
    pub(super) rows: RowPool,
    /// Counts what is unpacked.
    pub(super) held: Held,
}

/// What is left of a partition's part of an answer.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: TopicPartition,
    pub(super) stamp: u64,
    data: Bytes,
    high_watermark: i64,
    aborted: Aborted,
    /// What is left of the batch that is being handed out.
    rest: Option<Fetched>,
}

/// How far whole batches reach in the bytes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) next_offset: i64,
    pub(super) leader_epoch: i32,
}

/// Where the whole batches of `data` end; `None` if there is none.
pub(super) fn reach(data: &[u8]) -> Option<Reach> {
    let mut reach = None;
    let mut rest = data;
    while let Ok(header) = BatchHeader::parse(rest) {
        let Some(behind) = rest.get(header.total_len()..) else {
            break;
        };
        reach = Some(Reach {
            next_offset: header.next_offset(),
            leader_epoch: header.partition_leader_epoch,
        });
        rest = behind;
    }
    reach
}

impl Run {
    /// The bytes of an answer for a partition. `aborted` is there if only committed records are wanted.
    pub(super) fn new(
        name: TopicPartition,
        stamp: u64,
        data: Bytes,
        high_watermark: i64,
        aborted: Option<Vec<AbortedTransaction>>,
    ) -> Self {
        Run {
            name,
            stamp,
            data,
            high_watermark,
            aborted: Aborted::new(aborted),
            rest: None,
        }
    }

    /// The next batch, or the next part of a large one, with records at or behind the position, which moves along; `None` at the end.
    pub(super) fn next(
        &mut self,
        state: &mut State,
        reading: &Reading,
    ) -> Result<Option<Fetched>, ConsumeError> {
        if let Some(rest) = self.rest.take() {
            return Ok(Some(self.hand_out(rest, state, reading)));
        }
        while !self.data.is_empty() {
            let batch = match Batch::parse(&self.data) {
                Ok(batch) => batch,
                Err(BatchError::Truncated { .. }) => break,
                Err(source) => return Err(self.corrupt(state.position, source)),
            };
            let fetched = self
                .read(&batch, state.position, reading)
                .map_err(|source| {
                    self.corrupt(batch.header().base_offset.max(state.position), source)
                })?;
            self.data = self.data.slice(batch.bytes().len()..);
            if let Some(fetched) = fetched {
                return Ok(Some(self.hand_out(fetched, state, reading)));
            }
            if batch.header().next_offset() > state.position {
                state.position = batch.header().next_offset();
                state.position_epoch = batch.header().partition_leader_epoch;
            }
        }
        self.data = Bytes::new();
        Ok(None)
    }

    /// As many records as may be handed out at a time; the others wait for the next turn.
    fn hand_out(&mut self, fetched: Fetched, state: &mut State, reading: &Reading) -> Fetched {
        let (first, rest) = fetched.take_first(reading.max_records);
        self.rest = rest;
        state.position = first.next_offset;
        state.position_epoch = first.leader_epoch;
        first
    }

    fn read(
        &mut self,
        batch: &Batch,
        position: i64,
        reading: &Reading,
    ) -> Result<Option<Fetched>, BatchError> {
        let header = batch.header();
        if reading.check_crcs {
            batch.check_crc()?;
        }
        if self.aborted.hides(batch)?
            || header.record_count == 0
            || header.next_offset() <= position
        {
            return Ok(None);
        }
        let mut rows = reading.rows.take();
        let data = match batch.decode_into(&mut rows, EXPANDED_MAX, Pool::global()) {
            Ok(data) => data,
            Err(error) => {
                reading.rows.give(rows);
                return Err(error);
            }
        };
        let rows = reading.rows.rows(rows, position);
        if rows.is_empty() {
            return Ok(None);
        }
        // What is not packed is a part of the answer, which is counted.
        let data = match header.attributes.codec_id() {
            0 => data,
            _ => reading.held.block(data),
        };
        Ok(Some(Fetched {
            topic: self.name.topic.clone(),
            partition: self.name.partition,
            leader_epoch: header.partition_leader_epoch,
            log_append_time: header.attributes.timestamp_type() == TimestampType::LogAppend,
            data,
            rows,
            next_offset: header.next_offset(),
            high_watermark: self.high_watermark,
        }))
    }

    fn corrupt(&self, offset: i64, source: BatchError) -> ConsumeError {
        ConsumeError::Corrupt {
            partition: self.name.clone(),
            offset,
            source,
        }
    }
}

/// Follows transactions through a partition: which batches belong to one that was aborted.
#[derive(Debug)]
struct Aborted {
    /// Still to come, the last first; `None` if all records are wanted.
    coming: Option<Vec<AbortedTransaction>>,
    producers: HashSet<i64>,
}

impl Aborted {
    fn new(transactions: Option<Vec<AbortedTransaction>>) -> Self {
        let coming = transactions.map(|mut coming| {
            coming.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
            coming
        });
        Aborted {
            coming,
            producers: HashSet::new(),
        }
    }

    /// Whether a batch holds nothing for the reader: a transaction's marker, or records of an aborted one.
    fn hides(&mut self, batch: &Batch) -> Result<bool, BatchError> {
        let header = batch.header();
        let Some(coming) = &mut self.coming else {
            return Ok(header.attributes.is_control());
        };
        while let Some(started) = coming.pop_if(|next| next.first_offset <= header.last_offset()) {
            self.producers.insert(started.producer_id);
        }
        if header.attributes.is_control() {
            if is_abort_marker(batch)? {
                self.producers.remove(&header.producer_id);
            }
            return Ok(true);
        }
        Ok(header.attributes.is_transactional() && self.producers.contains(&header.producer_id))
    }
}

fn is_abort_marker(batch: &Batch) -> Result<bool, BatchError> {
    let decoded = batch.decode(EXPANDED_MAX, Pool::global())?;
    let key = decoded
        .rows
        .first()
        .and_then(|row| row.key.of(&decoded.data));
    Ok(key.is_some_and(|key| {
        key.len() >= CONTROL_KEY && i16::from_be_bytes([key[2], key[3]]) == ABORT
    }))
}

#[cfg(test)]
mod tests;
