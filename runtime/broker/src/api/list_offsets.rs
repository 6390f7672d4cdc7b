//! ListOffsets (2): the ends of a partition, and offsets by time.

use std::collections::HashSet;

use millrace_storage::{Isolation, OffsetAndTimestamp};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::list_offsets::{
    EARLIEST_LOCAL_TIMESTAMP, EARLIEST_TIMESTAMP, LATEST_TIERED_TIMESTAMP, LATEST_TIMESTAMP,
    MAX_TIMESTAMP,
};
use millrace_wire::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

use crate::call::Ctx;
use crate::partition::Partition;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let isolation = match request.isolation_level {
        1 => Isolation::ReadCommitted,
        _ => Isolation::ReadUncommitted,
    };
    let duplicates = duplicates(&request);
    let topics = request
        .topics
        .into_iter()
        .map(|asked| {
            let topic = ctx.core.topics.get(&asked.name);
            let partitions = asked.partitions.iter().map(|partition| {
                if duplicates.contains(&(asked.name.clone(), partition.partition_index)) {
                    return Err(ErrorCode::INVALID_REQUEST);
                }
                let found = topic
                    .as_ref()
                    .and_then(|topic| topic.partition(partition.partition_index));
                look_up(
                    found.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?,
                    version,
                    partition,
                    isolation,
                )
            });
            let partitions = partitions
                .zip(&asked.partitions)
                .map(|(found, asked)| respond(asked, found))
                .collect();
            ListOffsetsTopicResponse {
                name: asked.name,
                partitions,
            }
        })
        .collect();
    ListOffsetsResponse {
        throttle_time_ms: 0,
        topics,
    }
}

/// Partitions that the request names more than once.
fn duplicates(request: &ListOffsetsRequest) -> HashSet<(String, i32)> {
    let mut seen = HashSet::new();
    let asked = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|asked| (&topic.name, asked)));
    asked
        .filter(|(name, asked)| !seen.insert((*name, asked.partition_index)))
        .map(|(name, asked)| (name.clone(), asked.partition_index))
        .collect()
}

/// What a look-up gives: offset, timestamp and leader epoch, -1 where there is none.
#[derive(Clone, Copy)]
struct Found {
    offset: i64,
    timestamp: i64,
    leader_epoch: i32,
}

const NOTHING: Found = Found {
    offset: -1,
    timestamp: -1,
    leader_epoch: -1,
};

fn look_up(
    partition: &Partition,
    version: i16,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<Found, ErrorCode> {
    partition.check_leader_epoch(asked.current_leader_epoch)?;
    let log = &partition.log;
    let at = |offset, leader_epoch| Found {
        offset,
        timestamp: -1,
        leader_epoch,
    };
    let earliest = || {
        let offset = log.log_start_offset();
        at(offset, log.epoch_at(offset))
    };
    Ok(match asked.timestamp {
        LATEST_TIMESTAMP => {
            let offset = match isolation {
                Isolation::ReadUncommitted => log.high_watermark(),
                Isolation::ReadCommitted => log.last_stable_offset(),
            };
            at(offset, log.leader_epoch())
        }
        EARLIEST_TIMESTAMP => earliest(),
        MAX_TIMESTAMP if version >= 7 => record(
            log.offset_of_max_timestamp(isolation)
                .map_err(|error| error.code())?,
        ),
        EARLIEST_LOCAL_TIMESTAMP if version >= 8 => earliest(),
        LATEST_TIERED_TIMESTAMP if version >= 9 => NOTHING,
        timestamp if timestamp < 0 => return Err(ErrorCode::UNSUPPORTED_VERSION),
        timestamp => record(
            log.offset_for_timestamp(timestamp, isolation)
                .map_err(|error| error.code())?,
        ),
    })
}

fn record(found: Option<OffsetAndTimestamp>) -> Found {
    found.map_or(NOTHING, |found| Found {
        offset: found.offset,
        timestamp: found.timestamp,
        leader_epoch: found.leader_epoch,
    })
}

fn respond(
    asked: &ListOffsetsPartition,
    found: Result<Found, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let partition_index = asked.partition_index;
    match found {
        Ok(found) => ListOffsetsPartitionResponse {
            partition_index,
            error_code: ErrorCode::NONE,
            timestamp: found.timestamp,
            offset: found.offset,
            leader_epoch: found.leader_epoch,
        },
        Err(error_code) => ListOffsetsPartitionResponse {
            partition_index,
            error_code,
            ..Default::default()
        },
    }
}
