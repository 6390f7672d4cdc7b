//! What clients may look at: groups, their members, their offsets.

use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;

use super::GroupCoordinator;
use crate::coordinator::group::{Group, State};

/// A row of ListGroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupListing {
    pub(crate) group_id: String,
    pub(crate) protocol_type: String,
    pub(crate) state: &'static str,
}

/// A group as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupView {
    pub(crate) state: &'static str,
    pub(crate) protocol_type: String,
    /// Empty unless a protocol is in use.
    pub(crate) protocol: String,
    pub(crate) members: Vec<MemberView>,
}

/// A member as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberView {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    /// Empty while the group rebalances.
    pub(crate) metadata: Bytes,
    /// Empty while the group rebalances.
    pub(crate) assignment: Bytes,
}

/// An offset as OffsetFetch shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

impl CommittedOffset {
    /// What is said of a partition for which nothing is committed.
    pub(crate) fn none() -> CommittedOffset {
        CommittedOffset {
            offset: -1,
            leader_epoch: -1,
            metadata: String::new(),
        }
    }
}

impl GroupCoordinator {
    /// Every group, by partition and then by id.
    pub(crate) fn list(&self) -> Result<Vec<GroupListing>, ErrorCode> {
        if !self.is_loaded() {
            return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        }
        let mut listings = Vec::new();
        for shard in self.shards() {
            listings.extend(shard.lock().iter().map(|group| GroupListing {
                group_id: group.id().to_owned(),
                protocol_type: group.protocol_type().to_owned(),
                state: group.state().name(),
            }));
        }
        Ok(listings)
    }

    /// One group; `None` if it does not exist.
    pub(crate) fn describe(&self, group: &str) -> Result<Option<GroupView>, ErrorCode> {
        let groups = self.shard(group)?.lock();
        Ok(groups.get(group).map(GroupView::of))
    }

    /// The offset committed for each partition, in the order asked; one that has none has [`CommittedOffset::none`].
    pub(crate) fn committed(
        &self,
        group: &str,
        topic: &str,
        partitions: &[i32],
    ) -> Result<Vec<CommittedOffset>, ErrorCode> {
        let groups = self.shard(group)?.lock();
        let offsets = groups.get(group).map(Group::offsets);
        Ok(partitions
            .iter()
            .map(|&partition| {
                let value = offsets.and_then(|offsets| offsets.get(topic, partition));
                value.map_or_else(CommittedOffset::none, |value| CommittedOffset {
                    offset: value.offset,
                    leader_epoch: value.leader_epoch,
                    metadata: value.metadata.clone(),
                })
            })
            .collect())
    }

    /// The topics and partitions for which the group has committed offsets.
    pub(crate) fn committed_partitions(
        &self,
        group: &str,
    ) -> Result<Vec<(String, Vec<i32>)>, ErrorCode> {
        let groups = self.shard(group)?.lock();
        Ok(groups.get(group).map_or_else(Vec::new, |group| {
            group
                .offsets()
                .topics()
                .map(|(topic, partitions)| (topic.to_owned(), partitions.keys().copied().collect()))
                .collect()
        }))
    }
}

impl GroupView {
    fn of(group: &Group) -> GroupView {
        let stable = group.state() == State::Stable;
        let protocol = group.protocol().filter(|_| stable);
        GroupView {
            state: group.state().name(),
            protocol_type: group.protocol_type().to_owned(),
            protocol: protocol.unwrap_or_default().to_owned(),
            members: group
                .members()
                .map(|member| MemberView {
                    member_id: member.id.clone(),
                    instance_id: member.instance_id.clone(),
                    client_id: member.client_id.clone(),
                    client_host: member.client_host.clone(),
                    metadata: protocol
                        .map(|name| member.metadata(name))
                        .unwrap_or_default(),
                    assignment: if stable {
                        member.assignment.clone()
                    } else {
                        Bytes::new()
                    },
                })
                .collect(),
        }
    }
}
