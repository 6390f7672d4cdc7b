//! The keys of a broker's properties file, by Kafka's names; what they mean together is [`super::BrokerConfig`]'s to say.

use millrace_config::{Config, ConfigEnum};

/// What an answered acks=all promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
pub(crate) enum LogDurability {
    Fsync,
    PageCache,
}

#[derive(Debug, Config)]
pub(crate) struct BrokerKeys {
    /// Where the broker listens, as a list of name://host:port.
    #[config(name = "listeners", default = "PLAINTEXT://127.0.0.1:9092", importance = high)]
    pub(crate) listeners: Vec<String>,
    /// What clients are told to connect to, as a list of name://host:port; else the listeners.
    #[config(name = "advertised.listeners", importance = high)]
    pub(crate) advertised_listeners: Option<Vec<String>>,
    /// Which protocol a listener name stands for, as a list of name:protocol.
    #[config(name = "listener.security.protocol.map", importance = low)]
    pub(crate) listener_protocols: Option<Vec<String>>,
    /// Listeners that belong to Apache Kafka's controller; they are left out, there is no quorum here.
    #[config(name = "controller.listener.names", importance = low)]
    pub(crate) controller_listener_names: Option<Vec<String>>,
    /// The directory that holds the data.
    #[config(name = "log.dirs", importance = high)]
    pub(crate) log_dirs: Option<Vec<String>>,
    /// The directory that holds the data, if log.dirs is not given.
    #[config(name = "log.dir", default = "./millrace-data", importance = high)]
    pub(crate) log_dir: String,
    /// This node's id.
    #[config(name = "node.id", range(0..))]
    pub(crate) node_id: Option<i32>,
    /// This node's id, if node.id is not given.
    #[config(name = "broker.id", default = 1, range(0..))]
    pub(crate) broker_id: i32,
    /// What an acknowledgement with acks=all promises: that the data is on disk, or that it is in the page cache.
    #[config(name = "log.durability", default = "fsync", importance = high)]
    pub(crate) log_durability: LogDurability,

    /// The largest request in bytes.
    #[config(name = "socket.request.max.bytes", default = 104857600, range(1..))]
    pub(crate) socket_request_max_bytes: i32,
    /// After how many milliseconds without traffic a connection is closed.
    #[config(name = "connections.max.idle.ms", default = 600000)]
    pub(crate) connections_max_idle_ms: i64,
    /// How many connections may be open.
    #[config(name = "max.connections", default = 2147483647, range(0..))]
    pub(crate) max_connections: i32,
    /// How many connections may be open from one address.
    #[config(name = "max.connections.per.ip", default = 2147483647, range(0..))]
    pub(crate) max_connections_per_ip: i32,
    /// How many connections may wait to be accepted.
    #[config(name = "socket.listen.backlog.size", default = 50, range(1..), importance = low)]
    pub(crate) socket_listen_backlog_size: i32,

    /// Whether topics that clients name are created.
    #[config(name = "auto.create.topics.enable", default = true, importance = high)]
    pub(crate) auto_create_topics_enable: bool,
    /// Whether topics can be deleted.
    #[config(name = "delete.topic.enable", default = true, importance = high)]
    pub(crate) delete_topic_enable: bool,
    /// Partitions of a topic that is created without a number.
    #[config(name = "num.partitions", default = 1, range(1..))]
    pub(crate) num_partitions: i32,
    /// Replicas of a topic that is created without a number; one node holds one.
    #[config(name = "default.replication.factor", default = 1, range(1..))]
    pub(crate) default_replication_factor: i16,
    /// The most that one fetch returns, in bytes.
    #[config(name = "fetch.max.bytes", default = 57671680, range(1024..))]
    pub(crate) fetch_max_bytes: i32,
    /// How many incremental fetch sessions are kept.
    #[config(name = "max.incremental.fetch.session.cache.slots", default = 1000, range(0..))]
    pub(crate) fetch_session_slots: i32,

