//! Fetch (1): reads record batches. Version 7 brought sessions (KIP-227), 13 topic ids instead of names.

use super::leader::{LeaderIdAndEpoch, NodeEndpoint};
use super::macros::api;
use crate::error_code::ErrorCode;
use crate::records::Records;
use crate::uuid::Uuid;

api! {
    Fetch(4-18, flexible 12+): FetchRequest => FetchResponse;

    /// Partitions to read from.
    struct FetchRequest {
        /// The cluster the client believes to talk to.
        cluster_id: Option<String> [12+, tag 0],
        /// Node id of a follower, -1 from a consumer.
        replica_id: i32 [0-14] = -1,
        /// The follower that asks.
        replica_state: ReplicaState [15+, tag 1],
        /// How long the answer may wait for `min_bytes`, in milliseconds.
        max_wait_ms: i32,
        /// How many bytes to wait for.
        min_bytes: i32,
        /// Limit of the whole answer; the first batch may be larger.
        max_bytes: i32 [3+] = i32::MAX,
        /// 0 reads uncommitted, 1 reads committed transactions only.
        isolation_level: i8 [4+],
        /// The fetch session, 0 for none.
        session_id: i32 [7+],
        /// The request's number in its session: 0 opens one, -1 closes it.
        session_epoch: i32 [7+] = -1,
        /// Partitions to read, or in a session to add or change.
        topics: Vec<FetchTopic>,
        /// Partitions to remove from the session.
        forgotten_topics_data: Vec<ForgottenTopic> [7+],
        /// The consumer's rack.
        rack_id: String [11+],
    }

    /// A follower.
    struct ReplicaState {
        /// The follower's node id, -1 from a consumer.
        replica_id: i32 = -1,
        /// The follower's epoch.
        replica_epoch: i64 = -1,
    }

    /// Partitions of one topic to read.
    struct FetchTopic {
        /// The topic's name.
        topic: String [0-12],
        /// The topic's id.
        topic_id: Uuid [13+],
        /// The partitions.
        partitions: Vec<FetchPartition>,
    }

    /// A partition to read.
    struct FetchPartition {
        /// The partition.
        partition: i32,
        /// The leader epoch the client knows, -1 to not have it checked.
        current_leader_epoch: i32 [9+] = -1,
        /// The offset to read from.
        fetch_offset: i64,
        /// Epoch of the last record read, -1 to not have it checked.
        last_fetched_epoch: i32 [12+] = -1,
        /// A follower's first offset.
        log_start_offset: i64 [5+] = -1,
        /// Limit of this partition's part of the answer.
        partition_max_bytes: i32,
        /// A follower's directory.
        replica_directory_id: Uuid [17+, tag 0],
        /// A follower's high watermark.
        high_watermark: i64 [18+, tag 1] = i64::MAX,
    }

    /// Partitions of one topic to remove from the session.
    struct ForgottenTopic {
        /// The topic's name.
        topic: String [7-12],
        /// The topic's id.
        topic_id: Uuid [13+],
        /// The partitions.
        partitions: Vec<i32>,
    }

    /// Batches read.
    struct FetchResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// What is wrong with the session.
        error_code: ErrorCode [7+],
        /// The session, 0 for none.
        session_id: i32 [7+],
        /// The topics read.
        responses: Vec<FetchableTopicResponse>,
        /// Where the leaders named in the answer listen.
        node_endpoints: Vec<NodeEndpoint> [16+, tag 0],
    }

    /// Batches of one topic.
    struct FetchableTopicResponse {
        /// The topic's name.
        topic: String [0-12],
        /// The topic's id.
        topic_id: Uuid [13+],
        /// The partitions read.
        partitions: Vec<PartitionData>,
    }

    /// Batches of one partition.
    struct PartitionData {
        /// The partition.
        partition_index: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// Offset below which records can be read.
        high_watermark: i64,
        /// Offset below which all transactions are decided.
        last_stable_offset: i64 [4+] = -1,
        /// First offset of the log.
        log_start_offset: i64 [5+] = -1,
        /// Where the log parts from what the client read.
        diverging_epoch: EpochEndOffset [12+, tag 0],
        /// The leader, where this node is not.
        current_leader: LeaderIdAndEpoch [12+, tag 1],
        /// The snapshot to read instead, for followers.
        snapshot_id: SnapshotId [12+, tag 2],
        /// Aborted transactions in the range, null when uncommitted records are read.
        aborted_transactions: Option<Vec<AbortedTransaction>> [4+],
        /// The replica to read from next, -1 for this one.
        preferred_read_replica: i32 [11+] = -1,
        /// Encoded record batches; the last one may be cut.
        records: Option<Records>,
    }

    /// The end of an epoch.
    struct EpochEndOffset {
        /// The epoch.
        epoch: i32 = -1,
        /// Its end.
        end_offset: i64 = -1,
    }

    /// A snapshot of the metadata log.
    struct SnapshotId {
        /// Its end.
        end_offset: i64 = -1,
        /// Its epoch.
        epoch: i32 = -1,
    }

    /// An aborted transaction.
    struct AbortedTransaction {
        /// The producer's id.
        producer_id: i64,
        /// First offset of the transaction.
        first_offset: i64,
    }
}
