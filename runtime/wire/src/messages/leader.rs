//! Structs that Produce and Fetch answers share: where a partition's leader is.

use super::macros::structs;

structs! {
    /// A partition's leader.
    struct LeaderIdAndEpoch {
        /// Node id of the leader, -1 where it is unknown.
        leader_id: i32 = -1,
        /// Epoch of the leader, -1 where it is unknown.
        leader_epoch: i32 = -1,
    }

    /// Where a node listens.
    struct NodeEndpoint {
        /// The node's id.
        node_id: i32,
        /// The node's host name or address.
        host: String,
        /// The node's port.
        port: i32,
        /// The node's rack, if it has one.
        rack: Option<String>,
    }
}
