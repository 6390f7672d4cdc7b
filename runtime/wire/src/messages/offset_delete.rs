//! OffsetDelete (47): deletes committed offsets of a group.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    OffsetDelete(0-0): OffsetDeleteRequest => OffsetDeleteResponse;

    /// Offsets to delete.
    struct OffsetDeleteRequest {
        /// The group.
        group_id: String,
        /// The topics.
        topics: Vec<OffsetDeleteRequestTopic>,
    }

    /// Offsets to delete in one topic.
    struct OffsetDeleteRequestTopic {
        /// The topic's name.
        name: String,
        /// The partitions.
        partitions: Vec<OffsetDeleteRequestPartition>,
    }

    /// A partition whose offset is to be deleted.
    struct OffsetDeleteRequestPartition {
        /// The partition.
        partition_index: i32,
    }

    /// What became of each offset.
    struct OffsetDeleteResponse {
        /// What went wrong.
        error_code: ErrorCode,
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The topics, as asked.
        topics: Vec<OffsetDeleteResponseTopic>,
    }

    /// What became of the offsets of one topic.
    struct OffsetDeleteResponseTopic {
        /// The topic's name.
        name: String,
        /// The partitions, as asked.
        partitions: Vec<OffsetDeleteResponsePartition>,
    }

    /// What became of the offset of one partition.
    struct OffsetDeleteResponsePartition {
        /// The partition.
        partition_index: i32,
        /// What went wrong.
        error_code: ErrorCode,
    }
}
