//! Requests about groups and their members.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::*;

use super::Refuse;

/// From this version on FindCoordinator asks for several keys.
const COORDINATOR_KEYS_FROM: i16 = 4;

impl Refuse for FindCoordinatorRequest {
    fn refuse(self, version: i16, error_code: ErrorCode) -> Option<FindCoordinatorResponse> {
        if version < COORDINATOR_KEYS_FROM {
            return Some(FindCoordinatorResponse {
                error_code,
                node_id: -1,
                port: -1,
                ..Default::default()
            });
        }
        let coordinators = self.coordinator_keys.into_iter().map(|key| Coordinator {
            key,
            node_id: -1,
            port: -1,
            error_code,
            ..Default::default()
        });
        Some(FindCoordinatorResponse {
            coordinators: coordinators.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for JoinGroupRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<JoinGroupResponse> {
        Some(JoinGroupResponse {
            error_code,
            // Versions below 7 cannot say null.
            protocol_name: Some(String::new()),
            member_id: self.member_id,
            ..Default::default()
        })
    }
}

impl Refuse for SyncGroupRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<SyncGroupResponse> {
        Some(SyncGroupResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for HeartbeatRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<HeartbeatResponse> {
        Some(HeartbeatResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for LeaveGroupRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<LeaveGroupResponse> {
        Some(LeaveGroupResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for ListGroupsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<ListGroupsResponse> {
        Some(ListGroupsResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for DescribeGroupsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<DescribeGroupsResponse> {
        let groups = self.groups.into_iter().map(|group_id| DescribedGroup {
            error_code,
            group_id,
            ..Default::default()
        });
        Some(DescribeGroupsResponse {
            groups: groups.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for DeleteGroupsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<DeleteGroupsResponse> {
        let results = self
            .groups_names
            .into_iter()
            .map(|group_id| DeletableGroupResult {
                group_id,
                error_code,
            });
        Some(DeleteGroupsResponse {
            results: results.collect(),
            ..Default::default()
        })
    }
}
