//! Configuration of topics: Kafka's topic keys, the broker keys that give their defaults, and overrides.

use std::sync::{Arc, OnceLock};

use millrace_config::{
    ConfigDef, ConfigErrors, ConfigKey, Properties, Type, Validator, Value, Values,
};
use millrace_storage::{LogConfig, TimestampPolicy};

/// A topic key: its name, the broker keys that give its default (the first one given wins, multiplied by its
/// factor), its type and its own default.
struct TopicKey {
    name: &'static str,
    broker: &'static [(&'static str, i64)],
    kind: Type,
    default: &'static str,
}

const fn key(
    name: &'static str,
    broker: &'static [(&'static str, i64)],
    kind: Type,
    default: &'static str,
) -> TopicKey {
    TopicKey {
        name,
        broker,
        kind,
        default,
    }
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const LONG_MAX: &str = "9223372036854775807";

#[rustfmt::skip]
const KEYS: &[TopicKey] = &[
    key("cleanup.policy", &[("log.cleanup.policy", 1)], Type::List, "delete"),
    key("compression.gzip.level", &[("compression.gzip.level", 1)], Type::Int, "-1"),
    key("compression.lz4.level", &[("compression.lz4.level", 1)], Type::Int, "9"),
    key("compression.type", &[("compression.type", 1)], Type::String, "producer"),
    key("compression.zstd.level", &[("compression.zstd.level", 1)], Type::Int, "3"),
    key("delete.retention.ms", &[("log.cleaner.delete.retention.ms", 1)], Type::Long, "86400000"),
    key("file.delete.delay.ms", &[("log.segment.delete.delay.ms", 1)], Type::Long, "60000"),
    key("flush.messages", &[("log.flush.interval.messages", 1)], Type::Long, LONG_MAX),
    key("flush.ms", &[("log.flush.interval.ms", 1)], Type::Long, LONG_MAX),
    key("follower.replication.throttled.replicas", &[], Type::List, ""),
    key("index.interval.bytes", &[("log.index.interval.bytes", 1)], Type::Int, "4096"),
    key("leader.replication.throttled.replicas", &[], Type::List, ""),
    key("max.compaction.lag.ms", &[("log.cleaner.max.compaction.lag.ms", 1)], Type::Long, LONG_MAX),
    key("max.message.bytes", &[("message.max.bytes", 1)], Type::Int, "1048588"),
    key("message.timestamp.after.max.ms", &[("log.message.timestamp.after.max.ms", 1)], Type::Long, "3600000"),
    key("message.timestamp.before.max.ms", &[("log.message.timestamp.before.max.ms", 1)], Type::Long, LONG_MAX),
    key("message.timestamp.type", &[("log.message.timestamp.type", 1)], Type::String, "CreateTime"),
    key("min.cleanable.dirty.ratio", &[("log.cleaner.min.cleanable.ratio", 1)], Type::Double, "0.5"),
    key("min.compaction.lag.ms", &[("log.cleaner.min.compaction.lag.ms", 1)], Type::Long, "0"),
    key("min.insync.replicas", &[("min.insync.replicas", 1)], Type::Int, "1"),
    key("preallocate", &[("log.preallocate", 1)], Type::Boolean, "false"),
    key("retention.bytes", &[("log.retention.bytes", 1)], Type::Long, "-1"),
    key("retention.ms", &[
        ("log.retention.ms", 1), ("log.retention.minutes", MINUTE_MS), ("log.retention.hours", HOUR_MS),
    ], Type::Long, "604800000"),
    key("segment.bytes", &[("log.segment.bytes", 1)], Type::Int, "1073741824"),
    key("segment.index.bytes", &[("log.index.size.max.bytes", 1)], Type::Int, "10485760"),
    key("segment.jitter.ms", &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR_MS)], Type::Long, "0"),
    key("segment.ms", &[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)], Type::Long, "604800000"),
    key("unclean.leader.election.enable", &[("unclean.leader.election.enable", 1)], Type::Boolean, "false"),
];

/// Where a value comes from, as DescribeConfigs and CreateTopics number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum ConfigSource {
    Topic = 1,
    StaticBroker = 4,
    Default = 5,
}

/// Why a topic's configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TopicKeyError {
    #[error("Unknown topic config name: {0}")]
    Unknown(String),
    #[error("Null value not supported for topic configs: {0}")]
    Null(String),
    #[error("{0}")]
    Invalid(String),
}

/// The effective configuration of a topic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopicConfig {
    broker: Arc<Properties>,
    overrides: Properties,
    log: LogConfig,
}

