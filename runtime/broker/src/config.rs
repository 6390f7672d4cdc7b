//! The broker's configuration: Kafka's `server.properties`, resolved and typed.

mod change;
mod dynamic;
mod entry;
mod keys;
mod known;
mod layers;
mod listeners;
mod topic;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millrace_config::{Config as _, ConfigErrors, Properties, nearest};
use millrace_storage::{CleanerConfig, Durability};

use crate::coordinator::GroupSettings;
use keys::{BrokerKeys, LogDurability};

pub(crate) use change::{Refused, Scope, apply, check_names};
pub(crate) use dynamic::check as check_dynamic;
pub(crate) use entry::{ConfigEntry, of_cluster, of_node};
pub(crate) use layers::{BrokerLayers, ConfigSource};
pub use listeners::{Endpoint, ListenerConfig};
pub(crate) use topic::{TopicConfig, TopicKeyError};

/// Keys that ask for security; without it the broker must not start.
const SECURITY_PREFIXES: &[&str] = &["ssl.", "sasl.", "listener.name."];

/// Everything the broker is told at its start.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// This node's id.
    pub node_id: i32,
    /// Where to listen.
    pub listeners: Vec<ListenerConfig>,
    /// The data directory.
    pub data_dir: PathBuf,
    /// What an acknowledgement with acks=all promises.
    pub durability: Durability,
    /// The largest request in bytes.
    pub request_max_bytes: usize,
    /// How long a connection may be silent; `None` for ever.
    pub connection_idle_max: Option<Duration>,
    /// How many connections may be open.
    pub connections_max: usize,
    /// How many connections may be open from one address.
    pub connections_per_address_max: usize,
    /// How many connections may wait to be accepted.
    pub listen_backlog: u32,
    /// Whether topics that clients name are created.
    pub auto_create_topics: bool,
    /// Whether topics can be deleted.
    pub delete_topics: bool,
    /// Partitions of a topic that is created without a number.
    pub partitions_default: i32,
    /// The most that one fetch returns, in bytes.
    pub fetch_max_bytes: usize,
    /// How many incremental fetch sessions are kept.
    pub fetch_session_slots: usize,
    /// How many threads check logs after an unclean stop.
    pub recovery_threads: usize,
    /// How often retention is applied.
    pub retention_check_interval: Duration,
    /// How logs are compacted.
    pub cleaner: CleanerConfig,
    /// How long a producer without writes is remembered, in milliseconds.
    pub producer_id_expiration_ms: i64,
    /// The longest a transaction may stay open, in milliseconds.
    pub transaction_timeout_max_ms: i32,
    /// Partitions of `__consumer_offsets`, where it is made.
    pub offsets_topic_partitions: i32,
    /// Segment size of `__consumer_offsets` in bytes.
    pub offsets_topic_segment_bytes: u32,
    /// Where figures are served to Prometheus, as `http://host:port`.
    pub metrics_listener: Option<String>,
    pub(crate) groups: GroupSettings,
    pub(crate) topic_defaults: TopicConfig,
    /// All that the broker was told, by whom.
    pub(crate) layers: BrokerLayers,
}

impl BrokerConfig {
    /// Resolves the properties of a broker. Keys without effect here are logged, and unknown ones with the nearest
    /// known one.
    ///
    /// # Errors
    /// Everything that is wrong with them, at once.
    pub fn from_properties(properties: &Properties) -> Result<BrokerConfig, ConfigErrors> {
        note_keys(properties);
        Self::from_layers(BrokerLayers::of_file(Arc::new(properties.clone())))
    }

    /// Resolves what a broker was told by its file and while it ran.
    pub(crate) fn from_layers(layers: BrokerLayers) -> Result<BrokerConfig, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let properties = layers.merged();
        let keys = BrokerKeys::parse(&properties)
            .map_err(|found| errors.extend(found))
            .ok();
        let topic_defaults = TopicConfig::broker_defaults(layers.clone(), &mut errors);
        refuse_security(&properties, &mut errors);
        match keys {
            Some(keys) => {
                let config = resolve(&keys, topic_defaults, layers, &mut errors);
                errors.into_result(config)
            }
            None => Err(errors),
        }
    }
}

