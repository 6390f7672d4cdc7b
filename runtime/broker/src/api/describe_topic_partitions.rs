//! DescribeTopicPartitions (75): topics and their partitions, ordered by name, a page at a time.

use std::collections::BTreeSet;

use millrace_wire::codec::Nullable;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
    TopicPartitionsCursor,
};

use super::operations;
use crate::call::Ctx;
use crate::partition::Partition;
use crate::topics::{self, Topic};

/// How many partitions a page holds at most, whatever is asked (`max.request.partition.size.limit`).
const PAGE_MAX: usize = 2000;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let named: BTreeSet<String> = request.topics.into_iter().map(|topic| topic.name).collect();
    let cursor = request.cursor.0;
    if let Some(cursor) = &cursor
        && !is_valid(cursor, &named)
    {
        return refuse(named);
    }
    let asks_for_all = named.is_empty();
    let names: BTreeSet<String> = if asks_for_all {
        let all = ctx.core.topics.all();
        all.iter().map(|topic| topic.name.to_string()).collect()
    } else {
        named
    };
    let limit = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let mut page = Page {
        left: limit.clamp(1, PAGE_MAX),
        response: DescribeTopicPartitionsResponse::default(),
    };
    let (from_topic, from_partition) = match &cursor {
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index),
        None => ("", 0),
    };
    for name in names.range(from_topic.to_owned()..) {
        let from = if name == from_topic {
            from_partition
        } else {
            0
        };
        match ctx.core.topics.get(name) {
            Some(topic) => page.describe(ctx, &topic, from),
            None if asks_for_all => {}
            None => page.response.topics.push(missing(name)),
        }
        if page.response.next_cursor.0.is_some() {
            break;
        }
    }
    page.response
}

/// A cursor names a topic that is asked for, and a partition.
fn is_valid(cursor: &TopicPartitionsCursor, named: &BTreeSet<String>) -> bool {
    cursor.partition_index >= 0 && (named.is_empty() || named.contains(&cursor.topic_name))
}

fn refuse(named: BTreeSet<String>) -> DescribeTopicPartitionsResponse {
    let topics = named
        .into_iter()
        .map(|name| DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::INVALID_REQUEST,
            name: Some(name),
            ..Default::default()
        });
    DescribeTopicPartitionsResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

fn missing(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error_code = match topics::check_name(name) {
        Ok(()) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        Err((error_code, _)) => error_code,
    };
    DescribeTopicPartitionsResponseTopic {
        error_code,
        name: Some(name.to_owned()),
        is_internal: topics::is_internal(name),
        ..Default::default()
    }
}

/// An answer, and how many partitions it still has room for.
struct Page {
    left: usize,
    response: DescribeTopicPartitionsResponse,
}

impl Page {
    /// Adds the partitions of a topic from one on; where not all fit, the next page begins with the first left out.
    fn describe(&mut self, ctx: &Ctx<'_>, topic: &Topic, from: i32) {
        let cut = |partition_index| {
            Nullable(Some(TopicPartitionsCursor {
                topic_name: topic.name.to_string(),
                partition_index,
            }))
        };
        if self.left == 0 {
            self.response.next_cursor = cut(from);
            return;
        }
        let node_id = ctx.core.config.node_id;
        let start = usize::try_from(from)
            .unwrap_or(0)
            .min(topic.partitions.len());
        let rest = &topic.partitions[start..];
        let (fitting, left_out) = rest.split_at(self.left.min(rest.len()));
        if let Some(first) = left_out.first() {
            self.response.next_cursor = cut(first.index());
        }
        self.left -= fitting.len();
        self.response
            .topics
            .push(DescribeTopicPartitionsResponseTopic {
                error_code: ErrorCode::NONE,
                name: Some(topic.name.to_string()),
                topic_id: topic.id,
                is_internal: topics::is_internal(&topic.name),
                partitions: fitting
                    .iter()
                    .map(|partition| described(node_id, partition))
                    .collect(),
                topic_authorized_operations: operations::TOPIC,
            });
    }
}

fn described(node_id: i32, partition: &Partition) -> DescribeTopicPartitionsResponsePartition {
    DescribeTopicPartitionsResponsePartition {
        error_code: ErrorCode::NONE,
        partition_index: partition.index(),
        leader_id: node_id,
        leader_epoch: partition.log.leader_epoch(),
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: Vec::new(),
    }
}
