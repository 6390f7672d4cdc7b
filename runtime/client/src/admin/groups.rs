//! Groups: which there are, their state and their members.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use millrace_wire::codec::DecodeError;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use millrace_wire::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, DescribedGroup, DescribedGroupMember,
    ListGroupsRequest,
};

use super::{Admin, Place};
use crate::cluster::Node;
use crate::error::ClientError;

/// Brokers filter by state from this version on, and tell it.
const STATES_FROM: i16 = 4;
/// Brokers filter by type from this version on, and tell it.
const TYPES_FROM: i16 = 5;
/// The state that brokers give a group that they do not know, before they had a code for it.
const DEAD: &str = "Dead";

/// Which groups are asked for; empty asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Names of states, in any case: `stable`, `empty` (Kafka 2.6).
    pub states: Vec<String>,
    /// Names of types, in any case: `classic`, `consumer` (Kafka 3.8).
    pub types: Vec<String>,
}

/// A group that a broker looks after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// What its members speak: `consumer`, `connect`; empty where only offsets are kept.
    pub protocol_type: String,
    /// Its state, where the broker tells it.
    pub state: Option<String>,
    /// Its type, `classic` or `consumer`, where the broker tells it.
    pub group_type: Option<String>,
}

/// A group with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group_id: String,
    /// Its state: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`.
    pub state: String,
    /// What its members speak: `consumer`, `connect`; empty where only offsets are kept.
    pub protocol_type: String,
    /// How the work is divided: the assignor of a consumer group; empty unless it is stable.
    pub protocol: String,
    /// The node that looks after it.
    pub coordinator: Node,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// Its `group.instance.id`, if it is a static member.
    pub instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// The address that it comes from.
    pub client_host: String,
    /// What it told the leader; empty unless the group is stable.
    pub metadata: Bytes,
    /// What the leader told it; empty unless the group is stable.
    pub assignment: Bytes,
}

impl GroupMember {
    /// The topics that a member of a consumer group subscribes to.
    ///
    /// # Errors
    ///
    /// Where what it told is not a consumer's subscription.
    pub fn subscribed_topics(&self) -> Result<Vec<String>, DecodeError> {
        if self.metadata.is_empty() {
            return Ok(Vec::new());
        }
        let (_, subscription) = ConsumerProtocolSubscription::from_bytes(self.metadata.clone())?;
        Ok(subscription.topics)
    }

    /// The partitions that a member of a consumer group reads.
    ///
    /// # Errors
    ///
    /// Where what it was told is not a consumer's assignment.
    pub fn assigned_partitions(&self) -> Result<Vec<Place>, DecodeError> {
        if self.assignment.is_empty() {
            return Ok(Vec::new());
        }
        let (_, assignment) = ConsumerProtocolAssignment::from_bytes(self.assignment.clone())?;
        let mut places = Vec::new();
        for topic in assignment.assigned_partitions {
            let name: Arc<str> = topic.topic.into();
            let numbers = topic.partitions.into_iter();
            places.extend(numbers.map(|number| (Arc::clone(&name), number)));
        }
        Ok(places)
    }
}

impl Admin {
    /// The groups of all nodes, by id.
    ///
    /// # Errors
    ///
    /// Where a node does not answer.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        self.list_groups_of(&GroupFilter::default()).await
    }

    /// The groups of all nodes that pass the filter, by id.
    ///
    /// # Errors
    ///
    /// Where a node does not answer, or cannot filter so.
    pub async fn list_groups_of(
        &self,
        filter: &GroupFilter,
    ) -> Result<Vec<GroupListing>, ClientError> {
        let mut groups = self.retried(|| self.list_groups_once(filter)).await?;
        groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        Ok(groups)
    }

    async fn list_groups_once(
        &self,
        filter: &GroupFilter,
    ) -> Result<Vec<GroupListing>, ClientError> {
        let metadata = self.cluster().refresh(&[]).await?;
        let nodes = metadata.nodes.keys();
        let asked = nodes.map(|node| self.list_groups_of_node(*node, filter));
        let mut groups = Vec::new();
        for listed in join_all(asked).await {
            groups.extend(listed?);
        }
        Ok(groups)
    }

    async fn list_groups_of_node(
        &self,
        node: i32,
        filter: &GroupFilter,
    ) -> Result<Vec<GroupListing>, ClientError> {
        let connection = self.lane.connection(node).await?;
        let needed = match filter {
            GroupFilter { types, .. } if !types.is_empty() => TYPES_FROM,
            GroupFilter { states, .. } if !states.is_empty() => STATES_FROM,
            _ => 0,
        };
        let version = connection.version_from::<ListGroupsRequest>(needed)?;
        let request = ListGroupsRequest {
            states_filter: filter.states.clone(),
            types_filter: filter.types.clone(),
        };
        let answer = connection.call_in(version, &request).await?;
        answer
            .error_code
            .ok()
            .map_err(|code| ClientError::refused("cannot list groups", code, None))?;
        let told = |text: String| (!text.is_empty()).then_some(text);
        let groups = answer.groups.into_iter().map(|group| GroupListing {
            group_id: group.group_id,
            protocol_type: group.protocol_type,
            state: told(group.group_state),
            group_type: told(group.group_type),
        });
        Ok(groups.collect())
    }

    /// A group with its members.
    ///
    /// # Errors
    ///
    /// As the group's coordinator says: `GROUP_ID_NOT_FOUND`.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        self.retried(|| self.describe_group_once(group)).await
    }

    async fn describe_group_once(&self, group: &str) -> Result<GroupDescription, ClientError> {
        let coordinator = self.lane.coordinator_of(group).await?;
        let connection = self.lane.connection(coordinator.id).await?;
        let request = DescribeGroupsRequest {
            groups: vec![group.to_owned()],
            ..DescribeGroupsRequest::default()
        };
        let mut answer = connection.call(&request).await?;
        let not_found = || refused("cannot describe", group, ErrorCode::GROUP_ID_NOT_FOUND);
        let described = answer.groups.pop().ok_or_else(not_found)?;
        if !described.error_code.is_ok() {
            let doing = format!("cannot describe group {group}");
            let (code, detail) = (described.error_code, described.error_message);
            return Err(ClientError::refused(doing, code, detail));
        }
        if described.group_state == DEAD {
            return Err(not_found());
        }
        Ok(description(described, coordinator))
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
        let request = DeleteGroupsRequest {
            groups_names: vec![group.to_owned()],
        };
        let answer = connection.call(&request).await?;
        let result = answer.results.first();
        let code = result.map_or(ErrorCode::NONE, |result| result.error_code);
        code.ok()
            .map_err(|code| refused("cannot delete", group, code))
    }
}

fn description(group: DescribedGroup, coordinator: Node) -> GroupDescription {
    GroupDescription {
        group_id: group.group_id,
        state: group.group_state,
        protocol_type: group.protocol_type,
        protocol: group.protocol_data,
        coordinator,
        members: group.members.into_iter().map(member).collect(),
    }
}

fn member(member: DescribedGroupMember) -> GroupMember {
    GroupMember {
        member_id: member.member_id,
        instance_id: member.group_instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        metadata: member.member_metadata,
        assignment: member.member_assignment,
    }
}

pub(super) fn refused(doing: &str, group: &str, code: ErrorCode) -> ClientError {
    ClientError::refused(format!("{doing} group {group}"), code, None)
}
