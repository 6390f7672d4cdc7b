//! Records on their way to the sender: open and waiting batches of every partition, within
//! `buffer.memory`, under one lock.

use std::collections::HashMap;
use std::sync::Arc;

use super::append::{Appender, Run, Step};
use super::batch::ProducerBatch;
use super::budget::Budget;
use super::config::ProducerConfig;
use super::error::ProduceError;
use super::partition::PartitionQueue;
use super::partitioner::next_sticky;
use super::{Appended, RecordRef};
use crate::cluster::{Metadata, Topic};

/// All that waits. The owner keeps it behind a lock.
pub(super) struct Accumulator {
    pub(super) topics: HashMap<Arc<str>, TopicQueues>,
    /// Partitions that have batches.
    pub(super) active: Vec<(Arc<str>, usize)>,
    pub(super) budget: Budget,
    /// Flushes under way: batches do not wait for more records meanwhile.
    pub(super) flushing: usize,
    pub(super) closed: Option<ProduceError>,
}

/// The partitions of a topic that records were appended to.
#[derive(Default)]
pub(super) struct TopicQueues {
    pub(super) partitions: Vec<PartitionQueue>,
    sticky: Option<usize>,
    /// Bytes that the sticky partition was given.
    sticky_bytes: usize,
}

impl Accumulator {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            topics: HashMap::new(),
            active: Vec::new(),
            budget: Budget::new(config),
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
        let chosen = chosen_partition(run, topic)?;
        let queues = self.topics.entry(Arc::clone(run.topic)).or_default();
        if queues.partitions.len() < topic.partitions.len() {
            queues
                .partitions
                .resize_with(topic.partitions.len(), PartitionQueue::default);
        }
        let mut appender = Appender {
            run,
            topic,
            chosen,
            queues,
            budget: &mut self.budget,
            active: &mut self.active,
        };
        let mut appended = Appended {
            rows: 0,
            full: false,
        };
        let mut wake = false;
        loop {
            // Borrowed where the iterator left it: moving it would stall on its fresh stores.
            let next = rows.next();
            let Some(row) = &next else { break };
            match appender.row(run.first_ticket + appended.rows as u64, row) {
                Ok(Step::NoRoom) => {
                    appended.full = true;
                    wake = true;
                    break;
                }
                Ok(step) => {
                    wake |= step == Step::AddedToNew;
                    appended.rows += 1;
                }
                Err(error) if appended.rows == 0 => return Err(*error),
                Err(_) => break,
            }
        }
        Ok((appended, wake))
    }

    /// Whether the row that found no room would find it now, or never will.
    pub(super) fn has_room(&self) -> bool {
        self.closed.is_some() || self.budget.has_room()
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

    /// Ends it: every later `append` fails with `error`. Gives back all that was
    /// queued; it counts as used until it is released.
    pub(super) fn close(&mut self, error: ProduceError) -> Vec<(usize, ProducerBatch)> {
        self.closed.get_or_insert(error);
        let mut left = Vec::new();
        for (topic, partition) in std::mem::take(&mut self.active) {
            if let Some(queue) = self.queue(&topic, partition) {
                queue.listed = false;
                left.extend(queue.batches.drain(..).map(|batch| (partition, batch)));
            }
        }
        left
    }
}

fn chosen_partition(run: &Run<'_>, topic: &Topic) -> Result<Option<usize>, ProduceError> {
    let count = topic.partitions.len();
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

impl TopicQueues {
    /// The partition for a record without a key; it changes after a batch's worth of bytes.
    #[inline]
    pub(super) fn sticky_partition(
        &mut self,
        topic: &Topic,
        payload: usize,
        batch: usize,
    ) -> usize {
        let unusable = self
            .sticky
            .is_none_or(|sticky| sticky >= topic.partitions.len());
        if unusable || self.sticky_bytes >= batch {
            self.change_sticky(topic);
        }
        self.sticky_bytes += payload;
        self.sticky.unwrap_or(0)
    }

    #[cold]
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
