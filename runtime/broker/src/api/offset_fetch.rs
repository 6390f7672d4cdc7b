//! OffsetFetch (9): what groups have committed.
//!
//! Version 2 brought "all partitions" (null topics) and the error at the top, 5 the leader epoch, 8 several groups in a
//! request. A partition without a commit is no error: its offset is -1. `require_stable` (7) asks to be refused while
//! an open transaction holds an offset; commits in transactions are not taken here, so every offset is stable.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};

use crate::call::Ctx;
use crate::coordinator::{CommittedOffset, GroupCoordinator};

/// Topics with the partitions asked for; `None` asks for all.
type Asked = Option<Vec<(String, Vec<i32>)>>;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    let groups = GroupCoordinator::ready(ctx.core).await;
    if version >= 8 {
        let answers = request.groups.into_iter();
        return OffsetFetchResponse {
            groups: answers.map(|asked| fetch_group(groups, asked)).collect(),
            ..Default::default()
        };
    }
    let asked = request.topics.map(|topics| {
        let topics = topics.into_iter();
        topics
            .map(|topic| (topic.name, topic.partition_indexes))
            .collect()
    });
    match fetch(groups, &request.group_id, asked.clone()) {
        Ok(topics) => OffsetFetchResponse {
            topics: topics.into_iter().map(old_topic).collect(),
            ..Default::default()
        },
        Err(error) => refused(version, error, asked),
    }
}

fn fetch_group(
    groups: Result<&GroupCoordinator, ErrorCode>,
    asked: OffsetFetchRequestGroup,
) -> OffsetFetchResponseGroup {
    let topics = asked.topics.map(|topics| {
        let topics = topics.into_iter();
        topics
            .map(|topic| (topic.name, topic.partition_indexes))
            .collect()
    });
    let fetched = fetch(groups, &asked.group_id, topics);
    OffsetFetchResponseGroup {
        group_id: asked.group_id,
        error_code: fetched.as_ref().err().copied().unwrap_or_default(),
        topics: fetched.unwrap_or_default(),
    }
}

fn fetch(
    groups: Result<&GroupCoordinator, ErrorCode>,
    group_id: &str,
    asked: Asked,
) -> Result<Vec<OffsetFetchResponseTopics>, ErrorCode> {
    let groups = groups?;
    let asked = match asked {
        Some(asked) => asked,
        None => groups.committed_partitions(group_id)?,
    };
    asked
        .into_iter()
        .map(|(name, partitions)| {
            let committed = groups.committed(group_id, &name, &partitions)?;
            Ok(OffsetFetchResponseTopics {
                name,
                partitions: partitions
                    .into_iter()
                    .zip(committed)
                    .map(|(index, committed)| partition(index, committed, ErrorCode::NONE))
                    .collect(),
            })
        })
        .collect()
}

fn partition(
    index: i32,
    committed: CommittedOffset,
    error_code: ErrorCode,
) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: committed.offset,
        committed_leader_epoch: committed.leader_epoch,
        metadata: Some(committed.metadata),
        error_code,
    }
}

/// A refusal: at the top, and up to version 1, which has no such place, at each partition.
fn refused(version: i16, error_code: ErrorCode, asked: Asked) -> OffsetFetchResponse {
    let topics = asked.filter(|_| version < 2).unwrap_or_default();
    OffsetFetchResponse {
        error_code,
        topics: topics
            .into_iter()
            .map(|(name, partitions)| {
                old_topic(OffsetFetchResponseTopics {
                    name,
                    partitions: partitions
                        .into_iter()
                        .map(|index| partition(index, CommittedOffset::none(), error_code))
                        .collect(),
                })
            })
            .collect(),
        ..Default::default()
    }
}

/// The same topic in the structs of the versions before several groups.
fn old_topic(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic
            .partitions
            .into_iter()
            .map(|partition| OffsetFetchResponsePartition {
                partition_index: partition.partition_index,
                committed_offset: partition.committed_offset,
                committed_leader_epoch: partition.committed_leader_epoch,
                metadata: partition.metadata,
                error_code: partition.error_code,
            })
            .collect(),
    }
}
