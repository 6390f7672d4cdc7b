//! OffsetFetch (9): reads how far groups have read. Version 8 asks for several groups at once.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    OffsetFetch(1-9, flexible 6+): OffsetFetchRequest => OffsetFetchResponse;

    /// Groups and partitions asked about.
    struct OffsetFetchRequest {
        /// The group.
        group_id: String [0-7],
        /// The topics; null asks for all that have offsets.
        topics: Option<Vec<OffsetFetchRequestTopic>> [0-7, nullable 2+],
        /// The groups.
        groups: Vec<OffsetFetchRequestGroup> [8+],
        /// Whether an offset of an open transaction is an error.
        require_stable: bool [7+],
    }

    /// Partitions asked about in one topic.
    struct OffsetFetchRequestTopic {
        /// The topic's name.
        name: String,
        /// The partitions.
        partition_indexes: Vec<i32>,
    }

    /// Partitions asked about in one group.
    struct OffsetFetchRequestGroup {
        /// The group.
        group_id: String,
        /// The member that asks, null from a client that is none.
        member_id: Option<String> [9+],
        /// The member's epoch, -1 from a client that is none.
        member_epoch: i32 [9+] = -1,
        /// The topics; null asks for all that have offsets.
        topics: Option<Vec<OffsetFetchRequestTopics>>,
    }

    /// Partitions asked about in one topic of a group.
    struct OffsetFetchRequestTopics {
        /// The topic's name.
        name: String,
        /// The partitions.
        partition_indexes: Vec<i32>,
    }

    /// The offsets found.
    struct OffsetFetchResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [3+],
        /// The topics.
        topics: Vec<OffsetFetchResponseTopic> [0-7],
        /// What went wrong.
        error_code: ErrorCode [2-7],
        /// The groups.
        groups: Vec<OffsetFetchResponseGroup> [8+],
    }

    /// Offsets of one topic.
    struct OffsetFetchResponseTopic {
        /// The topic's name.
        name: String,
        /// The partitions.
        partitions: Vec<OffsetFetchResponsePartition>,
    }

    /// Offset of one partition.
    struct OffsetFetchResponsePartition {
        /// The partition.
        partition_index: i32,
        /// The next offset to read, -1 where none is stored.
        committed_offset: i64,
        /// Leader epoch of the last record read, -1 where unknown.
        committed_leader_epoch: i32 [5+] = -1,
        /// What the client wanted to have kept with it.
        metadata: Option<String>,
        /// What went wrong.
        error_code: ErrorCode,
    }

    /// Offsets of one group.
    struct OffsetFetchResponseGroup {
        /// The group.
        group_id: String,
        /// The topics.
        topics: Vec<OffsetFetchResponseTopics>,
        /// What went wrong.
        error_code: ErrorCode,
    }

    /// Offsets of one topic of a group.
    struct OffsetFetchResponseTopics {
        /// The topic's name.
        name: String,
        /// The partitions.
        partitions: Vec<OffsetFetchResponsePartitions>,
    }

    /// Offset of one partition of a group.
    struct OffsetFetchResponsePartitions {
        /// The partition.
        partition_index: i32,
        /// The next offset to read, -1 where none is stored.
        committed_offset: i64,
        /// Leader epoch of the last record read, -1 where unknown.
        committed_leader_epoch: i32 = -1,
        /// What the client wanted to have kept with it.
        metadata: Option<String>,
        /// What went wrong.
        error_code: ErrorCode,
    }
}
