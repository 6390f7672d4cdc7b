//! Rows into open batches: the path of every record.

use std::sync::Arc;
use std::time::Duration;

use millrace_wire::batch::{Append, BatchBuilder, Headers, record_size};
use millrace_wire::pool::Pool;

use super::accumulator::TopicQueues;
use super::batch::{Body, ProducerBatch};
use super::budget::Budget;
use super::error::ProduceError;
use super::partitioner::{Partitioning, Sight, partition_of_key};
use super::{AckSink, RecordRef};
use crate::cluster::Topic;

/// A batch begins with this much and takes the rest of `batch.size` when that is full, so that
/// partitions with little traffic hold little. Where others wait before it, it begins with all of it.
const FIRST_BATCH_BYTES: usize = 64 << 10;
/// Beside key, value and headers a record and its batch take less than this.
const OVERHEAD: usize = 128;

/// What `append` is to do with a run of rows.
pub(super) struct Run<'a> {
    pub(super) topic: &'a Arc<str>,
    pub(super) partition: Option<i32>,
    pub(super) first_ticket: u64,
    pub(super) acks: &'a Arc<dyn AckSink>,
    pub(super) now: Duration,
    pub(super) now_ms: i64,
}

/// What appending a row came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Added,
    /// It opened a batch, which the sender has to know of.
    AddedToNew,
    NoRoom,
}

/// Appends the rows of one run.
pub(super) struct Appender<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) topic: &'a Topic,
    /// The partition of all rows, where one was given.
    pub(super) chosen: Option<usize>,
    pub(super) queues: &'a mut TopicQueues,
    pub(super) budget: &'a mut Budget,
    /// The accumulator's list of partitions with batches.
    pub(super) active: &'a mut Vec<(Arc<str>, usize)>,
}

