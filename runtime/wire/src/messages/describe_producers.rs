//! DescribeProducers (61): the producers that partitions remember.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    DescribeProducers(0-0, flexible 0+): DescribeProducersRequest => DescribeProducersResponse;

    /// Partitions asked about.
    struct DescribeProducersRequest {
        /// The topics.
        topics: Vec<DescribeProducersTopic>,
    }

    /// Partitions of a topic.
    struct DescribeProducersTopic {
        /// Its name.
        name: String,
        /// The partitions.
        partition_indexes: Vec<i32>,
    }

    /// The producers.
    struct DescribeProducersResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The topics, as asked.
        topics: Vec<DescribeProducersTopicResult>,
    }

    /// Partitions of a topic.
    struct DescribeProducersTopicResult {
        /// Its name.
        name: String,
        /// The partitions.
        partitions: Vec<DescribeProducersPartition>,
    }

    /// A partition.
    struct DescribeProducersPartition {
        /// Its number.
        partition_index: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
        /// Its producers.
        active_producers: Vec<ProducerState>,
    }

    /// A producer.
    struct ProducerState {
        /// Its id.
        producer_id: i64,
        /// Its epoch.
        producer_epoch: i32,
        /// The sequence number of its last record, -1 where it has none.
        last_sequence: i32 = -1,
        /// The time of its last record, -1 where it has none.
        last_timestamp: i64 = -1,
        /// The epoch of the transaction coordinator that wrote its last marker.
        coordinator_epoch: i32,
        /// The first offset of its open transaction, -1 where there is none.
        current_txn_start_offset: i64 = -1,
    }
}
