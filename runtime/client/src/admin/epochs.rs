//! Where the leaders' epochs end: how a log is compared with what one knew of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use super::leaders::Answers;
use super::{Admin, ByPlace, Place, by_topic};
use crate::connection::Connection;
use crate::error::ClientError;

/// A consumer's node id.
const CONSUMER: i32 = -1;

/// The end of an epoch in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch: the one asked for, or the largest below it that the log has; none if it has neither.
    pub epoch: Option<i32>,
    /// The offset behind its last record; none as above.
    pub end_offset: Option<i64>,
}

impl Admin {
    /// The end of a leader's epoch in each partition. An offset at or above it was not written in
    /// that epoch, or is no longer there.
    pub async fn offsets_for_leader_epochs(
        &self,
        epochs: &BTreeMap<Place, i32>,
    ) -> ByPlace<EpochEnd> {
        self.ask_leaders("cannot find the end of an epoch in", epochs, ask)
            .await
    }
}

async fn ask(
    leader: Arc<Connection>,
    asked: Vec<(Place, i32)>,
) -> Result<Answers<EpochEnd>, ClientError> {
    let partition = |(partition, leader_epoch)| OffsetForLeaderPartition {
        partition,
        current_leader_epoch: -1,
        leader_epoch,
    };
    let topics = by_topic(asked).into_iter();
    let request = OffsetForLeaderEpochRequest {
        replica_id: CONSUMER,
        topics: topics
            .map(|(topic, partitions)| OffsetForLeaderTopic {
                topic: topic.to_string(),
                partitions: partitions.into_iter().map(partition).collect(),
            })
            .collect(),
    };
    let answer = leader.call(&request).await?;
    let mut answers = Answers::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.topic.into();
        for end in topic.partitions {
            let found = EpochEnd {
                epoch: (end.leader_epoch >= 0).then_some(end.leader_epoch),
                end_offset: (end.end_offset >= 0).then_some(end.end_offset),
            };
            let outcome = end.error_code.ok().map(|()| found).map_err(Into::into);
            answers.push(((Arc::clone(&name), end.partition), outcome));
        }
    }
    Ok(answers)
}
