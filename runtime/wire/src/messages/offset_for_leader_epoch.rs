//! OffsetForLeaderEpoch (23): where the records of a leader epoch end, so that a client sees a log that was cut.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    OffsetForLeaderEpoch(2-4, flexible 4+): OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse;

    /// Epochs asked about.
    struct OffsetForLeaderEpochRequest {
        /// The asking node; -1 for a consumer.
        replica_id: i32 [3+] = -2,
        /// The topics.
        topics: Vec<OffsetForLeaderTopic>,
    }

    /// Partitions of a topic.
    struct OffsetForLeaderTopic {
        /// Its name.
        topic: String,
        /// The partitions.
        partitions: Vec<OffsetForLeaderPartition>,
    }

    /// A partition.
    struct OffsetForLeaderPartition {
        /// Its number.
        partition: i32,
        /// The epoch that the client takes for the current one; -1 where it does not say.
        current_leader_epoch: i32 = -1,
        /// The epoch asked about.
        leader_epoch: i32,
    }

    /// Where the epochs end.
    struct OffsetForLeaderEpochResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The topics, as asked.
        topics: Vec<OffsetForLeaderTopicResult>,
    }

    /// Partitions of a topic.
    struct OffsetForLeaderTopicResult {
        /// Its name.
        topic: String,
        /// The partitions.
        partitions: Vec<OffsetForLeaderPartitionResult>,
    }

    /// Where an epoch ends in a partition.
    struct OffsetForLeaderPartitionResult {
        /// What went wrong.
        error_code: ErrorCode,
        /// The partition's number.
        partition: i32,
        /// The largest epoch known up to the one asked about, -1 where it is above all.
        leader_epoch: i32 = -1,
        /// The offset behind the epoch's last record.
        end_offset: i64 = -1,
    }
}
