//! DeleteRecords (21): raises the first offset that partitions can be read from.

use super::macros::api;
use crate::error_code::ErrorCode;

/// Stands for the high watermark.
pub const HIGH_WATERMARK: i64 = -1;

api! {
    DeleteRecords(0-2, flexible 2+): DeleteRecordsRequest => DeleteRecordsResponse;

    /// Partitions and the offsets below which records go.
    struct DeleteRecordsRequest {
        /// The topics.
        topics: Vec<DeleteRecordsTopic>,
        /// How long it may take, in milliseconds.
        timeout_ms: i32,
    }

    /// Partitions of a topic.
    struct DeleteRecordsTopic {
        /// Its name.
        name: String,
        /// The partitions.
        partitions: Vec<DeleteRecordsPartition>,
    }

    /// A partition.
    struct DeleteRecordsPartition {
        /// Its number.
        partition_index: i32,
        /// The first offset to keep; [`HIGH_WATERMARK`] keeps nothing that can be read.
        offset: i64,
    }

    /// What became of each partition.
    struct DeleteRecordsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The topics, as asked.
        topics: Vec<DeleteRecordsTopicResult>,
    }

    /// Partitions of a topic.
    struct DeleteRecordsTopicResult {
        /// Its name.
        name: String,
        /// The partitions.
        partitions: Vec<DeleteRecordsPartitionResult>,
    }

    /// What became of a partition.
    struct DeleteRecordsPartitionResult {
        /// Its number.
        partition_index: i32,
        /// The first offset that can be read from now on, -1 on an error.
        low_watermark: i64,
        /// What went wrong.
        error_code: ErrorCode,
    }
}
