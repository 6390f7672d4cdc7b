//! Committing what the sink has made safe.

use std::collections::BTreeSet;

use millrace_api::{ConnectError, SinkOffsets, TopicPartition};
use millrace_client::consumer::{CommitError, CommittedOffset};

use super::{SinkLoop, their};
use crate::task::explained;

impl SinkLoop<'_> {
    pub(super) async fn commit_all(&mut self) -> Result<(), ConnectError> {
        let all = self.delivery.assigned().clone();
        match self.delivery.committable(&all).await {
            Ok(offsets) => self.commit(offsets).await,
            // It panicked or does not return: there is nobody to give them to again.
            Err(error) if !self.condition.is_sound() => Err(error),
            Err(error) => {
                log::error!(
                    "{} could not make its records safe and reads them again: {error}",
                    self.id
                );
                let back = self.delivery.back_to_committed();
                self.rewind(&back)
            }
        }
    }

    /// Commits offsets; what could not be committed is tried again with the next commit.
    ///
    /// # Errors
    /// When a dead letter is lost that must not be.
    async fn commit(&mut self, offsets: SinkOffsets) -> Result<(), ConnectError> {
        if offsets.is_empty() {
            return Ok(());
        }
        // What is committed is not read again, so nothing of it may be on its way to the dead letters.
        if !self.errors.settled(self.context.flush_timeout).await? {
            log::warn!(
                "{} commits later: its dead letters were not stored within offset.flush.timeout.ms",
                self.id
            );
            return Ok(());
        }
        let theirs = offsets
            .iter()
            .map(|(partition, offset)| (their(partition), CommittedOffset::at(*offset)));
        let started = self.now();
        let commit = self.consumer.commit(theirs.collect());
        let outcome = tokio::time::timeout(self.context.flush_timeout, commit).await;
        let took = self.now().saturating_sub(started);
        self.metrics.committed(took, matches!(outcome, Ok(Ok(()))));
        match outcome {
            Ok(Ok(())) => self.delivery.committed(offsets),
            Ok(Err(CommitError::Rebalancing { .. })) => {
                log::debug!("{} commits after the rebalance", self.id)
            }
            Ok(Err(error)) => log::warn!("{} could not commit offsets: {error}", self.id),
            Err(_) => log::warn!(
                "{} could not commit offsets within offset.flush.timeout.ms",
                self.id
            ),
        }
        Ok(())
    }

    pub(super) async fn give_up_all(&mut self) -> Result<(), ConnectError> {
        let all = self.delivery.assigned().clone();
        self.give_up(&all).await
    }

    /// Commits what is safe of `partitions` and closes them.
    pub(super) async fn give_up(
        &mut self,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<(), ConnectError> {
        let committed = match self.delivery.committable(partitions).await {
            Ok(offsets) => self.commit(offsets).await,
            Err(error) => {
                log::error!("{} could not make its last records safe: {error}", self.id);
                Ok(())
            }
        };
        let closed = self
            .delivery
            .close(&partitions.iter().cloned().collect::<Vec<_>>())
            .await;
        let closed = closed.map_err(|error| explained(&self.id, "close its partitions", error));
        committed.and(closed)
    }
}
