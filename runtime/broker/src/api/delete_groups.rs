//! DeleteGroups (42): groups without members go, with their offsets.

use millrace_wire::messages::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let groups = GroupCoordinator::ready(ctx.core).await;
    let mut response = DeleteGroupsResponse::default();
    for group_id in request.groups_names {
        let outcome = match groups {
            Ok(groups) => groups.delete_group(&group_id).await,
            Err(error) => Err(error),
        };
        response.results.push(DeletableGroupResult {
            group_id,
            error_code: outcome.err().unwrap_or_default(),
        });
    }
    response
}
