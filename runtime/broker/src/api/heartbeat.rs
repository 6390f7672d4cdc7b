//! Heartbeat (12): a member is alive, and hears whether it has to rejoin.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::group::MemberRef;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let member = MemberRef {
        member_id: request.member_id,
        instance_id: request.group_instance_id,
    };
    let outcome = match GroupCoordinator::ready(ctx.core).await {
        Ok(groups) => groups.heartbeat(&request.group_id, &member, request.generation_id),
        // Until the groups are read back every member is alive, as far as anyone knows.
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => Ok(()),
        Err(error) => Err(error),
    };
    HeartbeatResponse {
        error_code: outcome.err().unwrap_or_default(),
        ..Default::default()
    }
}