impl Appender<'_> {
    #[inline]
    pub(super) fn row(
        &mut self,
        ticket: u64,
        row: &RecordRef<'_>,
    ) -> Result<Step, Box<ProduceError>> {
        let headers = Headers::parse(row.headers).map_err(|error| Box::new(error.into()))?;
        let payload =
            row.key.map_or(0, <[u8]>::len) + row.value.map_or(0, <[u8]>::len) + row.headers.len();
        if payload + OVERHEAD > self.budget.limits.request.min(self.budget.limits.memory) {
            self.check_size(row, headers)?;
        }
        let partition = match self.chosen {
            Some(chosen) => chosen,
            None => self.choose(row, payload)?,
        };
        let timestamp = if row.timestamp < 0 {
            self.run.now_ms
        } else {
            row.timestamp
        };
        if let Some(batch) = self.queues.partitions[partition].batches.back_mut()
            && let Body::Open(builder) = &mut batch.body
            && builder.append(timestamp, row.key, row.value, headers) == Append::Added
        {
            batch.note(ticket, self.run.acks);
            return Ok(Step::Added);
        }
        self.row_beyond(partition, timestamp, ticket, row, headers)
    }

    #[inline]
    fn choose(&mut self, row: &RecordRef<'_>, payload: usize) -> Result<usize, Box<ProduceError>> {
        let limits = &self.budget.limits;
        match &limits.partitioning {
            Partitioning::ByKey => match row.key {
                Some(key) => Ok(partition_of_key(key, self.topic.partitions.len())),
                None => Ok(self.sticky(payload)),
            },
            Partitioning::Sticky => Ok(self.sticky(payload)),
            Partitioning::RoundRobin => Ok(self.queues.sticky.next_in_turn(self.topic)),
            Partitioning::Own(own) => {
                let partition = own.partition(row, self.topic);
                known_partition(self.topic, partition).map_err(Box::new)
            }
        }
    }

    #[inline]
    fn sticky(&mut self, payload: usize) -> usize {
        let TopicQueues { partitions, sticky } = &mut *self.queues;
        let limits = &self.budget.limits;
        let sight = Sight {
            topic: self.topic,
            queues: partitions,
            adaptive: &limits.adaptive,
            now: self.run.now,
        };
        sticky.partition(payload, limits.batch, &sight)
    }

    /// A row that does not fit in the open batch, or finds none.
    #[cold]
    fn row_beyond(
        &mut self,
        partition: usize,
        timestamp: i64,
        ticket: u64,
        row: &RecordRef<'_>,
        headers: Headers<'_>,
    ) -> Result<Step, Box<ProduceError>> {
        if let Some(batch) = self.queues.partitions[partition].batches.back_mut()
            && grow(batch, self.budget)
            && let Body::Open(builder) = &mut batch.body
            && builder.append(timestamp, row.key, row.value, headers) == Append::Added
        {
            batch.note(ticket, self.run.acks);
            return Ok(Step::Added);
        }
        let first = self.first_bytes(partition);
        let needed = first.max(record_size(row.key, row.value, headers));
        if !self.budget.allows(needed) {
            return Ok(Step::NoRoom);
        }
        let mut builder = BatchBuilder::new(Pool::global(), first);
        builder.raise_limit(first);
        if builder.append(timestamp, row.key, row.value, headers) != Append::Added {
            return Err(Box::new(too_large(
                row,
                headers,
                i32::MAX as usize,
                "the largest batch",
            )));
        }
        let mut batch = ProducerBatch::open(self.budget.begin(), builder, self.run.now);
        batch.note(ticket, self.run.acks);
        self.budget.take(batch.accounted);
        let queue = &mut self.queues.partitions[partition];
        queue.batches.push_back(batch);
        if !queue.listed {
            queue.listed = true;
            self.active.push((Arc::clone(self.run.topic), partition));
        }
        Ok(Step::AddedToNew)
    }

    /// What the next batch of a partition begins with.
    fn first_bytes(&self, partition: usize) -> usize {
        let whole = self.budget.limits.batch;
        let is_busy = !self.queues.partitions[partition].batches.is_empty();
        if is_busy && self.budget.allows_growth(whole) {
            whole
        } else {
            whole.min(FIRST_BATCH_BYTES)
        }
    }

    #[cold]
    fn check_size(
        &self,
        row: &RecordRef<'_>,
        headers: Headers<'_>,
    ) -> Result<(), Box<ProduceError>> {
        let size = record_size(row.key, row.value, headers);
        let limits = &self.budget.limits;
        let (limit, key) = if size > limits.request {
            (limits.request, "max.request.size")
        } else if size > limits.memory {
            (limits.memory, "buffer.memory")
        } else {
            return Ok(());
        };
        Err(Box::new(too_large(row, headers, limit, key)))
    }
}

/// The index of a partition that the topic has.
pub(super) fn known_partition(topic: &Topic, partition: i32) -> Result<usize, ProduceError> {
    let count = topic.partitions.len();
    let index = usize::try_from(partition).ok();
    index
        .filter(|&index| index < count)
        .ok_or_else(|| ProduceError::UnknownPartition {
            topic: Arc::clone(&topic.name),
            partition,
            count,
        })
}

/// Gives an open batch all of `batch.size`, where it began with less and memory allows.
fn grow(batch: &mut ProducerBatch, budget: &mut Budget) -> bool {
    let Body::Open(builder) = &mut batch.body else {
        return false;
    };
    let (limit, before) = (budget.limits.batch, builder.capacity());
    if builder.limit() >= limit || !budget.allows_growth(limit.saturating_sub(before)) {
        return false;
    }
    builder.raise_limit(limit);
    let grown = builder.capacity().saturating_sub(before);
    batch.accounted += grown;
    budget.take(grown);
    true
}

fn too_large(
    row: &RecordRef<'_>,
    headers: Headers<'_>,
    limit: usize,
    key: &'static str,
) -> ProduceError {
    ProduceError::RecordTooLarge {
        size: record_size(row.key, row.value, headers),
        limit,
        key,
    }
}
