//! Records on their way to the sender: open and waiting batches of every partition, within
//! `buffer.memory`, under one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::batch::{Append, BatchBuilder, Headers, record_size};
use millrace_wire::pool::Pool;

use super::batch::{Body, ProducerBatch};
use super::config::ProducerConfig;
use super::error::ProduceError;
use super::partition::PartitionQueue;
use super::partitioner::{next_sticky, partition_of_key};
use super::{AckSink, Appended, RecordRef};
use crate::cluster::{Metadata, Topic};

/// A batch begins with this much and takes the rest of `batch.size` when that is full, so that
/// partitions with little traffic hold little.
const FIRST_BATCH_BYTES: usize = 64 << 10;
/// Beside key, value and headers a record takes less than this.
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

/// All that waits. The owner keeps it behind a lock.
pub(super) struct Accumulator {
    pub(super) topics: HashMap<Arc<str>, TopicQueues>,
    /// Partitions that have batches.
    pub(super) active: Vec<(Arc<str>, usize)>,
    limits: Limits,
    used: usize,
    /// What the last row that found no room needs.
    wanted: usize,
    next_batch: u64,
    /// Batches not yet delivered or given up, with the number of parts they were split into.
    incomplete: BTreeMap<u64, usize>,
    /// Flushes under way: batches do not wait for more records meanwhile.
    pub(super) flushing: usize,
    pub(super) closed: Option<ProduceError>,
}

struct Limits {
    memory: usize,
    batch: usize,
    request: usize,
    ignore_keys: bool,
}

/// The partitions of a topic that records were appended to.
#[derive(Default)]
pub(super) struct TopicQueues {
    pub(super) partitions: Vec<PartitionQueue>,
    sticky: Option<usize>,
    /// Bytes that the sticky partition was given.
    sticky_bytes: usize,
}

/// What appending a row came to.
enum Outcome {
    Added { new_batch: bool },
    NoRoom { needed: usize },
}

