//! JoinGroup (11): asks to be a member of a group's next generation. Version 5 brought static members.

use bytes::Bytes;

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    JoinGroup(0-9, flexible 6+): JoinGroupRequest => JoinGroupResponse;

    /// Who wants to join.
    struct JoinGroupRequest {
        /// The group.
        group_id: String,
        /// How long the member may be silent, in milliseconds.
        session_timeout_ms: i32,
        /// How long a rebalance waits for the member, in milliseconds.
        rebalance_timeout_ms: i32 [1+] = -1,
        /// The member, empty at its first request.
        member_id: String,
        /// The member's static name.
        group_instance_id: Option<String> [5+],
        /// What kind of group it is: `consumer`, `connect`, ...
        protocol_type: String,
        /// The protocols the member supports, the one it likes best first.
        protocols: Vec<JoinGroupRequestProtocol>,
        /// Why the member joins.
        reason: Option<String> [8+],
    }

    /// A protocol that a member supports.
    struct JoinGroupRequestProtocol {
        /// Its name.
        name: String,
        /// What the member tells the group's leader in it.
        metadata: Bytes,
    }

    /// The generation joined.
    struct JoinGroupResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [2+],
        /// What went wrong.
        error_code: ErrorCode,
        /// The generation, -1 on error.
        generation_id: i32 = -1,
        /// What kind of group it is.
        protocol_type: Option<String> [7+],
        /// The protocol chosen.
        protocol_name: Option<String> [0+, nullable 7+],
        /// The leader's member id.
        leader: String,
        /// Whether the leader must keep the assignment there is.
        skip_assignment: bool [9+],
        /// The member's id.
        member_id: String,
        /// The members; empty but for the leader.
        members: Vec<JoinGroupResponseMember>,
    }

    /// A member as its leader sees it.
    struct JoinGroupResponseMember {
        /// The member's id.
        member_id: String,
        /// Its static name.
        group_instance_id: Option<String> [5+],
        /// What it says in the protocol chosen.
        metadata: Bytes,
    }
}
