//! LeaveGroup (13): takes members out of a group. Version 3 takes several at once.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    LeaveGroup(0-5, flexible 4+): LeaveGroupRequest => LeaveGroupResponse;

    /// Who leaves.
    struct LeaveGroupRequest {
        /// The group.
        group_id: String,
        /// The member.
        member_id: String [0-2],
        /// The members.
        members: Vec<MemberIdentity> [3+],
    }

    /// A member that leaves.
    struct MemberIdentity {
        /// The member's id; empty where it is removed by its static name.
        member_id: String,
        /// Its static name.
        group_instance_id: Option<String>,
        /// Why it leaves.
        reason: Option<String> [5+],
    }

    /// What became of each.
    struct LeaveGroupResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// What went wrong.
        error_code: ErrorCode,
        /// The members, as asked.
        members: Vec<MemberResponse> [3+],
    }

    /// What became of one member.
    struct MemberResponse {
        /// The member's id.
        member_id: String,
        /// Its static name.
        group_instance_id: Option<String>,
        /// What went wrong.
        error_code: ErrorCode,
    }
}
