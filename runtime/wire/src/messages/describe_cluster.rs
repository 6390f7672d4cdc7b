//! DescribeCluster (60): the cluster's id, its nodes, and which of them is the controller.

use super::macros::api;
use crate::error_code::ErrorCode;

/// Asks for the nodes that serve clients.
pub const ENDPOINT_BROKERS: i8 = 1;

api! {
    DescribeCluster(0-2, flexible 0+): DescribeClusterRequest => DescribeClusterResponse;

    /// What is asked.
    struct DescribeClusterRequest {
        /// Whether to say what the client may do with the cluster.
        include_cluster_authorized_operations: bool,
        /// Which nodes: [`ENDPOINT_BROKERS`], or 2 for controllers.
        endpoint_type: i8 [1+] = ENDPOINT_BROKERS,
        /// Whether to list nodes that are fenced.
        include_fenced_brokers: bool [2+],
    }

    /// The cluster.
    struct DescribeClusterResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
        /// Which nodes are listed.
        endpoint_type: i8 [1+] = ENDPOINT_BROKERS,
        /// The cluster's id.
        cluster_id: String,
        /// The controller's id, -1 where there is none.
        controller_id: i32 = -1,
        /// The nodes.
        brokers: Vec<DescribeClusterBroker>,
        /// What the client may do with the cluster, a bit an operation; `i32::MIN` where it was not asked.
        cluster_authorized_operations: i32 = i32::MIN,
    }

    /// A node.
    struct DescribeClusterBroker {
        /// Its id.
        broker_id: i32,
        /// Its host.
        host: String,
        /// Its port.
        port: i32,
        /// Its rack.
        rack: Option<String>,
        /// Whether it is fenced.
        is_fenced: bool [2+],
    }
}
