//! OffsetCommit (8): a group, or a client without one, keeps its positions.
//!
//! Versions 2 to 4 may say how long to keep them, 6 brought the leader epoch, 7 the instance id, 9 the error of its own
//! for a group that is gone.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    OffsetCommitRequest, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::group::{CommitOffset, CommitRequest, MemberRef};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let mut response = OffsetCommitResponse::default();
    let mut offsets = Vec::new();
    for topic in request.topics {
        response.topics.push(check_topic(ctx, topic, &mut offsets));
    }
    let commit = CommitRequest {
        member: MemberRef {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
        },
        generation: request.generation_id_or_member_epoch,
        retention_ms: Some(request.retention_time_ms),
        offsets,
    };
    let outcomes = match GroupCoordinator::ready(ctx.core).await {
        Ok(groups) => groups.commit(&request.group_id, commit, version >= 9).await,
        Err(error) => Err(error),
    };
    fill_in(&mut response, outcomes);
    response
}

/// Answers partitions that do not exist and takes the others' offsets down.
fn check_topic(
    ctx: &Ctx<'_>,
    topic: OffsetCommitRequestTopic,
    offsets: &mut Vec<CommitOffset>,
) -> OffsetCommitResponseTopic {
    let known = ctx.core.topics.get(&topic.name);
    let mut partitions = Vec::with_capacity(topic.partitions.len());
    for partition in topic.partitions {
        let index = partition.partition_index;
        let exists = known
            .as_ref()
            .is_some_and(|known| known.partition(index).is_some());
        partitions.push(OffsetCommitResponsePartition {
            partition_index: index,
            error_code: if exists {
                ErrorCode::NONE
            } else {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            },
        });
        if exists {
            offsets.push(CommitOffset {
                topic: topic.name.clone(),
                partition: index,
                offset: partition.committed_offset,
                leader_epoch: partition.committed_leader_epoch,
                metadata: partition.committed_metadata.unwrap_or_default(),
            });
        }
    }
    OffsetCommitResponseTopic {
        name: topic.name,
        partitions,
    }
}

/// Gives each partition that was handed to the group its outcome, in the order they were handed over.
fn fill_in(
    response: &mut OffsetCommitResponse,
    outcomes: Result<Vec<Result<(), ErrorCode>>, ErrorCode>,
) {
    let mut outcomes = outcomes.map(Vec::into_iter);
    let handed_over = response
        .topics
        .iter_mut()
        .flat_map(|topic| &mut topic.partitions)
        .filter(|partition| partition.error_code == ErrorCode::NONE);
    for partition in handed_over {
        let outcome = match &mut outcomes {
            Ok(outcomes) => outcomes
                .next()
                .unwrap_or(Err(ErrorCode::UNKNOWN_SERVER_ERROR)),
            Err(error) => Err(*error),
        };
        partition.error_code = outcome.err().unwrap_or_default();
    }
}
