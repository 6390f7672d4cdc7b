//! Metadata (3): the nodes, topics and partitions of the cluster. Version 10 brought topic ids.

use super::macros::api;
use crate::error_code::ErrorCode;
use crate::uuid::Uuid;

api! {
    Metadata(0-13, flexible 9+): MetadataRequest => MetadataResponse;

    /// Topics asked about.
    struct MetadataRequest {
        /// The topics; null asks for all, in version 0 an empty list does.
        topics: Option<Vec<MetadataRequestTopic>> [0+, nullable 1+],
        /// Whether topics that do not exist may be created.
        allow_auto_topic_creation: bool [4+] = true,
        /// Whether to say what the client may do with the cluster.
        include_cluster_authorized_operations: bool [8-10],
        /// Whether to say what the client may do with each topic.
        include_topic_authorized_operations: bool [8+],
    }

    /// A topic asked about.
    struct MetadataRequestTopic {
        /// The topic's id, zero where it is asked for by name.
        topic_id: Uuid [10+],
        /// The topic's name, null where it is asked for by id.
        name: Option<String> [0+, nullable 10+],
    }

    /// What the cluster looks like.
    struct MetadataResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [3+],
        /// The nodes.
        brokers: Vec<MetadataResponseBroker>,
        /// The cluster's id.
        cluster_id: Option<String> [2+],
        /// Node id of the controller.
        controller_id: i32 [1+] = -1,
        /// The topics.
        topics: Vec<MetadataResponseTopic>,
        /// What the client may do with the cluster, a bit an operation; `i32::MIN` where it was not asked.
        cluster_authorized_operations: i32 [8-10] = i32::MIN,
        /// What went wrong.
        error_code: ErrorCode [13+],
    }

    /// A node.
    struct MetadataResponseBroker {
        /// The node's id.
        node_id: i32,
        /// Its host name or address.
        host: String,
        /// Its port.
        port: i32,
        /// Its rack, if it has one.
        rack: Option<String> [1+],
    }

    /// A topic.
    struct MetadataResponseTopic {
        /// What went wrong.
        error_code: ErrorCode,
        /// The topic's name; null for an unknown one asked for by id.
        name: Option<String> [0+, nullable 12+],
        /// The topic's id.
        topic_id: Uuid [10+],
        /// Whether the broker keeps its own state in the topic.
        is_internal: bool [1+],
        /// The partitions.
        partitions: Vec<MetadataResponsePartition>,
        /// What the client may do with the topic, a bit an operation; `i32::MIN` where it was not asked.
        topic_authorized_operations: i32 [8+] = i32::MIN,
    }

    /// A partition.
    struct MetadataResponsePartition {
        /// What went wrong.
        error_code: ErrorCode,
        /// The partition.
        partition_index: i32,
        /// Node id of the leader.
        leader_id: i32,
        /// The leader's epoch.
        leader_epoch: i32 [7+] = -1,
        /// The nodes that hold the partition.
        replica_nodes: Vec<i32>,
        /// Those of them that have all of it.
        isr_nodes: Vec<i32>,
        /// Those of them that are away.
        offline_replicas: Vec<i32> [5+],
    }
}
