//! DeleteRecords (21): raises the first offset that partitions can be read from. The segments below it go with the next
//! retention pass.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};

use crate::call::Ctx;
use crate::topics::{self, Topic};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|asked| {
        let topic = find(ctx, &asked.name);
        let partitions = asked.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let outcome = topic
                .as_ref()
                .map_err(|code| *code)
                .and_then(|topic| delete(topic, index, partition.offset));
            DeleteRecordsPartitionResult {
                partition_index: index,
                low_watermark: outcome.unwrap_or(-1),
                error_code: outcome.err().unwrap_or_default(),
            }
        });
        DeleteRecordsTopicResult {
            partitions: partitions.collect(),
            name: asked.name,
        }
    });
    DeleteRecordsResponse {
        throttle_time_ms: 0,
        topics: topics.collect(),
    }
}

/// A topic whose records a client may delete.
fn find(ctx: &Ctx<'_>, name: &str) -> Result<std::sync::Arc<Topic>, ErrorCode> {
    let topic = ctx.core.topics.get(name);
    let topic = topic.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    if topics::is_internal(name) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if !topic.config.log_config().delete {
        // Compaction alone decides what goes.
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    Ok(topic)
}

fn delete(topic: &Topic, partition: i32, offset: i64) -> Result<i64, ErrorCode> {
    let partition = topic
        .partition(partition)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    partition
        .log
        .delete_records(offset)
        .map_err(|error| error.code())
}
