//! LeaveGroup (13): members go. Up to version 2 one member, with the error at the top; then several, each with its own.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::group::MemberRef;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    let leaving = leaving(version, &request);
    let outcomes = match GroupCoordinator::ready(ctx.core).await {
        Ok(groups) => groups.leave(&request.group_id, &leaving).await,
        Err(error) => Err(error),
    };
    match outcomes {
        Err(error) => failed(error),
        Ok(outcomes) if version < 3 => {
            let outcome = outcomes.into_iter().next().unwrap_or(Ok(()));
            failed(outcome.err().unwrap_or_default())
        }
        Ok(outcomes) => LeaveGroupResponse {
            members: leaving
                .into_iter()
                .zip(outcomes)
                .map(|(member, outcome)| MemberResponse {
                    member_id: member.member_id,
                    group_instance_id: member.instance_id,
                    error_code: outcome.err().unwrap_or_default(),
                })
                .collect(),
            ..Default::default()
        },
    }
}

fn leaving(version: i16, request: &LeaveGroupRequest) -> Vec<MemberRef> {
    if version < 3 {
        return vec![MemberRef {
            member_id: request.member_id.clone(),
            instance_id: None,
        }];
    }
    request
        .members
        .iter()
        .map(|member| MemberRef {
            member_id: member.member_id.clone(),
            instance_id: member.group_instance_id.clone(),
        })
        .collect()
}

fn failed(error_code: ErrorCode) -> LeaveGroupResponse {
    LeaveGroupResponse {
        error_code,
        ..Default::default()
    }
}