fn resolve(
    keys: &BrokerKeys,
    topic_defaults: TopicConfig,
    layers: BrokerLayers,
    errors: &mut ConfigErrors,
) -> BrokerConfig {
    refuse_what_is_not_there(keys, errors);
    BrokerConfig {
        node_id: keys.node_id.unwrap_or(keys.broker_id),
        listeners: listeners::resolve(keys, errors),
        data_dir: data_dir(keys, errors),
        durability: match keys.log_durability {
            LogDurability::Fsync => Durability::Fsync,
            LogDurability::PageCache => Durability::PageCache,
        },
        request_max_bytes: usize_of(keys.socket_request_max_bytes),
        connection_idle_max: (keys.connections_max_idle_ms >= 0)
            .then(|| millis(keys.connections_max_idle_ms)),
        connections_max: usize_of(keys.max_connections),
        connections_per_address_max: usize_of(keys.max_connections_per_ip),
        listen_backlog: keys.socket_listen_backlog_size.unsigned_abs(),
        auto_create_topics: keys.auto_create_topics_enable,
        delete_topics: keys.delete_topic_enable,
        partitions_default: keys.num_partitions,
        fetch_max_bytes: usize_of(keys.fetch_max_bytes),
        fetch_session_slots: usize_of(keys.fetch_session_slots),
        recovery_threads: usize_of(keys.recovery_threads),
        retention_check_interval: millis(keys.retention_check_interval_ms),
        cleaner: cleaner_config(keys),
        producer_id_expiration_ms: i64::from(keys.producer_id_expiration_ms),
        transaction_timeout_max_ms: keys.transaction_max_timeout_ms,
        offsets_topic_partitions: keys.offsets_topic_num_partitions,
        offsets_topic_segment_bytes: keys.offsets_topic_segment_bytes.unsigned_abs(),
        metrics_listener: keys
            .metrics_listener
            .clone()
            .filter(|place| !place.trim().is_empty()),
        groups: group_settings(keys),
        topic_defaults,
        layers,
    }
}

fn cleaner_config(keys: &BrokerKeys) -> CleanerConfig {
    CleanerConfig {
        enabled: keys.cleaner_enable,
        dedupe_buffer_bytes: usize::try_from(keys.cleaner_dedupe_buffer_size).unwrap_or(usize::MAX),
        load_factor: keys.cleaner_load_factor,
        io_bytes_per_second: keys.cleaner_io_bytes_per_second,
        // A backoff of nothing would look at every log all the time.
        backoff: millis(keys.cleaner_backoff_ms.max(1)),
    }
}

fn group_settings(keys: &BrokerKeys) -> GroupSettings {
    GroupSettings {
        min_session_timeout_ms: keys.group_min_session_timeout_ms,
        max_session_timeout_ms: keys.group_max_session_timeout_ms,
        initial_rebalance_delay: millis(i64::from(keys.group_initial_rebalance_delay_ms)),
        max_size: usize_of(keys.group_max_size),
        offset_metadata_max_bytes: usize_of(keys.offset_metadata_max_bytes),
        offsets_retention: Duration::from_secs(
            60 * u64::from(keys.offsets_retention_minutes.unsigned_abs()),
        ),
        offsets_retention_check_interval: millis(keys.offsets_retention_check_interval_ms),
    }
}

fn data_dir(keys: &BrokerKeys, errors: &mut ConfigErrors) -> PathBuf {
    match keys.log_dirs.as_deref() {
        None | Some([]) => PathBuf::from(&keys.log_dir),
        Some([dir]) => PathBuf::from(dir),
        Some([dir, ..]) => {
            errors.push(
                "log.dirs",
                "log.dirs names several directories, the included broker keeps its data in one: name one, and move \
                 the partitions of the others into it while nothing runs on them",
            );
            PathBuf::from(dir)
        }
    }
}

fn refuse_what_is_not_there(keys: &BrokerKeys, errors: &mut ConfigErrors) {
    let replicas = [
        (
            "default.replication.factor",
            keys.default_replication_factor,
        ),
        (
            "offsets.topic.replication.factor",
            keys.offsets_topic_replication_factor,
        ),
    ];
    for (key, _) in replicas.iter().filter(|(_, factor)| *factor > 1) {
        errors.push(
            *key,
            format!(
                "{key} is above 1, the included broker is a single node: use 1, or a Kafka cluster"
            ),
        );
    }
    if !keys.authorizer_class_name.is_empty() {
        errors.push(
            "authorizer.class.name",
            "authorizer.class.name is set, the included broker authorizes nobody",
        );
    }
}

fn refuse_security(properties: &Properties, errors: &mut ConfigErrors) {
    let asked = properties.keys().filter(|key| {
        SECURITY_PREFIXES
            .iter()
            .any(|prefix| key.starts_with(prefix))
    });
    for key in asked {
        errors.push(
            key.as_str(),
            format!("{key} asks for security that the included broker does not have"),
        );
    }
}

/// Says which keys have nothing to act on here, in one line, and which nobody knows.
fn note_keys(properties: &Properties) {
    let mut without_effect = Vec::new();
    for name in properties.keys() {
        let is_security = SECURITY_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
        match known::keys().get(name) {
            Some(key) if key.has_effect || is_security => {}
            Some(_) => without_effect.push(name.as_str()),
            None if known::is_retired(name) => without_effect.push(name),
            None if is_security || TopicConfig::is_broker_key(name) => {}
            None => warn_of_unknown(name),
        }
    }
    if !without_effect.is_empty() {
        log::info!(
            "broker configuration: no effect on one node of this kind: {}",
            without_effect.join(", ")
        );
    }
}

