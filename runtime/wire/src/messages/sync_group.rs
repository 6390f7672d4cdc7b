//! SyncGroup (14): the leader hands out assignments, the members wait for theirs.

use bytes::Bytes;

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    SyncGroup(0-5, flexible 4+): SyncGroupRequest => SyncGroupResponse;

    /// Who waits, and from the leader who gets what.
    struct SyncGroupRequest {
        /// The group.
        group_id: String,
        /// The generation joined.
        generation_id: i32,
        /// The member.
        member_id: String,
        /// The member's static name.
        group_instance_id: Option<String> [3+],
        /// What kind of group it is.
        protocol_type: Option<String> [5+],
        /// The protocol chosen.
        protocol_name: Option<String> [5+],
        /// The assignments; empty but from the leader.
        assignments: Vec<SyncGroupRequestAssignment>,
    }

    /// What one member gets.
    struct SyncGroupRequestAssignment {
        /// The member.
        member_id: String,
        /// Its assignment, in the group's protocol.
        assignment: Bytes,
    }

    /// What the member got.
    struct SyncGroupResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// What went wrong.
        error_code: ErrorCode,
        /// What kind of group it is.
        protocol_type: Option<String> [5+],
        /// The protocol chosen.
        protocol_name: Option<String> [5+],
        /// The assignment, in the group's protocol.
        assignment: Bytes,
    }
}
