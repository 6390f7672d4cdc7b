//! What a consumer's owner asks about logs: where they begin and end, and what lies at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};

use super::Consumer;
use super::config::IsolationLevel;
use super::error::ConsumeError;
use super::lookup::{self, LogOffset};
use super::poll::timed_out;
use super::topic_partition::TopicPartition;
use crate::error::ClientError;

/// A record found by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// Its offset.
    pub offset: i64,
    /// Its own time, in milliseconds.
    pub timestamp: i64,
    /// Epoch of the leader that wrote it, -1 where unknown.
    pub leader_epoch: i32,
}

impl Consumer {
    /// The first offsets of these partitions.
    ///
    /// # Errors
    /// Where their leaders do not say within `default.api.timeout.ms`.
    pub async fn beginning_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, ConsumeError> {
        self.ends(partitions, EARLIEST_TIMESTAMP, self.config.isolation_level)
            .await
    }

    /// The offsets behind the last records that may be read with that isolation.
    ///
    /// # Errors
    /// Where their leaders do not say within `default.api.timeout.ms`.
    pub async fn end_offsets(
        &self,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, i64>, ConsumeError> {
        self.ends(partitions, LATEST_TIMESTAMP, isolation).await
    }

    /// The first record of each partition that is of the given time, in milliseconds, or later; `None` where there is
    /// none.
    ///
    /// # Errors
    /// Where their leaders do not say within `default.api.timeout.ms`.
    pub async fn offsets_for_times(
        &self,
        times: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>, ConsumeError> {
        let asked = times
            .iter()
            .map(|(name, time)| (name.clone(), (*time).max(0)));
        let found = self
            .log_offsets(asked.collect(), self.config.isolation_level)
            .await?;
        let one = |found: LogOffset| {
            (found.offset >= 0).then_some(OffsetAndTimestamp {
                offset: found.offset,
                timestamp: found.timestamp,
                leader_epoch: found.leader_epoch,
            })
        };
        let found = found.into_iter();
        Ok(found.map(|(name, found)| (name, one(found))).collect())
    }

    async fn ends(
        &self,
        partitions: &[TopicPartition],
        timestamp: i64,
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, i64>, ConsumeError> {
        let asked = partitions.iter().map(|name| (name.clone(), timestamp));
        let found = self.log_offsets(asked.collect(), isolation).await?;
        let found = found.into_iter();
        Ok(found.map(|(name, found)| (name, found.offset)).collect())
    }

    async fn log_offsets(
        &self,
        mut asked: BTreeMap<TopicPartition, i64>,
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, LogOffset>, ConsumeError> {
        let mut found = BTreeMap::new();
        let mut backoff = self.cluster.retry_backoff();
        let asking = async {
            while !asked.is_empty() {
                let outcome = self.ask_logs(&asked, isolation, &mut found).await;
                asked.retain(|name, _| !found.contains_key(name));
                let Err(error) = outcome else { continue };
                if !error.is_retriable() {
                    return Err(error);
                }
                tokio::time::sleep(backoff.fail()).await;
                let topics: Vec<Arc<str>> =
                    asked.keys().map(|name| Arc::clone(&name.topic)).collect();
                if let Err(error) = self.cluster.refresh(&topics).await {
                    log::debug!("cannot refresh metadata, trying again: {error}");
                }
            }
            Ok(())
        };
        match tokio::time::timeout(self.config.api_timeout(), asking).await {
            Ok(Ok(())) => Ok(found),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(timed_out("cannot list offsets".to_owned()).into()),
        }
    }

    async fn ask_logs(
        &self,
        asked: &BTreeMap<TopicPartition, i64>,
        isolation: IsolationLevel,
        found: &mut BTreeMap<TopicPartition, LogOffset>,
    ) -> Result<(), ClientError> {
        let metadata = self.cluster.metadata();
        let questions = asked.iter().map(|(name, time)| (name.clone(), *time));
        let (led, leaderless) = lookup::by_leader(questions, &metadata);
        let refused = |name: &TopicPartition, code| {
            ClientError::refused(format!("cannot list offsets of {name}"), code, None)
        };
        for (node, questions) in led {
            let lane = Arc::clone(&self.questions);
            let answers = lookup::list_offsets(lane, node, questions, isolation).await?;
            for (name, answer) in answers {
                match answer {
                    Ok(offset) => drop(found.insert(name, offset)),
                    Err(code) => return Err(refused(&name, code)),
                }
            }
        }
        match leaderless.first() {
            Some(name) => Err(refused(name, ErrorCode::LEADER_NOT_AVAILABLE)),
            None => Ok(()),
        }
    }
}
