//! Produce (0): appends record batches. Version 13 names topics by id instead of name.

use super::leader::{LeaderIdAndEpoch, NodeEndpoint};
use super::macros::api;
use crate::error_code::ErrorCode;
use crate::records::Records;
use crate::uuid::Uuid;

api! {
    Produce(3-13, flexible 9+): ProduceRequest => ProduceResponse;

    /// Batches to append.
    struct ProduceRequest {
        /// Set by a transactional producer.
        transactional_id: Option<String>,
        /// Who must have the data before the answer: 0 nobody (no answer), 1 the leader, -1 all replicas.
        acks: i16,
        /// How long the answer may take, in milliseconds.
        timeout_ms: i32,
        /// The topics to append to.
        topic_data: Vec<TopicProduceData>,
    }

    /// Batches for one topic.
    struct TopicProduceData {
        /// The topic's name.
        name: String [0-12],
        /// The topic's id.
        topic_id: Uuid [13+],
        /// The partitions to append to.
        partition_data: Vec<PartitionProduceData>,
    }

    /// A batch for one partition.
    struct PartitionProduceData {
        /// The partition.
        index: i32,
        /// One encoded record batch.
        records: Option<Records>,
    }

    /// What became of each batch.
    struct ProduceResponse {
        /// The topics, as asked.
        responses: Vec<TopicProduceResponse>,
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// Where the leaders named in the answer listen.
        node_endpoints: Vec<NodeEndpoint> [10+, tag 0],
    }

    /// What became of the batches of one topic.
    struct TopicProduceResponse {
        /// The topic's name.
        name: String [0-12],
        /// The topic's id.
        topic_id: Uuid [13+],
        /// The partitions, as asked.
        partition_responses: Vec<PartitionProduceResponse>,
    }

    /// What became of the batch of one partition.
    struct PartitionProduceResponse {
        /// The partition.
        index: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// Offset of the first record, -1 on error.
        base_offset: i64,
        /// The broker's time of the append, -1 unless the topic's timestamps are the log's.
        log_append_time_ms: i64 [2+] = -1,
        /// First offset of the log.
        log_start_offset: i64 [5+] = -1,
        /// Records that caused the batch to be refused.
        record_errors: Vec<BatchIndexAndErrorMessage> [8+],
        /// Why the batch was refused.
        error_message: Option<String> [8+],
        /// The leader, where this node is not.
        current_leader: LeaderIdAndEpoch [10+, tag 0],
    }

    /// A record that caused its batch to be refused.
    struct BatchIndexAndErrorMessage {
        /// Index of the record in the batch.
        batch_index: i32,
        /// What is wrong with it.
        batch_index_error_message: Option<String>,
    }
}
