//! Records on their way to the sender: open and waiting batches of every partition, within
//! `buffer.memory`, under one lock.

use std::collections::HashMap;
use std::sync::Arc;

use super::append::{Appender, Run, Step, known_partition};
use super::batch::ProducerBatch;
use super::budget::Budget;
use super::config::ProducerConfig;
use super::error::ProduceError;
use super::partition::PartitionQueue;
use super::partitioner::Sticky;
use super::{Appended, RecordRef};
use crate::cluster::Metadata;

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
    pub(super) sticky: Sticky,
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
        let chosen = run
            .partition
            .map(|partition| known_partition(topic, partition))
            .transpose()?;
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
