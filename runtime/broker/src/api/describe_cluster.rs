//! DescribeCluster (60): the cluster's id and its one node.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::describe_cluster::ENDPOINT_BROKERS;
use millrace_wire::messages::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

use super::operations;
use crate::call::Ctx;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    if request.endpoint_type != ENDPOINT_BROKERS {
        return DescribeClusterResponse {
            error_code: ErrorCode::MISMATCHED_ENDPOINT_TYPE,
            error_message: Some(format!(
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type {}",
                request.endpoint_type
            )),
            endpoint_type: request.endpoint_type,
            ..Default::default()
        };
    }
    let node_id = ctx.core.config.node_id;
    let endpoint = &ctx.connection.advertised;
    DescribeClusterResponse {
        cluster_id: ctx.core.cluster_id.clone(),
        controller_id: node_id,
        brokers: vec![DescribeClusterBroker {
            broker_id: node_id,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack: None,
            is_fenced: false,
        }],
        cluster_authorized_operations: operations::of(
            operations::CLUSTER,
            request.include_cluster_authorized_operations,
        ),
        ..Default::default()
    }
}
