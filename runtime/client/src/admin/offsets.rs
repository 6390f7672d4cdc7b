//! Offsets of partitions by time, and the ends of their logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::messages::list_offsets::{
    EARLIEST_LOCAL_TIMESTAMP, EARLIEST_TIMESTAMP, LATEST_TIERED_TIMESTAMP, LATEST_TIMESTAMP,
    MAX_TIMESTAMP,
};
use millrace_wire::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};

use super::leaders::{Answers, Refusal, whole};
use super::{Admin, ByPlace, Place, by_topic};
use crate::connection::Connection;
use crate::error::ClientError;

/// Only records of transactions that are decided.
const READ_COMMITTED: i8 = 1;
/// Brokers take each special time from a version on; below it they would look for a record of that time.
const MAX_TIMESTAMP_FROM: i16 = 7;
const EARLIEST_LOCAL_FROM: i16 = 8;
const LATEST_TIERED_FROM: i16 = 9;

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first one.
    Earliest,
    /// The one behind the last that can be read.
    Latest,
    /// The first one of a record of this time or later, in milliseconds.
    AtTime(i64),
    /// The one of the record with the largest timestamp (Kafka 3.0).
    MaxTimestamp,
    /// The first one that lies on the leader's own disk (Kafka 3.6).
    EarliestLocal,
    /// The last one in tiered storage (Kafka 3.9).
    LatestTiered,
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => EARLIEST_TIMESTAMP,
            Self::Latest => LATEST_TIMESTAMP,
            Self::AtTime(time) => time.max(0),
            Self::MaxTimestamp => MAX_TIMESTAMP,
            Self::EarliestLocal => EARLIEST_LOCAL_TIMESTAMP,
            Self::LatestTiered => LATEST_TIERED_TIMESTAMP,
        }
    }

    fn needs_version(self) -> i16 {
        match self {
            Self::Earliest | Self::Latest | Self::AtTime(_) => 0,
            Self::MaxTimestamp => MAX_TIMESTAMP_FROM,
            Self::EarliestLocal => EARLIEST_LOCAL_FROM,
            Self::LatestTiered => LATEST_TIERED_FROM,
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
    /// Epoch of the leader that wrote it, where known.
    pub leader_epoch: Option<i32>,
}

impl Admin {
    /// Looks offsets up.
    ///
    /// # Errors
    ///
    /// The first error of a partition.
    pub async fn list_offsets(
        &self,
        places: &BTreeMap<Place, OffsetSpec>,
    ) -> Result<BTreeMap<Place, FoundOffset>, ClientError> {
        whole(self.list_offsets_each(places, false).await)
    }

    /// Looks offsets up, each with its own outcome. `committed_only` leaves transactions that are
    /// not decided out of what can be read.
    pub async fn list_offsets_each(
        &self,
        places: &BTreeMap<Place, OffsetSpec>,
        committed_only: bool,
    ) -> ByPlace<FoundOffset> {
        let timeout_ms = self.limit_ms();
        let isolation_level = if committed_only { READ_COMMITTED } else { 0 };
        self.ask_leaders("cannot look up an offset of", places, |leader, asked| {
            let request = ListOffsetsRequest {
                isolation_level,
                timeout_ms,
                ..ListOffsetsRequest::default()
            };
            ask(leader, request, asked)
        })
        .await
    }
}

async fn ask(
    leader: Arc<Connection>,
    mut request: ListOffsetsRequest,
    asked: Vec<(Place, OffsetSpec)>,
) -> Result<Answers<FoundOffset>, ClientError> {
    let needed = asked.iter().map(|(_, spec)| spec.needs_version()).max();
    let version = leader.version_from::<ListOffsetsRequest>(needed.unwrap_or(0))?;
    request.topics = by_topic(asked)
        .into_iter()
        .map(|(topic, partitions)| ListOffsetsTopic {
            name: topic.to_string(),
            partitions: partitions
                .into_iter()
                .map(|(partition_index, spec)| ListOffsetsPartition {
                    partition_index,
                    current_leader_epoch: -1,
                    timestamp: spec.timestamp(),
                })
                .collect(),
        })
        .collect();
    let answer = leader.call_in(version, &request).await?;
    let mut answers = Answers::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let place = (Arc::clone(&name), partition.partition_index);
            answers.push((place, read(&partition)));
        }
    }
    Ok(answers)
}

fn read(answer: &ListOffsetsPartitionResponse) -> Result<FoundOffset, Refusal> {
    answer.error_code.ok()?;
    Ok(FoundOffset {
        offset: (answer.offset >= 0).then_some(answer.offset),
        timestamp: (answer.timestamp >= 0).then_some(answer.timestamp),
        leader_epoch: (answer.leader_epoch >= 0).then_some(answer.leader_epoch),
    })
}
