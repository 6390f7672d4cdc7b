//! AlterPartitionReassignments (45): moves partitions to other nodes, or calls a move off.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    AlterPartitionReassignments(0-1, flexible 0+): AlterPartitionReassignmentsRequest => AlterPartitionReassignmentsResponse;

    /// Partitions and where they are to be.
    struct AlterPartitionReassignmentsRequest {
        /// How long it may take, in milliseconds.
        timeout_ms: i32 = 60_000,
        /// Whether the number of replicas may change.
        allow_replication_factor_change: bool [1+] = true,
        /// The topics.
        topics: Vec<ReassignableTopic>,
    }

    /// Partitions of a topic.
    struct ReassignableTopic {
        /// Its name.
        name: String,
        /// The partitions.
        partitions: Vec<ReassignablePartition>,
    }

    /// A partition.
    struct ReassignablePartition {
        /// Its number.
        partition_index: i32,
        /// The nodes; null calls a move off.
        replicas: Option<Vec<i32>>,
    }

    /// What became of each partition.
    struct AlterPartitionReassignmentsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// Whether the number of replicas could change.
        allow_replication_factor_change: bool [1+] = true,
        /// What went wrong with all of it.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
        /// The topics, as asked.
        responses: Vec<ReassignableTopicResponse>,
    }

    /// Partitions of a topic.
    struct ReassignableTopicResponse {
        /// Its name.
        name: String,
        /// The partitions.
        partitions: Vec<ReassignablePartitionResponse>,
    }

    /// What became of a partition.
    struct ReassignablePartitionResponse {
        /// Its number.
        partition_index: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
    }
}
