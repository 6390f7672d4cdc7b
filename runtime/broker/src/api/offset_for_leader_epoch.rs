//! OffsetForLeaderEpoch (23): where the records of a leader epoch end.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderPartitionResult, OffsetForLeaderTopic, OffsetForLeaderTopicResult,
};

use crate::call::Ctx;

/// Stands for an epoch or an offset that is not known.
const UNKNOWN: (i32, i64) = (-1, -1);

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|asked| look_up(ctx, asked));
    OffsetForLeaderEpochResponse {
        throttle_time_ms: 0,
        topics: topics.collect(),
    }
}

fn look_up(ctx: &Ctx<'_>, asked: OffsetForLeaderTopic) -> OffsetForLeaderTopicResult {
    let topic = ctx.core.topics.get(&asked.topic);
    let end_of = |asked: &OffsetForLeaderPartition| {
        let partition = topic
            .as_ref()
            .and_then(|topic| topic.partition(asked.partition))
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        partition.check_leader_epoch(asked.current_leader_epoch)?;
        Ok(partition
            .log
            .end_of_epoch(asked.leader_epoch)
            .unwrap_or(UNKNOWN))
    };
    let partitions = asked.partitions.iter().map(|asked| {
        let end: Result<_, ErrorCode> = end_of(asked);
        let (leader_epoch, end_offset) = end.unwrap_or(UNKNOWN);
        OffsetForLeaderPartitionResult {
            error_code: end.err().unwrap_or_default(),
            partition: asked.partition,
            leader_epoch,
            end_offset,
        }
    });
    OffsetForLeaderTopicResult {
        partitions: partitions.collect(),
        topic: asked.topic,
    }
}