    /// How many threads check logs after an unclean stop.
    #[config(name = "num.recovery.threads.per.data.dir", default = 2, range(1..))]
    pub(crate) recovery_threads: i32,
    /// How often retention is applied.
    #[config(name = "log.retention.check.interval.ms", default = 300000, range(1..))]
    pub(crate) retention_check_interval_ms: i64,
    /// Whether logs are compacted.
    #[config(name = "log.cleaner.enable", default = true)]
    pub(crate) cleaner_enable: bool,
    /// The most memory that a compaction's map of keys takes, in bytes.
    #[config(name = "log.cleaner.dedupe.buffer.size", default = 134217728, range(1..))]
    pub(crate) cleaner_dedupe_buffer_size: i64,
    /// How full a compaction's map of keys may get.
    #[config(name = "log.cleaner.io.buffer.load.factor", default = 0.9)]
    pub(crate) cleaner_load_factor: f64,
    /// The most that compaction reads and writes in a second, in bytes.
    #[config(
        name = "log.cleaner.io.max.bytes.per.second",
        default = 1.7976931348623157e308
    )]
    pub(crate) cleaner_io_bytes_per_second: f64,
    /// How long compaction sleeps when there is nothing to do.
    #[config(name = "log.cleaner.backoff.ms", default = 15000, range(0..))]
    pub(crate) cleaner_backoff_ms: i64,
    /// How long a producer without writes is remembered.
    #[config(name = "producer.id.expiration.ms", default = 86400000, range(1..))]
    pub(crate) producer_id_expiration_ms: i32,
    /// The longest a transaction may stay open.
    #[config(name = "transaction.max.timeout.ms", default = 900000, range(1..))]
    pub(crate) transaction_max_timeout_ms: i32,

    /// The shortest session a group member may ask for.
    #[config(name = "group.min.session.timeout.ms", default = 6000)]
    pub(crate) group_min_session_timeout_ms: i32,
    /// The longest session a group member may ask for.
    #[config(name = "group.max.session.timeout.ms", default = 1800000)]
    pub(crate) group_max_session_timeout_ms: i32,
    /// How long the first member of a group waits for others; on one node nobody is waited for.
    #[config(name = "group.initial.rebalance.delay.ms", default = 0, range(0..))]
    pub(crate) group_initial_rebalance_delay_ms: i32,
    /// The most members a group may have.
    #[config(name = "group.max.size", default = 2147483647, range(1..))]
    pub(crate) group_max_size: i32,
    /// The longest text that may be committed with an offset, in bytes.
    #[config(name = "offset.metadata.max.bytes", default = 4096)]
    pub(crate) offset_metadata_max_bytes: i32,
    /// How long offsets of an idle group are kept.
    #[config(name = "offsets.retention.minutes", default = 10080, range(1..))]
    pub(crate) offsets_retention_minutes: i32,
    /// How often expired offsets are looked for.
    #[config(name = "offsets.retention.check.interval.ms", default = 600000, range(1..))]
    pub(crate) offsets_retention_check_interval_ms: i64,
    /// Partitions of the topic that keeps offsets; fixed once it exists.
    #[config(name = "offsets.topic.num.partitions", default = 50, range(1..))]
    pub(crate) offsets_topic_num_partitions: i32,
    /// Replicas of the topic that keeps offsets; one node holds one.
    #[config(name = "offsets.topic.replication.factor", default = 1, range(1..))]
    pub(crate) offsets_topic_replication_factor: i16,
    /// Segment size of the topic that keeps offsets.
    #[config(name = "offsets.topic.segment.bytes", default = 104857600, range(1..))]
    pub(crate) offsets_topic_segment_bytes: i32,

    /// Where figures are served to Prometheus, as http://host:port; without it nowhere but at a worker's /metrics.
    #[config(name = "metrics.listener", importance = low)]
    pub(crate) metrics_listener: Option<String>,
    /// A class that authorizes requests; none can be loaded.
    #[config(name = "authorizer.class.name", default = "")]
    pub(crate) authorizer_class_name: String,
}
