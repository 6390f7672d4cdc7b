//! The offsets that groups have committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse,
};

use super::groups::refused;
use super::{Admin, Place};
use crate::error::ClientError;

/// From this version on a request may name several groups, in a list of another shape.
const MANY_GROUPS_FROM: i16 = 8;

/// How far a group has read a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch of the last record read, where the committer knew it.
    pub leader_epoch: Option<i32>,
    /// What the committer wanted to have kept with it.
    pub metadata: String,
}

impl Admin {
    /// All offsets that a group has committed.
    ///
    /// # Errors
    ///
    /// As the group's coordinator says.
    pub async fn group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<Place, CommittedOffset>, ClientError> {
        self.retried(|| self.group_offsets_once(group)).await
    }

    async fn group_offsets_once(
        &self,
        group: &str,
    ) -> Result<BTreeMap<Place, CommittedOffset>, ClientError> {
        let connection = self.coordinator(group).await?;
        let version = connection.version::<OffsetFetchRequest>()?;
        let request = if version >= MANY_GROUPS_FROM {
            let asked = OffsetFetchRequestGroup {
                group_id: group.to_owned(),
                ..OffsetFetchRequestGroup::default()
            };
            OffsetFetchRequest {
                groups: vec![asked],
                ..OffsetFetchRequest::default()
            }
        } else {
            OffsetFetchRequest {
                group_id: group.to_owned(),
                topics: None,
                ..OffsetFetchRequest::default()
            }
        };
        let wait = self.cluster().config().request_timeout();
        let answer = connection.call_at(version, &request, wait).await?;
        committed(answer).map_err(|code| refused("cannot read the offsets of", group, code))
    }

    /// Sets offsets of a group that has no members.
    ///
    /// # Errors
    ///
    /// As the group's coordinator says: `UNKNOWN_MEMBER_ID` while it has members.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<Place, i64>,
    ) -> Result<(), ClientError> {
        self.retried(|| self.alter_once(group, offsets)).await
    }

    async fn alter_once(
        &self,
        group: &str,
        offsets: &BTreeMap<Place, i64>,
    ) -> Result<(), ClientError> {
        let connection = self.coordinator(group).await?;
        let mut topics: BTreeMap<&str, OffsetCommitRequestTopic> = BTreeMap::new();
        for ((topic, partition), offset) in offsets {
            let fresh = || OffsetCommitRequestTopic {
                name: topic.to_string(),
                partitions: Vec::new(),
            };
            topics.entry(topic).or_insert_with(fresh).partitions.push(
                OffsetCommitRequestPartition {
                    partition_index: *partition,
                    committed_offset: *offset,
                    committed_leader_epoch: -1,
                    committed_metadata: Some(String::new()),
                },
            );
        }
        let request = OffsetCommitRequest {
            group_id: group.to_owned(),
            topics: topics.into_values().collect(),
            ..OffsetCommitRequest::default()
        };
        let answer = connection.call(&request).await?;
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let failed = partitions
            .map(|partition| partition.error_code)
            .find(|code| !code.is_ok());
        failed.map_or(Ok(()), |code| {
            Err(refused("cannot set offsets of", group, code))
        })
    }

    /// Deletes offsets of a group; those it does not have are no error.
    ///
    /// # Errors
    ///
    /// As the group's coordinator says: `GROUP_SUBSCRIBED_TO_TOPIC` while a member reads the topic.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        places: &[Place],
    ) -> Result<(), ClientError> {
        self.retried(|| self.delete_offsets_once(group, places))
            .await
    }

    async fn delete_offsets_once(&self, group: &str, places: &[Place]) -> Result<(), ClientError> {
        let connection = self.coordinator(group).await?;
        let mut topics: BTreeMap<&str, OffsetDeleteRequestTopic> = BTreeMap::new();
        for (topic, partition) in places {
            let fresh = || OffsetDeleteRequestTopic {
                name: topic.to_string(),
                partitions: Vec::new(),
            };
            let partition = OffsetDeleteRequestPartition {
                partition_index: *partition,
            };
            topics
                .entry(topic)
                .or_insert_with(fresh)
                .partitions
                .push(partition);
        }
        let request = OffsetDeleteRequest {
            group_id: group.to_owned(),
            topics: topics.into_values().collect(),
        };
        let answer = connection.call(&request).await?;
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let mut codes = std::iter::once(answer.error_code)
            .chain(partitions.map(|partition| partition.error_code));
        codes.find(|code| !code.is_ok()).map_or(Ok(()), |code| {
            Err(refused("cannot delete offsets of", group, code))
        })
    }
}

fn committed(answer: OffsetFetchResponse) -> Result<BTreeMap<Place, CommittedOffset>, ErrorCode> {
    answer.error_code.ok()?;
    let mut found = BTreeMap::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            partition.error_code.ok()?;
            let place = (Arc::clone(&name), partition.partition_index);
            let (offset, epoch) = (partition.committed_offset, partition.committed_leader_epoch);
            insert(&mut found, place, offset, epoch, partition.metadata);
        }
    }
    for group in answer.groups {
        group.error_code.ok()?;
        for topic in group.topics {
            let name: Arc<str> = topic.name.into();
            for partition in topic.partitions {
                partition.error_code.ok()?;
                let place = (Arc::clone(&name), partition.partition_index);
                let (offset, epoch) =
                    (partition.committed_offset, partition.committed_leader_epoch);
                insert(&mut found, place, offset, epoch, partition.metadata);
            }
        }
    }
    Ok(found)
}

fn insert(
    found: &mut BTreeMap<Place, CommittedOffset>,
    place: Place,
    offset: i64,
    leader_epoch: i32,
    metadata: Option<String>,
) {
    if offset >= 0 {
        let committed = CommittedOffset {
            offset,
            leader_epoch: (leader_epoch >= 0).then_some(leader_epoch),
            metadata: metadata.unwrap_or_default(),
        };
        found.insert(place, committed);
    }
}
