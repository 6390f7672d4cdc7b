//! DescribeGroups (15): the state and members of groups.

use bytes::Bytes;

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    DescribeGroups(0-6, flexible 5+): DescribeGroupsRequest => DescribeGroupsResponse;

    /// Groups asked about.
    struct DescribeGroupsRequest {
        /// The groups.
        groups: Vec<String>,
        /// Whether to say what the client may do with each.
        include_authorized_operations: bool [3+],
    }

    /// The groups.
    struct DescribeGroupsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// The groups, as asked.
        groups: Vec<DescribedGroup>,
    }

    /// A group.
    struct DescribedGroup {
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String> [6+],
        /// The group.
        group_id: String,
        /// Name of its state.
        group_state: String,
        /// What kind of group it is.
        protocol_type: String,
        /// The protocol chosen.
        protocol_data: String,
        /// The members.
        members: Vec<DescribedGroupMember>,
        /// What the client may do with the group, a bit an operation; `i32::MIN` where it was not asked.
        authorized_operations: i32 [3+] = i32::MIN,
    }

    /// A member.
    struct DescribedGroupMember {
        /// The member's id.
        member_id: String,
        /// Its static name.
        group_instance_id: Option<String> [4+],
        /// The client's name for itself.
        client_id: String,
        /// The client's address.
        client_host: String,
        /// What it says in the protocol chosen.
        member_metadata: Bytes,
        /// What it was assigned.
        member_assignment: Bytes,
    }
}
