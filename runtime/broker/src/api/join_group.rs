//! JoinGroup (11): becoming, or staying, a member of a group. The answer waits for the others.
//!
//! Version 1 brought the rebalance timeout, 4 the second trip for new members, 5 static members, 7 a protocol name
//! that may be null, 9 the assignment that the leader may keep.

use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use millrace_wire::uuid::Uuid;

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::group::{JoinAnswer, JoinRequest, Protocol};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let member_id = request.member_id.clone();
    let groups = match GroupCoordinator::ready(ctx.core).await {
        Ok(groups) => groups,
        Err(error) => return response(version, JoinAnswer::refused(&member_id, error)),
    };
    let Ok(fresh) = Uuid::random() else {
        let refused = JoinAnswer::refused(&member_id, ErrorCode::UNKNOWN_SERVER_ERROR);
        return response(version, refused);
    };
    let group_id = request.group_id.clone();
    let request = JoinRequest {
        member_id,
        fresh: fresh.to_hyphenated(),
        client_id: ctx.client_id().to_owned(),
        client_host: ctx.connection.client_host.clone(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: match version {
            0 => request.session_timeout_ms,
            _ => request.rebalance_timeout_ms,
        },
        instance_id: request.group_instance_id,
        protocol_type: request.protocol_type,
        protocols: request
            .protocols
            .into_iter()
            .map(|protocol| Protocol {
                name: protocol.name,
                // What is kept must not hold on to the buffer of the whole request.
                metadata: Bytes::copy_from_slice(&protocol.metadata),
            })
            .collect(),
        two_phase: version >= 4,
        can_skip_assignment: version >= 9,
    };
    response(version, groups.join(&group_id, request).await)
}

fn response(version: i16, answer: JoinAnswer) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: answer.outcome.err().unwrap_or_default(),
        generation_id: answer.generation,
        protocol_type: answer.protocol_type,
        protocol_name: match answer.protocol {
            None if version < 7 => Some(String::new()),
            protocol => protocol,
        },
        leader: answer.leader,
        skip_assignment: answer.skip_assignment,
        member_id: answer.member_id,
        members: answer
            .members
            .into_iter()
            .map(|member| JoinGroupResponseMember {
                member_id: member.member_id,
                group_instance_id: member.instance_id,
                metadata: member.metadata,
            })
            .collect(),
        ..Default::default()
    }
}