impl Accumulator {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            topics: HashMap::new(),
            active: Vec::new(),
            limits: Limits {
                memory: config.buffer_memory,
                batch: config.batch_size.max(1),
                request: config.max_request_size,
                ignore_keys: config.ignore_keys,
            },
            used: 0,
            wanted: 0,
            next_batch: 0,
            incomplete: BTreeMap::new(),
            flushing: 0,
            closed: None,
        }
    }

    /// Appends rows until one does not fit. The flag says whether the sender has something new to
    /// look at. An error is about the first row; rows before a bad one are taken.
    pub(super) fn append(
        &mut self,
        run: &Run<'_>,
        metadata: &Metadata,
        rows: &mut dyn Iterator<Item = RecordRef<'_>>,
    ) -> Result<(Appended, bool), ProduceError> {
        if let Some(error) = &self.closed {
            return Err(error.clone());
        }
        let topic = metadata
            .topic(run.topic)
            .filter(|topic| !topic.partitions.is_empty());
        let topic = topic.ok_or_else(|| ProduceError::NotReady {
            topic: Arc::clone(run.topic),
        })?;
        let chosen = self.chosen_partition(run, topic)?;
        let mut appended = Appended {
            rows: 0,
            full: false,
        };
        let mut wake = false;
        for row in rows {
            let ticket = run.first_ticket + appended.rows as u64;
            match self.append_row(run, topic, chosen, ticket, &row) {
                Ok(Outcome::Added { new_batch }) => {
                    wake |= new_batch;
                    appended.rows += 1;
                }
                Ok(Outcome::NoRoom { needed }) => {
                    self.wanted = needed;
                    appended.full = true;
                    wake = true;
                    break;
                }
                Err(error) if appended.rows == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok((appended, wake))
    }

    fn chosen_partition(
        &mut self,
        run: &Run<'_>,
        topic: &Topic,
    ) -> Result<Option<usize>, ProduceError> {
        let count = topic.partitions.len();
        if !self.topics.contains_key(run.topic) {
            self.topics
                .insert(Arc::clone(run.topic), TopicQueues::default());
        }
        if let Some(queues) = self.topics.get_mut(run.topic)
            && queues.partitions.len() < count
        {
            queues
                .partitions
                .resize_with(count, PartitionQueue::default);
        }
        let Some(partition) = run.partition else {
            return Ok(None);
        };
        let chosen = usize::try_from(partition)
            .ok()
            .filter(|&partition| partition < count);
        let unknown = || ProduceError::UnknownPartition {
            topic: Arc::clone(run.topic),
            partition,
            count,
        };
        chosen.map(Some).ok_or_else(unknown)
    }

    #[inline]
    fn append_row(
        &mut self,
        run: &Run<'_>,
        topic: &Topic,
        chosen: Option<usize>,
        ticket: u64,
        row: &RecordRef<'_>,
    ) -> Result<Outcome, ProduceError> {
        let headers = Headers::parse(row.headers)?;
        let payload =
            row.key.map_or(0, <[u8]>::len) + row.value.map_or(0, <[u8]>::len) + row.headers.len();
        if payload + OVERHEAD > self.limits.request.min(self.limits.memory) {
            self.check_size(row, headers)?;
        }
        let Some(queues) = self.topics.get_mut(run.topic) else {
            return Err(ProduceError::NotReady {
                topic: Arc::clone(run.topic),
            });
        };
        let (partition, sticky) = match (chosen, row.key.filter(|_| !self.limits.ignore_keys)) {
            (Some(chosen), _) => (chosen, false),
            (None, Some(key)) => (partition_of_key(key, topic.partitions.len()), false),
            (None, None) => (
                queues.sticky_partition(topic, payload, self.limits.batch),
                true,
            ),
        };
        let timestamp = if row.timestamp < 0 {
            run.now_ms
        } else {
            row.timestamp
        };
        let queue = &mut queues.partitions[partition];
        if let Some(ProducerBatch {
            body: Body::Open(builder),
            ..
        }) = queue.batches.back_mut()
        {
            let free = self.limits.memory.saturating_sub(self.used);
            let before = builder.capacity();
            let added = append_within(builder, &self.limits, free, timestamp, row, headers);
            let grown = builder.capacity() - before;
            if let Some(batch) = queue.batches.back_mut() {
                batch.accounted += grown;
                self.used += grown;
                if added == Append::Added {
                    batch.note(ticket, run.acks);
                    return Ok(Outcome::Added { new_batch: false });
                }
            }
            if sticky {
                queues.change_sticky(topic);
                let moved_to = queues.sticky_partition(topic, payload, self.limits.batch);
                if moved_to != partition {
                    return self.append_row(run, topic, Some(moved_to), ticket, row);
                }
            }
        }
        self.append_to_new_batch(run, partition, ticket, timestamp, row, headers)
    }

    fn append_to_new_batch(
        &mut self,
        run: &Run<'_>,
        partition: usize,
        ticket: u64,
        timestamp: i64,
        row: &RecordRef<'_>,
        headers: Headers<'_>,
    ) -> Result<Outcome, ProduceError> {
        let first = self.limits.batch.min(FIRST_BATCH_BYTES);
        let needed = first.max(record_size(row.key, row.value, headers));
        if self.used > 0 && self.used + needed > self.limits.memory {
            return Ok(Outcome::NoRoom { needed });
        }
        let mut builder = BatchBuilder::new(Pool::global(), first);
        if builder.append(timestamp, row.key, row.value, headers) != Append::Added {
            self.check_size(row, headers)?;
            return Err(too_large(
                row,
                headers,
                i32::MAX as usize,
                "the largest batch",
            ));
        }
        let mut batch = ProducerBatch::open(self.next_batch, builder, run.now);
        batch.note(ticket, run.acks);
        self.incomplete.insert(self.next_batch, 1);
        self.next_batch += 1;
        self.used += batch.accounted;
        self.wanted = 0;
        if let Some(queues) = self.topics.get_mut(run.topic) {
            let queue = &mut queues.partitions[partition];
            queue.batches.push_back(batch);
            if !queue.listed {
                queue.listed = true;
                self.active.push((Arc::clone(run.topic), partition));
            }
        }
        Ok(Outcome::Added { new_batch: true })
    }

    #[cold]
    fn check_size(&self, row: &RecordRef<'_>, headers: Headers<'_>) -> Result<(), ProduceError> {
        let size = record_size(row.key, row.value, headers);
        if size > self.limits.request {
            return Err(too_large(
                row,
                headers,
                self.limits.request,
                "max.request.size",
            ));
        }
        if size > self.limits.memory {
            return Err(too_large(row, headers, self.limits.memory, "buffer.memory"));
        }
        Ok(())
    }

    /// Whether the row that found no room would find it now.
    pub(super) fn has_room(&self) -> bool {
        self.closed.is_some() || self.used == 0 || self.used + self.wanted <= self.limits.memory
    }

    /// Whether somebody may be waiting for room, so that batches are not to wait for records.
    pub(super) fn is_short_of_memory(&self) -> bool {
        self.wanted > 0 && !self.has_room()
    }

    /// The number that the next batch will get; all below it exist.
    pub(super) fn mark(&self) -> u64 {
        self.next_batch
    }

    /// Whether all batches below a mark are delivered or given up.
    pub(super) fn is_complete_below(&self, mark: u64) -> bool {
        self.incomplete
            .first_key_value()
            .is_none_or(|(&first, _)| first >= mark)
    }

    /// A batch is done with: its memory is free.
    pub(super) fn release(&mut self, batch: &ProducerBatch) {
        self.used = self.used.saturating_sub(batch.accounted);
        if let Some(parts) = self.incomplete.get_mut(&batch.id) {
            *parts -= 1;
            if *parts == 0 {
                self.incomplete.remove(&batch.id);
            }
        }
    }

    /// Closing a batch gave its buffer back for a smaller one.
    pub(super) fn shrink(&mut self, freed: usize) {
        self.used = self.used.saturating_sub(freed);
    }

    /// A batch was split in two.
    pub(super) fn note_split(&mut self, id: u64) {
        *self.incomplete.entry(id).or_insert(1) += 1;
    }

    /// The queue of a partition that records were appended to.
    pub(super) fn queue(&mut self, topic: &str, partition: usize) -> Option<&mut PartitionQueue> {
        self.topics.get_mut(topic)?.partitions.get_mut(partition)
    }

    /// Lists a partition again after a batch was put back.
    pub(super) fn list(&mut self, topic: &Arc<str>, partition: usize) {
        let Some(queue) = self.queue(topic, partition) else {
            return;
        };
        if !queue.listed && !queue.batches.is_empty() {
            queue.listed = true;
            self.active.push((Arc::clone(topic), partition));
        }
    }

    /// Ends it: every later `append` fails with `error`. Gives back all that was queued.
    pub(super) fn close(&mut self, error: ProduceError) -> Vec<(usize, ProducerBatch)> {
        self.closed.get_or_insert(error);
        let mut left = Vec::new();
        for (topic, partition) in std::mem::take(&mut self.active) {
            if let Some(queue) = self.queue(&topic, partition) {
                queue.listed = false;
                left.extend(queue.batches.drain(..).map(|batch| (partition, batch)));
            }
        }
        for (_, batch) in &left {
            self.release(batch);
        }
        left
    }
}

impl TopicQueues {
    /// The partition for a record without a key; it changes after a batch's worth of bytes.
    #[inline]
    fn sticky_partition(&mut self, topic: &Topic, payload: usize, batch: usize) -> usize {
        if self.sticky_bytes >= batch
            || self
                .sticky
                .is_none_or(|sticky| sticky >= topic.partitions.len())
        {
            self.change_sticky(topic);
        }
        self.sticky_bytes += payload;
        self.sticky.unwrap_or(0)
    }

    fn change_sticky(&mut self, topic: &Topic) {
        let partitions = topic.partitions.iter().enumerate();
        let led: Vec<usize> = partitions
            .filter(|(_, known)| known.leader.is_some())
            .map(|(at, _)| at)
            .collect();
        let all: Vec<usize> = (0..topic.partitions.len()).collect();
        self.sticky_bytes = 0;
        self.sticky = next_sticky(if led.is_empty() { &all } else { &led }, self.sticky);
    }
}

/// Appends to an open batch, which takes all of `batch.size` once its first part is full and memory
/// allows.
#[inline]
fn append_within(
    builder: &mut BatchBuilder,
    limits: &Limits,
    free: usize,
    timestamp: i64,
    row: &RecordRef<'_>,
    headers: Headers<'_>,
) -> Append {
    let added = builder.append(timestamp, row.key, row.value, headers);
    if added != Append::Full
        || builder.limit() >= limits.batch
        || limits.batch - builder.capacity().min(limits.batch) > free
    {
        return added;
    }
    builder.raise_limit(limits.batch);
    builder.append(timestamp, row.key, row.value, headers)
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
