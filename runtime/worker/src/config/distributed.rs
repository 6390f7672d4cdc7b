//! The keys of a worker in a group, beside those that every worker has (contract connect-rest, section 6).

use std::collections::BTreeMap;
use std::time::Duration;

use millrace_config::{Config, ConfigDef, ConfigEnum, ConfigErrors, Properties, Value};

use super::milliseconds;
use crate::group::protocol::Version;
use crate::store::topic::ensure::{Replication, Wanted};
use crate::store::topic::session_key::Algorithm;

/// How many replicas the topics of a group get unless it is set.
const REPLICAS: i16 = 3;

/// How workers of a group share their work (`connect.protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
pub enum Protocol {
    /// All work stops in every rebalance.
    #[config(name = "eager")]
    Eager,
    /// Only what moves stops.
    #[config(name = "compatible")]
    Compatible,
    /// The same, and requests between workers are signed.
    #[config(name = "sessioned")]
    Sessioned,
}

impl Protocol {
    pub(crate) fn version(self) -> Version {
        match self {
            Self::Eager => Version::Eager,
            Self::Compatible => Version::Compatible,
            Self::Sessioned => Version::Sessioned,
        }
    }
}

/// Settings of a worker in a group.
#[derive(Debug, Clone, Config)]
pub struct DistributedConfig {
    /// The group that the workers form; no consumer may have the same.
    #[config(name = "group.id", importance = high, non_empty)]
    pub group_id: String,
    /// The topic of connectors and their tasks; one partition.
    #[config(name = "config.storage.topic", importance = high, non_empty)]
    pub config_topic: String,
    /// Its replicas; unless set, 3 or as many as there are nodes. -1 is the brokers' default.
    #[config(name = "config.storage.replication.factor", importance = low, validator = positive_or_default)]
    pub config_replicas: Option<i32>,
    /// The topic of how far sources have got.
    #[config(name = "offset.storage.topic", importance = high, non_empty)]
    pub offset_topic: String,
    /// Its replicas; unless set, 3 or as many as there are nodes. -1 is the brokers' default.
    #[config(name = "offset.storage.replication.factor", importance = low, validator = positive_or_default)]
    pub offset_replicas: Option<i32>,
    /// Its partitions; -1 is the brokers' default.
    #[config(name = "offset.storage.partitions", default = 25, importance = low, validator = positive_or_default)]
    pub offset_partitions: i32,
    /// The topic of states.
    #[config(name = "status.storage.topic", importance = high, non_empty)]
    pub status_topic: String,
    /// Its replicas; unless set, 3 or as many as there are nodes. -1 is the brokers' default.
    #[config(name = "status.storage.replication.factor", importance = low, validator = positive_or_default)]
    pub status_replicas: Option<i32>,
    /// Its partitions; -1 is the brokers' default.
    #[config(name = "status.storage.partitions", default = 5, importance = low, validator = positive_or_default)]
    pub status_partitions: i32,
    /// How the work is shared.
    #[config(name = "connect.protocol", default = "sessioned", importance = low)]
    pub protocol: Protocol,
    /// Silence after which a worker counts as gone, in milliseconds.
    #[config(name = "session.timeout.ms", default = 10_000, range(1..), importance = high)]
    pub session_timeout_ms: i32,
    /// How often a worker says that it is there, in milliseconds.
    #[config(name = "heartbeat.interval.ms", default = 3_000, range(1..), importance = high)]
    pub heartbeat_interval_ms: i32,
    /// How long a rebalance waits for a worker, in milliseconds.
    #[config(name = "rebalance.timeout.ms", default = 60_000, range(1..), importance = high)]
    pub rebalance_timeout_ms: i32,
    /// How long the work of a worker that is gone waits for its return, in milliseconds.
    #[config(name = "scheduled.rebalance.max.delay.ms", default = 300_000, range(0..), importance = low)]
    pub max_delay_ms: i32,
    /// How long catching up with the config topic may take in a rebalance, in milliseconds.
    #[config(name = "worker.sync.timeout.ms", default = 3_000, range(1..), importance = medium)]
    pub sync_timeout_ms: i32,
    /// How long a worker that could not catch up stays away with `connect.protocol=eager`, in milliseconds.
    #[config(name = "worker.unsync.backoff.ms", default = 300_000, range(1..), importance = medium)]
    pub unsync_backoff_ms: i32,
    /// What keys of signatures are made for.
    #[config(name = "inter.worker.key.generation.algorithm", default = "HmacSHA256", importance = low, validator = algorithm)]
    pub key_algorithm: String,
    /// The length of such a key in bits; unless set, that of the algorithm.
    #[config(name = "inter.worker.key.size", importance = low)]
    pub key_bits: Option<i32>,
    /// How long such a key is used, in milliseconds; 0 for ever.
    #[config(name = "inter.worker.key.ttl.ms", default = 3_600_000, range(0..), importance = low)]
    pub key_ttl_ms: i32,
    /// How this worker signs.
    #[config(name = "inter.worker.signature.algorithm", default = "HmacSHA256", importance = low, validator = algorithm)]
    pub signature_algorithm: String,
    /// Which signatures it takes.
    #[config(name = "inter.worker.verification.algorithms", default = "HmacSHA256", importance = low, validator = algorithms)]
    pub verification_algorithms: Vec<String>,
}

