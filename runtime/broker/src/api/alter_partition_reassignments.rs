//! AlterPartitionReassignments (45): every partition stays on the one node there is.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopic, ReassignableTopicResponse,
};

use super::create_topics::check_replicas;
use crate::call::Ctx;
use crate::topics::Topic;

/// Why a partition is not moved: a code, and words where the code does not say it all.
type NotMoved = (ErrorCode, Option<String>);

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        responses: request
            .topics
            .into_iter()
            .map(|asked| answer(ctx, asked))
            .collect(),
        ..Default::default()
    }
}

fn answer(ctx: &Ctx<'_>, asked: ReassignableTopic) -> ReassignableTopicResponse {
    let topic = ctx.core.topics.get(&asked.name);
    let partitions = asked.partitions.iter().map(|partition| {
        let outcome = reassign(ctx, topic.as_deref(), partition);
        let (error_code, error_message) = outcome.err().unwrap_or_default();
        ReassignablePartitionResponse {
            partition_index: partition.partition_index,
            error_code,
            error_message,
        }
    });
    ReassignableTopicResponse {
        partitions: partitions.collect(),
        name: asked.name,
    }
}

fn reassign(
    ctx: &Ctx<'_>,
    topic: Option<&Topic>,
    asked: &ReassignablePartition,
) -> Result<(), NotMoved> {
    topic
        .and_then(|topic| topic.partition(asked.partition_index))
        .ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))?;
    match &asked.replicas {
        None => Err((ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, None)),
        Some(replicas) => check_replicas(ctx.core.config.node_id, replicas)
            .map_err(|(error_code, message)| (error_code, Some(message))),
    }
}
