//! What a sink task has been given and what of it may be committed (contract connect-internals, section 3.2).

use std::collections::BTreeSet;

use millrace_api::{
    ConnectError, FailedPut, SinkBatch, SinkOffsets, SinkTask, TaskId, TopicPartition,
};

/// The sink's code and its place in each partition.
pub(crate) struct Delivery {
    id: TaskId,
    code: Box<dyn SinkTask>,
    assigned: BTreeSet<TopicPartition>,
    /// Behind the records that `put` has taken.
    processed: SinkOffsets,
    /// As last committed.
    committed: SinkOffsets,
}

impl Delivery {
    /// A delivery without partitions.
    pub(crate) fn new(id: TaskId, code: Box<dyn SinkTask>) -> Self {
        Self {
            id,
            code,
            assigned: BTreeSet::new(),
            processed: SinkOffsets::new(),
            committed: SinkOffsets::new(),
        }
    }

    /// The sink's code, to start and to stop it.
    pub(crate) fn code(&mut self) -> &mut dyn SinkTask {
        self.code.as_mut()
    }

    /// The partitions held.
    pub(crate) fn assigned(&self) -> &BTreeSet<TopicPartition> {
        &self.assigned
    }

    /// Partitions were assigned.
    ///
    /// # Errors
    /// What the sink's `open` says.
    pub(crate) async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.assigned.extend(partitions.iter().cloned());
        self.code.open(partitions).await
    }

    /// Gives the sink a batch.
    ///
    /// # Errors
    /// What the sink's `put` says; after a retriable error the same batch may be given again.
    pub(crate) async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        self.code.put(batch).await
    }

    /// What a `put` that failed for good has left behind.
    pub(crate) fn failed_put(&self) -> FailedPut {
        self.code.failed_put()
    }

    /// The sink has taken the records `from` these offsets to those `behind` them, which count also for records that
    /// were left out. Where the first record of a partition was, is where to go back to as long as nothing is committed.
    pub(crate) fn taken(&mut self, from: &SinkOffsets, behind: &SinkOffsets) {
        for (partition, offset) in behind {
            if !self.assigned.contains(partition) {
                continue;
            }
            if let Some(first) = from.get(partition) {
                self.committed.entry(partition.clone()).or_insert(*first);
            }
            self.processed.insert(partition.clone(), *offset);
        }
    }

    /// What may be committed now of `partitions`: what the sink says is safe, if that is news.
    ///
    /// # Errors
    /// What the sink's `pre_commit` says.
    pub(crate) async fn committable(
        &mut self,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<SinkOffsets, ConnectError> {
        let of_those = self
            .processed
            .iter()
            .filter(|(partition, _)| partitions.contains(partition));
        let processed: SinkOffsets = of_those
            .map(|(partition, offset)| (partition.clone(), *offset))
            .collect();
        if processed
            .iter()
            .all(|(partition, offset)| self.committed.get(partition) == Some(offset))
        {
            return Ok(SinkOffsets::new());
        }
        let mut safe = self.code.pre_commit(processed.clone()).await?;
        safe.retain(|partition, offset| self.may_commit(&processed, partition, *offset));
        Ok(safe)
    }

    fn may_commit(&self, processed: &SinkOffsets, partition: &TopicPartition, offset: i64) -> bool {
        match processed.get(partition) {
            Some(&behind) if offset <= behind => self.committed.get(partition) != Some(&offset),
            _ => {
                log::warn!(
                    "sink {} names offset {offset} of {partition}, which it was not given; it is not committed",
                    self.id
                );
                false
            }
        }
    }

    /// Offsets are committed.
    pub(crate) fn committed(&mut self, offsets: SinkOffsets) {
        self.committed.extend(offsets);
    }

    /// The sink goes on from other offsets.
    pub(crate) fn rewound(&mut self, offsets: &SinkOffsets) {
        for (partition, offset) in offsets {
            self.processed.insert(partition.clone(), *offset);
            self.committed.insert(partition.clone(), *offset);
        }
    }

    /// Where to go back to when what was put could not be made safe: the committed offsets of the partitions that
    /// have one.
    pub(crate) fn back_to_committed(&mut self) -> SinkOffsets {
        self.processed = self.committed.clone();
        self.committed.clone()
    }

    /// Partitions are gone.
    ///
    /// # Errors
    /// What the sink's `close` says.
    pub(crate) async fn close(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<(), ConnectError> {
        if partitions.is_empty() {
            return Ok(());
        }
        let outcome = self.code.close(partitions).await;
        for partition in partitions {
            self.assigned.remove(partition);
            self.processed.remove(partition);
            self.committed.remove(partition);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use millrace_api::{Properties, SinkContext};

    use super::*;

    /// A sink whose `pre_commit` answers what it is told to.
    struct Scripted(Arc<Mutex<Option<SinkOffsets>>>);

    #[async_trait]
    impl SinkTask for Scripted {
        async fn start(&mut self, _: &Properties, _: SinkContext) -> Result<(), ConnectError> {
            Ok(())
        }

        async fn put(&mut self, _: &SinkBatch) -> Result<(), ConnectError> {
            Ok(())
        }

        async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
            Ok(self.0.lock().unwrap().clone().unwrap_or(offsets))
        }
    }

    fn partition(number: i32) -> TopicPartition {
        TopicPartition {
            topic: "t".into(),
            partition: number,
        }
    }

    async fn delivery(answer: Option<SinkOffsets>) -> Delivery {
        let id = TaskId {
            connector: "c".into(),
            task: 0,
        };
        let mut delivery = Delivery::new(id, Box::new(Scripted(Arc::new(Mutex::new(answer)))));
        delivery.open(&[partition(0), partition(1)]).await.unwrap();
        let behind = SinkOffsets::from([(partition(0), 10), (partition(1), 5), (partition(7), 3)]);
        delivery.put(&SinkBatch::new()).await.unwrap();
        delivery.taken(&SinkOffsets::new(), &behind);
        delivery
    }

    #[tokio::test]
    async fn only_held_partitions_and_only_news_are_committed() {
        let mut delivery = delivery(None).await;
        let all = delivery.assigned().clone();
        let first = delivery.committable(&all).await.unwrap();
        assert_eq!(
            first,
            SinkOffsets::from([(partition(0), 10), (partition(1), 5)])
        );
        delivery.committed(first);
        assert_eq!(
            delivery.committable(&all).await.unwrap(),
            SinkOffsets::new()
        );
    }

    #[tokio::test]
    async fn offsets_that_were_not_given_are_not_committed() {
        let answer = SinkOffsets::from([(partition(0), 11), (partition(1), 4), (partition(9), 1)]);
        let mut delivery = delivery(Some(answer)).await;
        let all = delivery.assigned().clone();
        assert_eq!(
            delivery.committable(&all).await.unwrap(),
            SinkOffsets::from([(partition(1), 4)])
        );
    }

    #[tokio::test]
    async fn a_partition_without_a_commit_goes_back_to_its_first_record() {
        let mut delivery = delivery(None).await;
        let from = SinkOffsets::from([(partition(0), 8), (partition(7), 1)]);
        let behind = SinkOffsets::from([(partition(0), 12), (partition(7), 3)]);
        delivery.taken(&from, &behind);
        let more = SinkOffsets::from([(partition(0), 12)]);
        delivery.taken(&more, &SinkOffsets::from([(partition(0), 20)]));
        assert_eq!(
            delivery.back_to_committed(),
            SinkOffsets::from([(partition(0), 8)])
        );
    }

    #[tokio::test]
    async fn closed_partitions_are_forgotten() {
        let mut delivery = delivery(None).await;
        delivery.close(&[partition(0)]).await.unwrap();
        let left = delivery.assigned().clone();
        assert_eq!(
            delivery.committable(&left).await.unwrap(),
            SinkOffsets::from([(partition(1), 5)])
        );
    }
}
