//! ListGroups (16): the groups of the broker, by state and type.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    ListGroups(0-5, flexible 3+): ListGroupsRequest => ListGroupsResponse;

    /// Which groups are asked for.
    struct ListGroupsRequest {
        /// Names of states; empty asks for all.
        states_filter: Vec<String> [4+],
        /// Names of types; empty asks for all.
        types_filter: Vec<String> [5+],
    }

    /// The groups.
    struct ListGroupsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// What went wrong.
        error_code: ErrorCode,
        /// The groups.
        groups: Vec<ListedGroup>,
    }

    /// A group.
    struct ListedGroup {
        /// The group.
        group_id: String,
        /// What kind of group it is.
        protocol_type: String,
        /// Name of its state.
        group_state: String [4+],
        /// Name of its type.
        group_type: String [5+],
    }
}
