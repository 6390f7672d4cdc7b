//! Settings of a data directory and of a log, resolved and typed.

use std::time::Duration;

use millrace_wire::compression::Compression;

/// What an acknowledgement promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The bytes are on the disk: the high watermark follows the syncs of the flusher.
    #[default]
    Fsync,
    /// The bytes are in the page cache, as Apache Kafka has it: the high watermark follows appends.
    PageCache,
}

/// Settings of a data directory.
#[derive(Debug, Clone)]
pub struct DataDirConfig {
    /// `log.durability`.
    pub durability: Durability,
    /// `node.id`; a directory of another node is refused.
    pub node_id: i32,
    /// The cluster's id; `None` takes the directory's own, or makes one.
    pub cluster_id: Option<String>,
    /// `num.recovery.threads.per.data.dir`.
    pub recovery_threads: usize,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval: Duration,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i64,
    /// How often the recovery points are checkpointed while syncs go on.
    pub recovery_checkpoint_interval: Duration,
    /// How compaction runs.
    pub cleaner: CleanerConfig,
    /// Settings of the logs found at the start, until [`crate::Log::set_config`] gives them their own.
    pub log_defaults: LogConfig,
}

impl Default for DataDirConfig {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            node_id: 1,
            cluster_id: None,
            recovery_threads: 2,
            retention_check_interval: Duration::from_millis(300_000),
            producer_id_expiration_ms: 86_400_000,
            recovery_checkpoint_interval: Duration::from_millis(1_000),
            cleaner: CleanerConfig::default(),
            log_defaults: LogConfig::default(),
        }
    }
}

/// How compaction runs, by the name of Kafka's key.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanerConfig {
    /// `log.cleaner.enable`: whether a thread compacts at all.
    pub enabled: bool,
    /// `log.cleaner.dedupe.buffer.size`: the most memory that the map of keys may take. It is taken for
    /// the time of a compaction only, and only as much as the log has keys.
    pub dedupe_buffer_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`: how full the map of keys may get, above 0 and up to 1.
    pub load_factor: f64,
    /// `log.cleaner.io.max.bytes.per.second`, read and written together; infinite for no bound.
    pub io_bytes_per_second: f64,
    /// `log.cleaner.backoff.ms`: how long the thread sleeps where nothing is to be compacted.
    pub backoff: Duration,
}

impl Default for CleanerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            dedupe_buffer_bytes: 128 << 20,
            load_factor: 0.9,
            io_bytes_per_second: f64::INFINITY,
            backoff: Duration::from_millis(15_000),
        }
    }
}

/// Whose clock stamps records: `message.timestamp.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampPolicy {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, at the append.
    LogAppendTime,
}

/// How batches are compressed on disk, whatever their producers chose: `compression.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredCompression {
    /// The codec that every batch of the log has.
    pub codec: Compression,
    /// How hard it tries, on the codec's own scale; `None` for its default.
    pub level: Option<i32>,
}

/// Settings of a topic's logs, by the name of Kafka's key.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.ms`, less its jitter.
    pub segment_ms: i64,
    /// `segment.index.bytes`.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `retention.ms`; -1 keeps for ever.
    pub retention_ms: i64,
    /// `retention.bytes`; -1 keeps all.
    pub retention_bytes: i64,
    /// Whether `cleanup.policy` contains `delete`.
    pub delete: bool,
    /// Whether `cleanup.policy` contains `compact`: every record needs a key.
    pub compact: bool,
    /// `min.cleanable.dirty.ratio`: how large a part of the log must be new since the last compaction.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`: how long a record is left alone.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: how long a record may wait for a compaction.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: how long a tombstone can be read once it was compacted.
    pub delete_retention_ms: i64,
    /// `max.message.bytes`, of a whole batch.
    pub max_message_bytes: u32,
    /// `compression.type`; `None` is `producer`: batches stay as they came.
    pub compression: Option<StoredCompression>,
    /// `message.timestamp.type`.
    pub timestamp_policy: TimestampPolicy,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 604_800_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 604_800_000,
            retention_bytes: -1,
            delete: true,
            compact: false,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 86_400_000,
            max_message_bytes: 1_048_588,
            compression: None,
            timestamp_policy: TimestampPolicy::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            file_delete_delay_ms: 60_000,
        }
    }
}
