//! DescribeGroups (15): state and members of groups. A group that does not exist is "Dead"; from version 6 on it is an
//! error too.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

use super::operations;
use crate::call::Ctx;
use crate::coordinator::{GroupCoordinator, GroupView};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let groups = GroupCoordinator::ready(ctx.core).await;
    let operations = operations::of(operations::GROUP, request.include_authorized_operations);
    let described = request.groups.into_iter().map(|group_id| {
        let view = groups.and_then(|groups| groups.describe(&group_id));
        DescribedGroup {
            authorized_operations: operations,
            ..match view {
                Ok(Some(view)) => described(group_id, view),
                Ok(None) => missing(version, group_id),
                Err(error_code) => DescribedGroup {
                    error_code,
                    group_id,
                    ..Default::default()
                },
            }
        }
    });
    DescribeGroupsResponse {
        groups: described.collect(),
        ..Default::default()
    }
}

fn described(group_id: String, view: GroupView) -> DescribedGroup {
    DescribedGroup {
        group_id,
        group_state: view.state.to_owned(),
        protocol_type: view.protocol_type,
        protocol_data: view.protocol,
        members: view
            .members
            .into_iter()
            .map(|member| DescribedGroupMember {
                member_id: member.member_id,
                group_instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                member_metadata: member.metadata,
                member_assignment: member.assignment,
            })
            .collect(),
        ..Default::default()
    }
}

fn missing(version: i16, group_id: String) -> DescribedGroup {
    let error = (version >= 6).then_some(ErrorCode::GROUP_ID_NOT_FOUND);
    DescribedGroup {
        error_code: error.unwrap_or_default(),
        error_message: error.map(|_| format!("Group {group_id} not found.")),
        group_id,
        group_state: "Dead".to_owned(),
        ..Default::default()
    }
}
