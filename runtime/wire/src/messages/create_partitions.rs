//! CreatePartitions (37): gives topics more partitions.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    CreatePartitions(0-3, flexible 2+): CreatePartitionsRequest => CreatePartitionsResponse;

    /// Topics and how many partitions they are to have.
    struct CreatePartitionsRequest {
        /// The topics.
        topics: Vec<CreatePartitionsTopic>,
        /// How long it may take, in milliseconds.
        timeout_ms: i32,
        /// Whether to only check the request.
        validate_only: bool,
    }

    /// A topic.
    struct CreatePartitionsTopic {
        /// Its name.
        name: String,
        /// How many partitions it is to have in all.
        count: i32,
        /// The nodes of each new partition; null lets the broker choose.
        assignments: Option<Vec<CreatePartitionsAssignment>>,
    }

    /// The nodes of a new partition.
    struct CreatePartitionsAssignment {
        /// Their ids.
        broker_ids: Vec<i32>,
    }

    /// What became of each topic.
    struct CreatePartitionsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The topics, as asked.
        results: Vec<CreatePartitionsTopicResult>,
    }

    /// What became of a topic.
    struct CreatePartitionsTopicResult {
        /// Its name.
        name: String,
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
    }
}
