//! Offsets of partitions by time, and the ends of their logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};
use millrace_wire::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};

use super::Admin;
use crate::cluster::Metadata;
use crate::error::ClientError;

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first one.
    Earliest,
    /// The one behind the last that can be read.
    Latest,
    /// The first one of a record of this time or later, in milliseconds.
    AtTime(i64),
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => EARLIEST_TIMESTAMP,
            Self::Latest => LATEST_TIMESTAMP,
            Self::AtTime(time) => time.max(0),
        }
    }
}

/// An offset that was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset; none where no record is of that time or later.
    pub offset: Option<i64>,
    /// Time of the record found, where one was looked for.
    pub timestamp: Option<i64>,
}

type Places = BTreeMap<(Arc<str>, i32), OffsetSpec>;

impl Admin {
    /// Looks offsets up.
    ///
    /// # Errors
    ///
    /// The first error of a partition that will not pass, or the last one when the limit is over.
    pub async fn list_offsets(
        &self,
        places: &Places,
    ) -> Result<BTreeMap<(Arc<str>, i32), FoundOffset>, ClientError> {
        self.retried(|| self.list_offsets_once(places)).await
    }

    async fn list_offsets_once(
        &self,
        places: &Places,
    ) -> Result<BTreeMap<(Arc<str>, i32), FoundOffset>, ClientError> {
        let mut topics: Vec<Arc<str>> = places.keys().map(|(topic, _)| Arc::clone(topic)).collect();
        topics.dedup();
        let metadata = self.cluster().refresh(&topics).await?;
        let mut found = BTreeMap::new();
        for (leader, topics) in by_leader(places, &metadata)? {
            let connection = self.lane.connection(leader).await?;
            let request = ListOffsetsRequest {
                topics: topics.into_values().collect(),
                timeout_ms: self.limit_ms(),
                ..ListOffsetsRequest::default()
            };
            for topic in connection.call(&request).await?.topics {
                let name: Arc<str> = topic.name.into();
                for partition in topic.partitions {
                    let place = (Arc::clone(&name), partition.partition_index);
                    let offset = read(&partition).map_err(|code| refused(&place, code))?;
                    found.insert(place, offset);
                }
            }
        }
        Ok(found)
    }
}

fn by_leader(
    places: &Places,
    metadata: &Metadata,
) -> Result<BTreeMap<i32, BTreeMap<Arc<str>, ListOffsetsTopic>>, ClientError> {
    let mut requests: BTreeMap<i32, BTreeMap<Arc<str>, ListOffsetsTopic>> = BTreeMap::new();
    for (place, spec) in places {
        let (topic, partition) = place;
        let known = metadata.partition(topic, *partition);
        let known = known.ok_or_else(|| refused(place, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
        let leader = known
            .leader
            .ok_or_else(|| refused(place, ErrorCode::LEADER_NOT_AVAILABLE))?;
        let fresh = || ListOffsetsTopic {
            name: topic.to_string(),
            partitions: Vec::new(),
        };
        let topics = requests.entry(leader).or_default();
        topics
            .entry(Arc::clone(topic))
            .or_insert_with(fresh)
            .partitions
            .push(ListOffsetsPartition {
                partition_index: *partition,
                current_leader_epoch: -1,
                timestamp: spec.timestamp(),
            });
    }
    Ok(requests)
}

fn read(answer: &ListOffsetsPartitionResponse) -> Result<FoundOffset, ErrorCode> {
    answer.error_code.ok()?;
    Ok(FoundOffset {
        offset: (answer.offset >= 0).then_some(answer.offset),
        timestamp: (answer.timestamp >= 0).then_some(answer.timestamp),
    })
}

fn refused((topic, partition): &(Arc<str>, i32), code: ErrorCode) -> ClientError {
    ClientError::refused(
        format!("cannot look up an offset of {topic}-{partition}"),
        code,
        None,
    )
}
