//! DeleteGroups (42): deletes groups without members, with their offsets.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    DeleteGroups(0-2, flexible 2+): DeleteGroupsRequest => DeleteGroupsResponse;

    /// Groups to delete.
    struct DeleteGroupsRequest {
        /// The groups.
        groups_names: Vec<String>,
    }

    /// What became of each.
    struct DeleteGroupsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The groups, as asked.
        results: Vec<DeletableGroupResult>,
    }

    /// What became of one group.
    struct DeletableGroupResult {
        /// The group.
        group_id: String,
        /// What went wrong.
        error_code: ErrorCode,
    }
}
