//! OffsetCommit (8): stores how far a group has read.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    OffsetCommit(2-9, flexible 8+): OffsetCommitRequest => OffsetCommitResponse;

    /// Offsets to store.
    struct OffsetCommitRequest {
        /// The group.
        group_id: String,
        /// The group's generation, or the member's epoch; -1 from a client that is no member.
        generation_id_or_member_epoch: i32 [1+] = -1,
        /// The member, empty from a client that is none.
        member_id: String [1+],
        /// The member's static name.
        group_instance_id: Option<String> [7+],
        /// How long to keep the offsets, in milliseconds; -1 leaves it to the broker.
        retention_time_ms: i64 [2-4] = -1,
        /// The topics.
        topics: Vec<OffsetCommitRequestTopic>,
    }

    /// Offsets of one topic.
    struct OffsetCommitRequestTopic {
        /// The topic's name.
        name: String,
        /// The partitions.
        partitions: Vec<OffsetCommitRequestPartition>,
    }

    /// Offset of one partition.
    struct OffsetCommitRequestPartition {
        /// The partition.
        partition_index: i32,
        /// The next offset to read.
        committed_offset: i64,
        /// Leader epoch of the last record read, -1 where unknown.
        committed_leader_epoch: i32 [6+] = -1,
        /// What the client wants to have kept with it.
        committed_metadata: Option<String>,
    }

    /// What became of each offset.
    struct OffsetCommitResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [3+],
        /// The topics, as asked.
        topics: Vec<OffsetCommitResponseTopic>,
    }

    /// What became of the offsets of one topic.
    struct OffsetCommitResponseTopic {
        /// The topic's name.
        name: String,
        /// The partitions, as asked.
        partitions: Vec<OffsetCommitResponsePartition>,
    }

    /// What became of the offset of one partition.
    struct OffsetCommitResponsePartition {
        /// The partition.
        partition_index: i32,
        /// What went wrong.
        error_code: ErrorCode,
    }
}
