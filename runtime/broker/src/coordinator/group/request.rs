//! What members ask of a group.
//!
//! These are the requests of the wire without their versions: what an old version lacks or means otherwise is said by
//! a flag, so that the state machine knows nothing of versions.

use std::collections::BTreeMap;

use bytes::Bytes;

/// A way of sharing work that a member offers, with what the leader must know for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    pub(crate) metadata: Bytes,
}

/// JoinGroup.
#[derive(Clone, Debug)]
pub(crate) struct JoinRequest {
    /// Empty for a member that has no id yet.
    pub(crate) member_id: String,
    /// Set for a static member.
    pub(crate) instance_id: Option<String>,
    /// The random part of an id, should this join need a new one.
    pub(crate) fresh: String,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout_ms: i32,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) protocol_type: String,
    /// In the member's order of preference.
    pub(crate) protocols: Vec<Protocol>,
    /// A new dynamic member is given its id first and joins by a second request (version 4 and above).
    pub(crate) two_phase: bool,
    /// The leader understands that it may keep its assignment (version 9 and above).
    pub(crate) can_skip_assignment: bool,
}

/// SyncGroup.
#[derive(Clone, Debug)]
pub(crate) struct SyncRequest {
    pub(crate) member: MemberRef,
    pub(crate) generation: i32,
    /// `None` where the version has no such field.
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    /// What the leader gave to each member id; empty for followers.
    pub(crate) assignments: BTreeMap<String, Bytes>,
}

/// How a request names the member that sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberRef {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
}

/// OffsetCommit for one group: who commits and what.
#[derive(Clone, Debug)]
pub(crate) struct CommitRequest {
    pub(crate) member: MemberRef,
    /// -1 for a client that uses the group only to keep offsets.
    pub(crate) generation: i32,
    /// How long to keep these offsets, where the client says so (versions 2 to 4).
    pub(crate) retention_ms: Option<i64>,
    pub(crate) offsets: Vec<CommitOffset>,
}

/// One offset of a commit.
#[derive(Clone, Debug)]
pub(crate) struct CommitOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}
