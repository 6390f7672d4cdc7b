//! OffsetDelete (47): single offsets of a group go. Of a topic that the group's members use, they stay.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    OffsetDeleteRequest, OffsetDeleteRequestTopic, OffsetDeleteResponse,
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let mut existing = Vec::new();
    let mut topics: Vec<_> = request
        .topics
        .into_iter()
        .map(|topic| check_topic(ctx, topic, &mut existing))
        .collect();
    let outcomes = match GroupCoordinator::ready(ctx.core).await {
        Ok(groups) => groups.delete_offsets(&request.group_id, &existing).await,
        Err(error) => Err(error),
    };
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(error_code) => {
            return OffsetDeleteResponse {
                error_code,
                ..Default::default()
            };
        }
    };
    let handed_over = topics
        .iter_mut()
        .flat_map(|topic| &mut topic.partitions)
        .filter(|partition| partition.error_code == ErrorCode::NONE);
    for (partition, outcome) in handed_over.zip(outcomes) {
        partition.error_code = outcome.err().unwrap_or_default();
    }
    OffsetDeleteResponse {
        topics,
        ..Default::default()
    }
}

/// Answers partitions that do not exist and takes the others down.
fn check_topic(
    ctx: &Ctx<'_>,
    topic: OffsetDeleteRequestTopic,
    existing: &mut Vec<(String, i32)>,
) -> OffsetDeleteResponseTopic {
    let known = ctx.core.topics.get(&topic.name);
    let mut partitions = Vec::with_capacity(topic.partitions.len());
    for partition in topic.partitions {
        let index = partition.partition_index;
        let exists = known
            .as_ref()
            .is_some_and(|known| known.partition(index).is_some());
        let error_code = if exists {
            existing.push((topic.name.clone(), index));
            ErrorCode::NONE
        } else {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        };
        partitions.push(OffsetDeleteResponsePartition {
            partition_index: index,
            error_code,
        });
    }
    OffsetDeleteResponseTopic {
        name: topic.name,
        partitions,
    }
}
