//! ListOffsets (2): offsets by time, and the ends of the log.

use super::macros::api;
use crate::error_code::ErrorCode;

/// Asks for the end of what can be read.
pub const LATEST_TIMESTAMP: i64 = -1;
/// Asks for the first offset.
pub const EARLIEST_TIMESTAMP: i64 = -2;
/// Asks for the record with the largest timestamp (version 7).
pub const MAX_TIMESTAMP: i64 = -3;
/// Asks for the first offset on this node (version 8).
pub const EARLIEST_LOCAL_TIMESTAMP: i64 = -4;
/// Asks for the last offset in tiered storage (version 9).
pub const LATEST_TIERED_TIMESTAMP: i64 = -5;

api! {
    ListOffsets(1-10, flexible 6+): ListOffsetsRequest => ListOffsetsResponse;

    /// Times to look up.
    struct ListOffsetsRequest {
        /// Node id of a follower, -1 from a consumer.
        replica_id: i32 = -1,
        /// 0 looks at uncommitted records too, 1 only at those of decided transactions.
        isolation_level: i8 [2+],
        /// The topics.
        topics: Vec<ListOffsetsTopic>,
        /// How long a look into tiered storage may take, in milliseconds.
        timeout_ms: i32 [10+],
    }

    /// Times to look up in one topic.
    struct ListOffsetsTopic {
        /// The topic's name.
        name: String,
        /// The partitions.
        partitions: Vec<ListOffsetsPartition>,
    }

    /// A time to look up in one partition.
    struct ListOffsetsPartition {
        /// The partition.
        partition_index: i32,
        /// The leader epoch the client knows, -1 to not have it checked.
        current_leader_epoch: i32 [4+] = -1,
        /// The time in milliseconds, or a negative special value.
        timestamp: i64,
    }

    /// The offsets found.
    struct ListOffsetsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [2+],
        /// The topics, as asked.
        topics: Vec<ListOffsetsTopicResponse>,
    }

    /// The offsets found in one topic.
    struct ListOffsetsTopicResponse {
        /// The topic's name.
        name: String,
        /// The partitions, as asked.
        partitions: Vec<ListOffsetsPartitionResponse>,
    }

    /// The offset found in one partition.
    struct ListOffsetsPartitionResponse {
        /// The partition.
        partition_index: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// Timestamp of the record found, -1 where there is none.
        timestamp: i64 [1+] = -1,
        /// The offset found, -1 where there is none.
        offset: i64 [1+] = -1,
        /// Leader epoch of the record found.
        leader_epoch: i32 [4+] = -1,
    }
}
