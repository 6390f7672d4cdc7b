//! Heartbeat (12): keeps a member's session alive and tells it of rebalances.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    Heartbeat(0-4, flexible 4+): HeartbeatRequest => HeartbeatResponse;

    /// Who is alive.
    struct HeartbeatRequest {
        /// The group.
        group_id: String,
        /// The generation the member knows.
        generation_id: i32,
        /// The member.
        member_id: String,
        /// The member's static name.
        group_instance_id: Option<String> [3+],
    }

    /// How the group is.
    struct HeartbeatResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// What the member must do, if anything.
        error_code: ErrorCode,
    }
}
