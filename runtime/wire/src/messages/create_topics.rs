//! CreateTopics (19): makes topics. Version 5 answers with what was made, 7 with its id.

use super::macros::api;
use crate::error_code::ErrorCode;
use crate::uuid::Uuid;

api! {
    CreateTopics(2-7, flexible 5+): CreateTopicsRequest => CreateTopicsResponse;

    /// Topics to make.
    struct CreateTopicsRequest {
        /// The topics.
        topics: Vec<CreatableTopic>,
        /// How long it may take, in milliseconds.
        timeout_ms: i32 = 60_000,
        /// Whether to only check the request.
        validate_only: bool [1+],
    }

    /// A topic to make.
    struct CreatableTopic {
        /// Its name.
        name: String,
        /// How many partitions; -1 for the broker's default, or where replicas are assigned.
        num_partitions: i32,
        /// How many replicas; -1 for the broker's default, or where replicas are assigned.
        replication_factor: i16,
        /// Which nodes hold which partition.
        assignments: Vec<CreatableReplicaAssignment>,
        /// Its configuration.
        configs: Vec<CreatableTopicConfig>,
    }

    /// Which nodes hold a partition.
    struct CreatableReplicaAssignment {
        /// The partition.
        partition_index: i32,
        /// The nodes.
        broker_ids: Vec<i32>,
    }

    /// A configuration key of a topic to make.
    struct CreatableTopicConfig {
        /// The key.
        name: String,
        /// Its value.
        value: Option<String>,
    }

    /// What became of each topic.
    struct CreateTopicsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [2+],
        /// The topics, as asked.
        topics: Vec<CreatableTopicResult>,
    }

    /// What became of one topic.
    struct CreatableTopicResult {
        /// Its name.
        name: String,
        /// Its id.
        topic_id: Uuid [7+],
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String> [1+],
        /// Why the configuration is not told.
        topic_config_error_code: ErrorCode [5+, tag 0],
        /// How many partitions it has.
        num_partitions: i32 [5+] = -1,
        /// How many replicas it has.
        replication_factor: i16 [5+] = -1,
        /// Its configuration.
        configs: Option<Vec<CreatableTopicConfigs>> [5+],
    }

    /// A configuration key of a topic made.
    struct CreatableTopicConfigs {
        /// The key.
        name: String,
        /// Its value, null where it is secret.
        value: Option<String>,
        /// Whether it cannot be changed.
        read_only: bool,
        /// Where the value comes from.
        config_source: i8 = -1,
        /// Whether the value is secret.
        is_sensitive: bool,
    }
}
