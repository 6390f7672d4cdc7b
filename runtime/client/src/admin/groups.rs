//! Groups and their committed offsets.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DeleteGroupsRequest, ListGroupsRequest, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetDeleteRequest, OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse,
};

use super::Admin;
use crate::error::ClientError;

/// From this version on a request may name several groups, in a list of another shape.
const MANY_GROUPS_FROM: i16 = 8;

/// A group that a broker looks after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// What its members speak: `consumer`, `connect`; empty where only offsets are kept.
    pub protocol_type: String,
}

/// How far a group has read a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// What the committer wanted to have kept with it.
    pub metadata: String,
}

impl Admin {
    /// The groups of all nodes, by id.
    ///
    /// # Errors
    ///
    /// Where a node does not answer.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        let mut groups = self.retried(|| self.list_groups_once()).await?;
        groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        Ok(groups)
    }

    async fn list_groups_once(&self) -> Result<Vec<GroupListing>, ClientError> {
        let metadata = self.cluster().refresh(&[]).await?;
        let mut groups = Vec::new();
        for node in metadata.nodes.keys() {
            let connection = self.lane.connection(*node).await?;
            let answer = connection.call(&ListGroupsRequest::default()).await?;
            answer
                .error_code
                .ok()
                .map_err(|code| ClientError::refused("cannot list groups", code, None))?;
            groups.extend(answer.groups.into_iter().map(|group| GroupListing {
                group_id: group.group_id,
                protocol_type: group.protocol_type,
            }));
        }
        Ok(groups)
    }

    /// All offsets that a group has committed.
    ///
    /// # Errors
    ///
    /// As the group's coordinator says.
    pub async fn group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<(Arc<str>, i32), CommittedOffset>, ClientError> {
        self.retried(|| self.group_offsets_once(group)).await
    }

    async fn group_offsets_once(
        &self,
        group: &str,
    ) -> Result<BTreeMap<(Arc<str>, i32), CommittedOffset>, ClientError> {
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
        offsets: &BTreeMap<(Arc<str>, i32), i64>,
    ) -> Result<(), ClientError> {
        self.retried(|| self.alter_once(group, offsets)).await
    }

    async fn alter_once(
        &self,
        group: &str,
        offsets: &BTreeMap<(Arc<str>, i32), i64>,
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
        places: &[(Arc<str>, i32)],
    ) -> Result<(), ClientError> {
        self.retried(|| self.delete_offsets_once(group, places))
            .await
    }

    async fn delete_offsets_once(
        &self,
        group: &str,
        places: &[(Arc<str>, i32)],
    ) -> Result<(), ClientError> {
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

    /// Deletes a group that has no members, with its offsets.
    ///
    /// # Errors
    ///
    /// As the group's coordinator says: `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND`.
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        self.retried(|| self.delete_group_once(group)).await
    }

    async fn delete_group_once(&self, group: &str) -> Result<(), ClientError> {
        let connection = self.coordinator(group).await?;
        let answer = connection
            .call(&DeleteGroupsRequest {
                groups_names: vec![group.to_owned()],
            })
            .await?;
        let code = answer
            .results
            .first()
            .map_or(ErrorCode::NONE, |result| result.error_code);
        code.ok()
            .map_err(|code| refused("cannot delete", group, code))
    }
}

fn committed(
    answer: OffsetFetchResponse,
) -> Result<BTreeMap<(Arc<str>, i32), CommittedOffset>, ErrorCode> {
    answer.error_code.ok()?;
    let mut found = BTreeMap::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            partition.error_code.ok()?;
            let place = (Arc::clone(&name), partition.partition_index);
            insert(
                &mut found,
                place,
                partition.committed_offset,
                partition.metadata,
            );
        }
    }
    for group in answer.groups {
        group.error_code.ok()?;
        for topic in group.topics {
            let name: Arc<str> = topic.name.into();
            for partition in topic.partitions {
                partition.error_code.ok()?;
                let place = (Arc::clone(&name), partition.partition_index);
                insert(
                    &mut found,
                    place,
                    partition.committed_offset,
                    partition.metadata,
                );
            }
        }
    }
    Ok(found)
}

fn insert(
    found: &mut BTreeMap<(Arc<str>, i32), CommittedOffset>,
    place: (Arc<str>, i32),
    offset: i64,
    metadata: Option<String>,
) {
    if offset >= 0 {
        found.insert(
            place,
            CommittedOffset {
                offset,
                metadata: metadata.unwrap_or_default(),
            },
        );
    }
}

fn refused(doing: &str, group: &str, code: ErrorCode) -> ClientError {
    ClientError::refused(format!("{doing} group {group}"), code, None)
}
