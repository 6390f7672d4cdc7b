//! DescribeProducers (61): the producers that partitions remember, by which a hanging transaction is found.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DescribeProducersPartition, DescribeProducersRequest, DescribeProducersResponse,
    DescribeProducersTopicResult, ProducerState,
};

use crate::call::Ctx;
use crate::partition::Partition;
use crate::topics;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|asked| {
        let name_error = topics::check_name(&asked.name).err();
        let topic = ctx.core.topics.get(&asked.name);
        let partitions = asked.partition_indexes.iter().map(|&index| {
            let partition = topic.as_ref().and_then(|topic| topic.partition(index));
            match (&name_error, partition) {
                (Some((error_code, message)), _) => DescribeProducersPartition {
                    partition_index: index,
                    error_code: *error_code,
                    error_message: Some(message.clone()),
                    ..Default::default()
                },
                (None, None) => DescribeProducersPartition {
                    partition_index: index,
                    error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    ..Default::default()
                },
                (None, Some(partition)) => described(partition),
            }
        });
        DescribeProducersTopicResult {
            partitions: partitions.collect(),
            name: asked.name,
        }
    });
    DescribeProducersResponse {
        throttle_time_ms: 0,
        topics: topics.collect(),
    }
}

fn described(partition: &Partition) -> DescribeProducersPartition {
    let producers = partition.log.producers();
    DescribeProducersPartition {
        partition_index: partition.index(),
        active_producers: producers
            .into_iter()
            .map(|producer| ProducerState {
                producer_id: producer.id,
                producer_epoch: i32::from(producer.epoch),
                last_sequence: producer.last_sequence,
                last_timestamp: producer.last_timestamp,
                coordinator_epoch: producer.coordinator_epoch,
                current_txn_start_offset: producer.transaction_start.unwrap_or(-1),
            })
            .collect(),
        ..Default::default()
    }
}