fn positive_or_default(key: &str, value: &Value) -> Result<(), String> {
    match value.as_integer() {
        Some(number) if number == -1 || number > 0 => Ok(()),
        None => Ok(()),
        Some(number) => Err(format!(
            "{key} is {number}: it must be positive, or -1 for the brokers' default"
        )),
    }
}

fn known(name: &str) -> Result<(), String> {
    Algorithm::named(name).map(drop).ok_or_else(|| {
        format!("{name} is not built in; HmacSHA224, HmacSHA256, HmacSHA384 and HmacSHA512 are")
    })
}

fn algorithm(_key: &str, value: &Value) -> Result<(), String> {
    known(value.as_str().unwrap_or_default())
}

fn algorithms(_key: &str, value: &Value) -> Result<(), String> {
    value
        .as_list()
        .unwrap_or_default()
        .iter()
        .try_for_each(|name| known(name))
}

impl DistributedConfig {
    /// Parses a worker's properties.
    ///
    /// # Errors
    /// Everything that is wrong with these keys, together.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigErrors> {
        let config = <Self as Config>::parse(properties)?;
        let mut errors = ConfigErrors::default();
        let signs = Algorithm::named(&config.signature_algorithm);
        let takes = |name: &String| Algorithm::named(name) == signs;
        if !config.verification_algorithms.iter().any(takes) {
            errors.push(
                "inter.worker.signature.algorithm",
                format!(
                    "inter.worker.verification.algorithms must include {}, which inter.worker.signature.algorithm names",
                    config.signature_algorithm
                ),
            );
        }
        let topics = [
            &config.config_topic,
            &config.offset_topic,
            &config.status_topic,
        ];
        if topics[0] == topics[1] || topics[0] == topics[2] || topics[1] == topics[2] {
            errors.push(
                "config.storage.topic",
                "config.storage.topic, offset.storage.topic and status.storage.topic must be three topics".to_owned(),
            );
        }
        errors.into_result(config)
    }

    /// All keys that only such a worker may have.
    pub(crate) fn known_keys() -> ConfigDef {
        [
            "config.storage.",
            "offset.storage.",
            "status.storage.",
            "client.",
            "metadata.",
        ]
        .into_iter()
        .fold(Self::definition(), ConfigDef::open_prefix)
        .with(millrace_client::ClusterConfig::definition())
    }

    /// The three topics as they must be, in the order in which they are made.
    pub(crate) fn topics(&self, properties: &Properties) -> [Wanted; 3] {
        let wanted = |key: &'static str, purpose, topic: &str, partitions: i32, replicas| Wanted {
            topic: topic.to_owned(),
            key,
            purpose,
            partitions: (partitions > 0).then_some(partitions),
            replication: replication(replicas),
            settings: settings(key.trim_end_matches("topic"), properties),
        };
        [
            wanted(
                "offset.storage.topic",
                "source connector offsets",
                &self.offset_topic,
                self.offset_partitions,
                self.offset_replicas,
            ),
            wanted(
                "status.storage.topic",
                "connector and task statuses",
                &self.status_topic,
                self.status_partitions,
                self.status_replicas,
            ),
            wanted(
                "config.storage.topic",
                "connector configurations",
                &self.config_topic,
                1,
                self.config_replicas,
            ),
        ]
    }

    pub(crate) fn max_delay(&self) -> Duration {
        milliseconds(self.max_delay_ms.into())
    }

    pub(crate) fn sync_timeout(&self) -> Duration {
        milliseconds(self.sync_timeout_ms.into())
    }
}

