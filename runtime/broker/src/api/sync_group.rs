//! SyncGroup (14): the leader hands out assignments, everyone fetches their own.
//!
//! From version 5 on the protocol type and name are told, and must be.

use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{SyncGroupRequest, SyncGroupResponse};

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::group::{MemberRef, SyncAnswer, SyncRequest};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: SyncGroupRequest,
) -> SyncGroupResponse {
    if version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        return response(SyncAnswer::refused(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
    }
    let groups = match GroupCoordinator::ready(ctx.core).await {
        Ok(groups) => groups,
        // The group as it was cannot be told yet: the member joins again, and waits there.
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => {
            return response(SyncAnswer::refused(ErrorCode::REBALANCE_IN_PROGRESS));
        }
        Err(error) => return response(SyncAnswer::refused(error)),
    };
    let group_id = request.group_id;
    let request = SyncRequest {
        member: MemberRef {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
        },
        generation: request.generation_id,
        protocol_type: request.protocol_type,
        protocol: request.protocol_name,
        assignments: request
            .assignments
            .into_iter()
            // What is kept must not hold on to the buffer of the whole request.
            .map(|part| (part.member_id, Bytes::copy_from_slice(&part.assignment)))
            .collect(),
    };
    response(groups.sync(&group_id, request).await)
}

fn response(answer: SyncAnswer) -> SyncGroupResponse {
    SyncGroupResponse {
        error_code: answer.outcome.err().unwrap_or_default(),
        protocol_type: answer.protocol_type,
        protocol_name: answer.protocol,
        assignment: answer.assignment,
        ..Default::default()
    }
}
