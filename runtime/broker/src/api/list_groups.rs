//! ListGroups (16): every group, with its state from version 4 and its type from version 5 on. Filters ignore case; a
//! value that is no state or type matches nothing.

use millrace_wire::messages::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;

/// The only type of group here.
const CLASSIC: &str = "classic";

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    let listed = GroupCoordinator::ready(ctx.core)
        .await
        .and_then(GroupCoordinator::list);
    let error_code = listed.as_ref().err().copied().unwrap_or_default();
    let groups = listed
        .unwrap_or_default()
        .into_iter()
        .filter(|group| passes(&request.states_filter, group.state))
        .filter(|_| passes(&request.types_filter, CLASSIC))
        .map(|group| ListedGroup {
            group_id: group.group_id,
            protocol_type: group.protocol_type,
            group_state: group.state.to_owned(),
            group_type: CLASSIC.to_owned(),
        });
    ListGroupsResponse {
        error_code,
        groups: groups.collect(),
        ..Default::default()
    }
}

/// An empty filter lets everything pass.
fn passes(filter: &[String], value: &str) -> bool {
    filter.is_empty()
        || filter
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(value))
}