fn replication(set: Option<i32>) -> Replication {
    match set {
        None => Replication::AtMost(REPLICAS),
        Some(number) => Replication::Set(i16::try_from(number).ok().filter(|number| *number > 0)),
    }
}

/// The settings of a topic among a worker's keys: what follows `prefix`, those left out that have a meaning of their own.
fn settings(prefix: &str, properties: &Properties) -> BTreeMap<String, String> {
    let below = properties
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
    let mut settings = BTreeMap::new();
    for (key, value) in below {
        match key {
            "topic" | "replication.factor" | "file.filename" => {}
            "partitions" if prefix == "config.storage." => {
                log::warn!(
                    "config.storage.partitions has no effect: the config topic has one partition"
                );
            }
            "partitions" => {}
            "cleanup.policy" => {
                log::warn!("{prefix}cleanup.policy has no effect: the topic is compacted");
            }
            key => {
                settings.insert(key.to_owned(), value.clone());
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use millrace_config::Properties;

    use super::{DistributedConfig, Replication};

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        let common = [
            ("group.id", "g"),
            ("config.storage.topic", "c"),
            ("offset.storage.topic", "o"),
            ("status.storage.topic", "s"),
        ];
        millrace_testkit::properties(common.iter().chain(pairs))
    }

    #[test]
    fn topics_get_what_was_set_and_sound_defaults() {
        let given = properties(&[
            ("offset.storage.replication.factor", "2"),
            ("status.storage.replication.factor", "-1"),
            ("status.storage.partitions", "-1"),
            ("config.storage.partitions", "7"),
            ("config.storage.min.insync.replicas", "2"),
            ("config.storage.cleanup.policy", "delete"),
        ]);
        let config = DistributedConfig::from_properties(&given).unwrap();
        let [offset, status, config] = config.topics(&given);
        assert_eq!(
            (offset.partitions, offset.replication),
            (Some(25), Replication::Set(Some(2)))
        );
        assert_eq!(
            (status.partitions, status.replication),
            (None, Replication::Set(None))
        );
        assert_eq!(
            (config.partitions, config.replication),
            (Some(1), Replication::AtMost(3))
        );
        assert_eq!(config.settings.len(), 1);
        assert_eq!(config.settings["min.insync.replicas"], "2");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (key, value) in [
            ("offset.storage.replication.factor", "0"),
            ("status.storage.partitions", "-2"),
            ("connect.protocol", "lazy"),
            ("inter.worker.signature.algorithm", "HmacMD5"),
            ("inter.worker.verification.algorithms", "HmacSHA512"),
            ("status.storage.topic", "c"),
            ("group.id", ""),
        ] {
            let given = properties(&[(key, value)]);
            assert!(DistributedConfig::from_properties(&given).is_err(), "{key}");
        }
    }
}