impl TopicConfig {
    /// What the broker's properties say about topics that say nothing themselves.
    pub(crate) fn broker_defaults(
        properties: &Properties,
        errors: &mut ConfigErrors,
    ) -> TopicConfig {
        let mut given = Properties::new();
        for topic_key in KEYS {
            match broker_value(topic_key, properties) {
                Ok(Some(text)) => {
                    given.insert(topic_key.name.to_owned(), text);
                }
                Ok(None) => {}
                Err(found) => errors.extend(found),
            }
        }
        let log = parse(&given)
            .map(|values| log_config(&values))
            .unwrap_or_default();
        TopicConfig {
            broker: Arc::new(given),
            overrides: Properties::new(),
            log,
        }
    }

    /// Whether a key of the broker's properties gives the default of a topic key.
    pub(crate) fn is_broker_key(name: &str) -> bool {
        KEYS.iter().any(|topic_key| {
            topic_key
                .broker
                .iter()
                .any(|(broker_key, _)| *broker_key == name)
        })
    }

    /// This configuration with a topic's own values in place of any it had.
    pub(crate) fn with_overrides<'a>(
        &self,
        overrides: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<TopicConfig, TopicKeyError> {
        let mut own = Properties::new();
        for (name, value) in overrides {
            if !KEYS.iter().any(|topic_key| topic_key.name == name) {
                return Err(TopicKeyError::Unknown(name.to_owned()));
            }
            let value = value.ok_or_else(|| TopicKeyError::Null(name.to_owned()))?;
            own.insert(name.to_owned(), value.to_owned());
        }
        let mut effective = (*self.broker).clone();
        effective.extend(own.clone());
        let values = parse(&effective).map_err(|errors| {
            let first = errors.iter().next().map(|error| error.message.clone());
            TopicKeyError::Invalid(first.unwrap_or_default())
        })?;
        Ok(TopicConfig {
            broker: Arc::clone(&self.broker),
            overrides: own,
            log: log_config(&values),
        })
    }

    /// The part that the log acts on.
    pub(crate) fn log_config(&self) -> &LogConfig {
        &self.log
    }

    /// The topic's own values.
    pub(crate) fn overrides(&self) -> &Properties {
        &self.overrides
    }

    /// Every topic key with its effective value and where that comes from.
    pub(crate) fn effective(
        &self,
    ) -> impl Iterator<Item = (&'static str, String, ConfigSource)> + '_ {
        KEYS.iter().map(|topic_key| {
            let name = topic_key.name;
            let (value, source) = match (self.overrides.get(name), self.broker.get(name)) {
                (Some(own), _) => (own.clone(), ConfigSource::Topic),
                (None, Some(broker)) => (broker.clone(), ConfigSource::StaticBroker),
                (None, None) => (topic_key.default.to_owned(), ConfigSource::Default),
            };
            (name, value, source)
        })
    }
}

/// What the broker's properties say of a topic key: the first of its broker keys that is given.
fn broker_value(
    topic_key: &TopicKey,
    properties: &Properties,
) -> Result<Option<String>, ConfigErrors> {
    let given = topic_key
        .broker
        .iter()
        .find_map(|(name, factor)| properties.get(*name).map(|text| (*name, *factor, text)));
    let Some((broker_key, factor, text)) = given else {
        return Ok(None);
    };
    let Some(text) = scaled(text, factor) else {
        let message = format!(
            "Invalid value {text} for configuration {broker_key}: Not a number of type LONG"
        );
        return Err(ConfigErrors::one(broker_key, message));
    };
    let alone = Properties::from([(topic_key.name.to_owned(), text.clone())]);
    match parse(&alone) {
        Ok(_) => Ok(Some(text)),
        Err(found) => Err(found
            .iter()
            .fold(ConfigErrors::default(), |mut errors, error| {
                errors.push(
                    broker_key,
                    error.message.replace(topic_key.name, broker_key),
                );
                errors
            })),
    }
}

fn scaled(text: &str, factor: i64) -> Option<String> {
    if factor == 1 {
        return Some(text.trim().to_owned());
    }
    let number: i64 = text.trim().parse().ok()?;
    let scaled = if number < 0 {
        number
    } else {
        number.saturating_mul(factor)
    };
    Some(scaled.to_string())
}

fn definition() -> &'static ConfigDef {
    static DEFINITION: OnceLock<ConfigDef> = OnceLock::new();
    DEFINITION.get_or_init(|| {
        KEYS.iter().fold(ConfigDef::new(), |definition, topic_key| {
            let key = ConfigKey::new(topic_key.name, topic_key.kind).default(topic_key.default);
            definition.key(match validator(topic_key.name) {
                Some(validator) => key.validator(validator),
                None => key,
            })
        })
    })
}

