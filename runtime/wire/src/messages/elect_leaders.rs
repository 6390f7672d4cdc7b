//! ElectLeaders (43): asks that partitions get their preferred leader, or any at all.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    ElectLeaders(0-2, flexible 2+): ElectLeadersRequest => ElectLeadersResponse;

    /// Partitions that are to elect.
    struct ElectLeadersRequest {
        /// 0 for the preferred leader, 1 for any replica, in sync or not.
        election_type: i8 [1+],
        /// The topics; null for all partitions.
        topic_partitions: Option<Vec<TopicPartitions>>,
        /// How long it may take, in milliseconds.
        timeout_ms: i32 = 60_000,
    }

    /// Partitions of a topic.
    struct TopicPartitions {
        /// Its name.
        topic: String,
        /// The partitions.
        partitions: Vec<i32>,
    }

    /// What became of each partition.
    struct ElectLeadersResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// What went wrong with all of it.
        error_code: ErrorCode [1+],
        /// The topics.
        replica_election_results: Vec<ReplicaElectionResult>,
    }

    /// Partitions of a topic.
    struct ReplicaElectionResult {
        /// Its name.
        topic: String,
        /// The partitions.
        partition_result: Vec<PartitionResult>,
    }

    /// What became of a partition.
    struct PartitionResult {
        /// Its number.
        partition_id: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
    }
}
