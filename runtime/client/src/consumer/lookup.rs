//! Questions about offsets: the ends of logs, offsets by time, and what a group has committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, OffsetFetchRequest,
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};

use super::config::IsolationLevel;
use super::offset::CommittedOffset;
use super::topic_partition::TopicPartition;
use crate::cluster::{Lane, Metadata};
use crate::error::ClientError;
use crate::group::coordinator::Coordinator;

/// OffsetFetch names its groups in a list from this version on.
const GROUPS_FROM: i16 = 8;

/// An offset of a log; all three are -1 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogOffset {
    pub(super) offset: i64,
    /// The time of the record there, if one was looked for by time.
    pub(super) timestamp: i64,
    pub(super) leader_epoch: i32,
}

/// Answers about single partitions.
pub(super) type Answers<T> = BTreeMap<TopicPartition, Result<T, ErrorCode>>;

/// Partitions by the node that leads them, and those without a known leader.
pub(super) fn by_leader(
    partitions: impl IntoIterator<Item = (TopicPartition, i64)>,
    metadata: &Metadata,
) -> (BTreeMap<i32, Vec<Question>>, Vec<TopicPartition>) {
    let mut led: BTreeMap<i32, Vec<Question>> = BTreeMap::new();
    let mut leaderless = Vec::new();
    for (partition, timestamp) in partitions {
        let known = metadata.partition(&partition.topic, partition.partition);
        match known.and_then(|known| Some((known.leader?, known.leader_epoch))) {
            Some((leader, epoch)) => {
                led.entry(leader).or_default().push(Question {
                    partition,
                    timestamp,
                    epoch,
                });
            }
            None => leaderless.push(partition),
        }
    }
    (led, leaderless)
}

/// The offset of a timestamp, or of an end of the log, in one partition.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) partition: TopicPartition,
    pub(super) timestamp: i64,
    pub(super) epoch: i32,
}

/// Asks one node about partitions that it leads.
pub(super) async fn list_offsets(
    lane: Arc<Lane>,
    node: i32,
    questions: Vec<Question>,
    isolation: IsolationLevel,
) -> Result<Answers<LogOffset>, ClientError> {
    let mut topics: BTreeMap<Arc<str>, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for question in questions {
        topics
            .entry(question.partition.topic)
            .or_default()
            .push(ListOffsetsPartition {
                partition_index: question.partition.partition,
                current_leader_epoch: question.epoch,
                timestamp: question.timestamp,
            });
    }
    let topics = topics
        .into_iter()
        .map(|(name, partitions)| ListOffsetsTopic {
            name: name.to_string(),
            partitions,
        });
    let request = ListOffsetsRequest {
        isolation_level: isolation.code(),
        topics: topics.collect(),
        timeout_ms: lane.cluster().config().request_timeout_ms,
        ..ListOffsetsRequest::default()
    };
    let answer = lane.connection(node).await?.call(&request).await?;
    let mut answers = Answers::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        for part in topic.partitions {
            let answer = part.error_code.ok().map(|()| LogOffset {
                offset: part.offset,
                timestamp: part.timestamp,
                leader_epoch: part.leader_epoch,
            });
            answers.insert(
                TopicPartition::new(Arc::clone(&name), part.partition_index),
                answer,
            );
        }
    }
    Ok(answers)
}

/// Asks for the committed offsets of these partitions; `None` where nothing is committed.
pub(super) async fn committed(
    coordinator: &Coordinator,
    partitions: &[TopicPartition],
) -> Result<Answers<Option<CommittedOffset>>, ClientError> {
    let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(partition.partition);
    }
    let group = coordinator.group().to_owned();
    let old = topics
        .iter()
        .map(|(name, partitions)| OffsetFetchRequestTopic {
            name: name.to_string(),
            partition_indexes: partitions.clone(),
        });
    let new = topics
        .iter()
        .map(|(name, partitions)| OffsetFetchRequestTopics {
            name: name.to_string(),
            partition_indexes: partitions.clone(),
        });
    let several = coordinator.offsets_version::<OffsetFetchRequest>().await? >= GROUPS_FROM;
    let mut request = OffsetFetchRequest {
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    if several {
        let topics = Some(new.collect());
        request.groups.push(OffsetFetchRequestGroup {
            group_id: group,
            topics,
            ..OffsetFetchRequestGroup::default()
        });
    } else {
        request.topics = Some(old.collect());
        request.group_id = group;
    }
    let answer = coordinator.offsets(&request).await?;
    read_committed_offsets(coordinator, answer)
}

fn read_committed_offsets(
    coordinator: &Coordinator,
    mut answer: OffsetFetchResponse,
) -> Result<Answers<Option<CommittedOffset>>, ClientError> {
    let group = answer.groups.pop();
    let code = group
        .as_ref()
        .map_or(answer.error_code, |group| group.error_code);
    if let Err(code) = code.ok() {
        coordinator.forget();
        let doing = format!(
            "cannot read the committed offsets of group {}",
            coordinator.group()
        );
        return Err(ClientError::refused(doing, code, None));
    }
    let mut answers = Answers::new();
    let mut add = |topic: &Arc<str>,
                   number,
                   offset,
                   leader_epoch,
                   metadata: Option<String>,
                   code: ErrorCode| {
        let metadata = metadata.unwrap_or_default();
        let committed = (offset >= 0).then_some(CommittedOffset {
            offset,
            leader_epoch,
            metadata,
        });
        answers.insert(
            TopicPartition::new(Arc::clone(topic), number),
            code.ok().map(|()| committed),
        );
    };
    for topic in group.into_iter().flat_map(|group| group.topics) {
        let name: Arc<str> = topic.name.into();
        for part in topic.partitions {
            let (offset, epoch) = (part.committed_offset, part.committed_leader_epoch);
            add(
                &name,
                part.partition_index,
                offset,
                epoch,
                part.metadata,
                part.error_code,
            );
        }
    }
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        for part in topic.partitions {
            let (offset, epoch) = (part.committed_offset, part.committed_leader_epoch);
            add(
                &name,
                part.partition_index,
                offset,
                epoch,
                part.metadata,
                part.error_code,
            );
        }
    }
    Ok(answers)
}