fn validator(name: &str) -> Option<Validator> {
    Some(match name {
        "cleanup.policy" => Validator::custom(valid_cleanup_policy),
        "compression.type" => {
            Validator::one_of(["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
        }
        "message.timestamp.type" => Validator::one_of(["CreateTime", "LogAppendTime"]),
        "segment.bytes" => Validator::at_least(1_048_576),
        "segment.index.bytes" => Validator::at_least(4),
        "segment.ms" => Validator::at_least(1_i64),
        "flush.messages" | "max.compaction.lag.ms" => Validator::at_least(1_i64),
        "min.insync.replicas" => Validator::at_least(1),
        "retention.ms" => Validator::at_least(-1_i64),
        "index.interval.bytes" | "max.message.bytes" => Validator::at_least(0),
        "delete.retention.ms" | "file.delete.delay.ms" | "flush.ms" | "min.compaction.lag.ms" => {
            Validator::at_least(0_i64)
        }
        "message.timestamp.after.max.ms"
        | "message.timestamp.before.max.ms"
        | "segment.jitter.ms" => Validator::at_least(0_i64),
        "min.cleanable.dirty.ratio" => Validator::between(0.0, 1.0),
        _ => return None,
    })
}

fn valid_cleanup_policy(_name: &str, value: &Value) -> Result<(), String> {
    let known = |policy: &String| matches!(policy.as_str(), "compact" | "delete");
    match value.as_list() {
        Some(policies) if !policies.is_empty() && policies.iter().all(known) => Ok(()),
        _ => Err("String must be one of: compact, delete".to_owned()),
    }
}

fn parse(properties: &Properties) -> Result<Values, ConfigErrors> {
    definition().parse(properties)
}

fn log_config(values: &Values) -> LogConfig {
    let long = |name: &str| values.value(name).as_integer().unwrap_or_default();
    let size = |name: &str| u32::try_from(long(name)).unwrap_or_default();
    let policies = values.value("cleanup.policy").as_list().unwrap_or_default();
    LogConfig {
        segment_bytes: size("segment.bytes"),
        segment_ms: long("segment.ms"),
        segment_index_bytes: size("segment.index.bytes"),
        index_interval_bytes: size("index.interval.bytes"),
        retention_ms: long("retention.ms"),
        retention_bytes: long("retention.bytes"),
        delete: policies.iter().any(|policy| policy == "delete"),
        compact: policies.iter().any(|policy| policy == "compact"),
        min_cleanable_dirty_ratio: values
            .value("min.cleanable.dirty.ratio")
            .as_double()
            .unwrap_or_default(),
        min_compaction_lag_ms: long("min.compaction.lag.ms"),
        max_compaction_lag_ms: long("max.compaction.lag.ms"),
        delete_retention_ms: long("delete.retention.ms"),
        max_message_bytes: size("max.message.bytes"),
        timestamp_policy: match values.value("message.timestamp.type").as_str() {
            Some("LogAppendTime") => TimestampPolicy::LogAppendTime,
            _ => TimestampPolicy::CreateTime,
        },
        timestamp_before_max_ms: long("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: long("message.timestamp.after.max.ms"),
        file_delete_delay_ms: long("file.delete.delay.ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> TopicConfig {
        TopicConfig::broker_defaults(&Properties::new(), &mut ConfigErrors::default())
    }

    #[test]
    fn defaults_are_those_of_the_log() {
        assert_eq!(*defaults().log_config(), LogConfig::default());
    }

    #[test]
    fn overrides_win_and_are_told_apart() {
        let config = defaults()
            .with_overrides([
                ("retention.ms", Some("5")),
                ("cleanup.policy", Some("compact")),
            ])
            .unwrap();
        assert_eq!(config.log_config().retention_ms, 5);
        assert!(config.log_config().compact && !config.log_config().delete);
        let row = config
            .effective()
            .find(|(name, ..)| *name == "retention.ms")
            .unwrap();
        assert_eq!(row, ("retention.ms", "5".to_owned(), ConfigSource::Topic));
    }

    #[test]
    fn bad_overrides_are_refused_in_kafkas_words() {
        let table = [
            (
                "retention.ms",
                Some("x"),
                "Invalid value x for configuration retention.ms: Not a number of type LONG",
            ),
            ("no.such", Some("x"), "Unknown topic config name: no.such"),
            (
                "retention.ms",
                None,
                "Null value not supported for topic configs: retention.ms",
            ),
        ];
        for (name, value, expected) in table {
            let error = defaults().with_overrides([(name, value)]).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        for (name, value) in [
            ("segment.bytes", "100"),
            ("cleanup.policy", "tidy"),
            ("message.timestamp.type", "now"),
        ] {
            assert!(
                defaults().with_overrides([(name, Some(value))]).is_err(),
                "{name}"
            );
        }
    }
}
