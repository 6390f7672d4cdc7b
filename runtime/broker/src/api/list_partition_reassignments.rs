//! ListPartitionReassignments (46): where there is one node, no partition is on its way to another.

use millrace_wire::messages::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use crate::call::Ctx;

pub(crate) async fn handle(
    _ctx: &Ctx<'_>,
    _version: i16,
    _request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default()
}