fn warn_of_unknown(name: &str) {
    match nearest(name, known::keys().keys().map(String::as_str)) {
        Some(near) => log::warn!(
            "broker configuration: unknown configuration key \"{name}\" is ignored; did you mean \"{near}\"?"
        ),
        None => {
            log::warn!("broker configuration: unknown configuration key \"{name}\" is ignored");
        }
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

/// A number that its range check made non-negative.
fn usize_of(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<BrokerConfig, ConfigErrors> {
        let properties = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        BrokerConfig::from_properties(&properties)
    }

    #[test]
    fn without_a_file_it_is_one_node_on_loopback() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.node_id, 1);
        assert_eq!(config.data_dir, PathBuf::from("./millrace-data"));
        assert_eq!(config.durability, Durability::Fsync);
        assert_eq!(config.listeners.len(), 1);
        assert_eq!(
            config.listeners[0].bind,
            Endpoint {
                host: "127.0.0.1".into(),
                port: 9092
            }
        );
        assert_eq!(config.groups.initial_rebalance_delay, Duration::ZERO);
        assert_eq!(config.topic_defaults.log_config().retention_ms, 604_800_000);
    }

    #[test]
    fn listeners_are_bound_and_advertised_by_name() {
        let config = parse(&[
            ("listeners", "IN://0.0.0.0:19092,PLAINTEXT://[::1]:9092"),
            ("advertised.listeners", "IN://example.org:9092"),
            (
                "listener.security.protocol.map",
                "IN:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            ),
        ])
        .unwrap();
        assert_eq!(
            config.listeners[0].advertised,
            Some(Endpoint {
                host: "example.org".into(),
                port: 9092
            })
        );
        assert_eq!(config.listeners[1].bind.host, "::1");
        assert_eq!(config.listeners[1].advertised, None);
    }

    #[test]
    fn the_most_specific_retention_key_wins() {
        let table: &[(&[(&str, &str)], i64)] = &[
            (&[("log.retention.hours", "2")], 7_200_000),
            (
                &[("log.retention.hours", "2"), ("log.retention.minutes", "3")],
                180_000,
            ),
            (
                &[("log.retention.minutes", "3"), ("log.retention.ms", "-1")],
                -1,
            ),
        ];
        for (pairs, expected) in table {
            assert_eq!(
                parse(pairs)
                    .unwrap()
                    .topic_defaults
                    .log_config()
                    .retention_ms,
                *expected
            );
        }
    }

    #[test]
    fn what_is_not_there_is_refused_together() {
        let errors = parse(&[
            ("listeners", "SSL://127.0.0.1:9093"),
            ("default.replication.factor", "3"),
            ("authorizer.class.name", "org.example.Authorizer"),
            ("log.dirs", "/a,/b"),
            ("ssl.keystore.location", "/k"),
            ("log.segment.bytes", "many"),
        ])
        .unwrap_err();
        let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
        for key in [
            "listeners",
            "default.replication.factor",
            "authorizer.class.name",
            "log.dirs",
            "ssl.keystore.location",
            "log.segment.bytes",
        ] {
            assert!(keys.contains(&key), "{key} in {keys:?}");
        }
    }

    #[test]
    fn the_file_of_an_apache_kafka_is_accepted() {
        let quorum: &[(&str, &str)] = &[
            ("process.roles", "broker,controller"),
            ("node.id", "3"),
            ("controller.quorum.bootstrap.servers", "localhost:9093"),
            ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
            ("inter.broker.listener.name", "PLAINTEXT"),
            (
                "advertised.listeners",
                "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
            ),
            ("controller.listener.names", "CONTROLLER"),
            (
                "listener.security.protocol.map",
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
            ),
            ("num.network.threads", "3"),
            ("num.io.threads", "8"),
            ("socket.send.buffer.bytes", "102400"),
            ("log.dirs", "/var/lib/log"),
            ("num.recovery.threads.per.data.dir", "1"),
            ("offsets.topic.replication.factor", "1"),
            ("share.coordinator.state.topic.replication.factor", "1"),
            ("transaction.state.log.min.isr", "1"),
            ("log.flush.interval.messages", "10000"),
            ("log.retention.hours", "168"),
            ("log.segment.bytes", "1073741824"),
        ];
        let config = parse(quorum).unwrap();
        assert_eq!((config.node_id, config.listeners.len()), (3, 1));
        assert_eq!(config.listeners[0].name, "PLAINTEXT");
        let zookeeper: &[(&str, &str)] = &[
            ("broker.id", "0"),
            ("zookeeper.connect", "localhost:2181"),
            ("zookeeper.connection.timeout.ms", "18000"),
            ("inter.broker.protocol.version", "3.5"),
            ("log.message.format.version", "3.0"),
            ("auto.leader.rebalance.enable", "false"),
        ];
        assert_eq!(parse(zookeeper).unwrap().node_id, 0);
    }
}
