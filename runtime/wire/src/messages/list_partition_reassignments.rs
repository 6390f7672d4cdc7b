//! ListPartitionReassignments (46): the partitions that are on their way to other nodes.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    ListPartitionReassignments(0-0, flexible 0+): ListPartitionReassignmentsRequest => ListPartitionReassignmentsResponse;

    /// Partitions asked about.
    struct ListPartitionReassignmentsRequest {
        /// How long it may take, in milliseconds.
        timeout_ms: i32 = 60_000,
        /// The topics; null for all.
        topics: Option<Vec<ListPartitionReassignmentsTopics>>,
    }

    /// Partitions of a topic.
    struct ListPartitionReassignmentsTopics {
        /// Its name.
        name: String,
        /// The partitions.
        partition_indexes: Vec<i32>,
    }

    /// The partitions on their way.
    struct ListPartitionReassignmentsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
        /// The topics.
        topics: Vec<OngoingTopicReassignment>,
    }

    /// Partitions of a topic.
    struct OngoingTopicReassignment {
        /// Its name.
        name: String,
        /// The partitions.
        partitions: Vec<OngoingPartitionReassignment>,
    }

    /// A partition on its way.
    struct OngoingPartitionReassignment {
        /// Its number.
        partition_index: i32,
        /// The nodes that hold it now.
        replicas: Vec<i32>,
        /// Those that are to hold it too.
        adding_replicas: Vec<i32>,
        /// Those that are to let it go.
        removing_replicas: Vec<i32>,
    }
}
