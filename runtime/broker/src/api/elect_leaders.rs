//! ElectLeaders (43): no partition needs an election where there is one node, which leads them all.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
    TopicPartitions,
};

use crate::call::Ctx;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: ElectLeadersRequest,
) -> ElectLeadersResponse {
    // Who asks for all partitions is told of those that elected: none.
    let asked = request.topic_partitions.unwrap_or_default();
    ElectLeadersResponse {
        replica_election_results: asked.into_iter().map(|asked| elect(ctx, asked)).collect(),
        ..Default::default()
    }
}

fn elect(ctx: &Ctx<'_>, asked: TopicPartitions) -> ReplicaElectionResult {
    let topic = ctx.core.topics.get(&asked.topic);
    let partition_result = asked.partitions.iter().map(|&partition_id| {
        let (error_code, error_message) = match &topic {
            None => (
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Some(format!("No such topic as {}", asked.topic)),
            ),
            Some(topic) if topic.partition(partition_id).is_none() => (
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Some(format!(
                    "No such partition as {}-{partition_id}",
                    asked.topic
                )),
            ),
            Some(_) => (ErrorCode::ELECTION_NOT_NEEDED, None),
        };
        PartitionResult {
            partition_id,
            error_code,
            error_message,
        }
    });
    ReplicaElectionResult {
        partition_result: partition_result.collect(),
        topic: asked.topic,
    }
}
