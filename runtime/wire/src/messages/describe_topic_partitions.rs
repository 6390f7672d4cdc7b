//! DescribeTopicPartitions (75): topics and their partitions, page by page.

use super::macros::api;
use crate::codec::Nullable;
use crate::error_code::ErrorCode;
use crate::uuid::Uuid;

api! {
    DescribeTopicPartitions(0-0, flexible 0+): DescribeTopicPartitionsRequest => DescribeTopicPartitionsResponse;

    /// Topics asked about.
    struct DescribeTopicPartitionsRequest {
        /// The topics; none for all.
        topics: Vec<TopicRequest>,
        /// How many partitions the answer may hold.
        response_partition_limit: i32 = 2000,
        /// Where to go on.
        cursor: Nullable<TopicPartitionsCursor>,
    }

    /// A topic asked about.
    struct TopicRequest {
        /// Its name.
        name: String,
    }

    /// A place in the list of all partitions.
    struct TopicPartitionsCursor {
        /// The topic to go on with.
        topic_name: String,
        /// The partition to go on with.
        partition_index: i32,
    }

    /// A page of topics.
    struct DescribeTopicPartitionsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The topics, ordered by name.
        topics: Vec<DescribeTopicPartitionsResponseTopic>,
        /// Where the next page begins; null on the last.
        next_cursor: Nullable<TopicPartitionsCursor>,
    }

    /// A topic.
    struct DescribeTopicPartitionsResponseTopic {
        /// What went wrong.
        error_code: ErrorCode,
        /// Its name.
        name: Option<String>,
        /// Its id.
        topic_id: Uuid,
        /// Whether the broker keeps its own state in it.
        is_internal: bool,
        /// The partitions of this page.
        partitions: Vec<DescribeTopicPartitionsResponsePartition>,
        /// What the client may do with the topic, a bit an operation.
        topic_authorized_operations: i32 = i32::MIN,
    }

    /// A partition.
    struct DescribeTopicPartitionsResponsePartition {
        /// What went wrong.
        error_code: ErrorCode,
        /// Its number.
        partition_index: i32,
        /// The node that leads it.
        leader_id: i32,
        /// The leader's epoch.
        leader_epoch: i32 = -1,
        /// The nodes that hold it.
        replica_nodes: Vec<i32>,
        /// Those in sync.
        isr_nodes: Vec<i32>,
        /// Those that may be elected although they are not in sync; null where the broker does not track them.
        eligible_leader_replicas: Option<Vec<i32>>,
        /// Those last known to be eligible; null where the broker does not track them.
        last_known_elr: Option<Vec<i32>>,
        /// Those that are offline.
        offline_replicas: Vec<i32>,
    }
}
