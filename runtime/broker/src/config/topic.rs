//! Configuration of topics: a topic's own values, and below them what the broker's keys say.

mod keys;

use std::sync::Arc;

use millrace_config::{ConfigErrors, Properties, Values};
use millrace_storage::{LogConfig, StoredCompression, TimestampPolicy};
use millrace_wire::compression::Compression;

use super::entry::{ConfigEntry, canonical};
use super::layers::{BrokerLayers, ConfigSource, Synonym};
use keys::{KEYS, TopicKey, definition, find, has_effect};

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

/// What the broker's keys say about topics that say nothing themselves.
#[derive(Debug, Default, PartialEq)]
struct BrokerDefaults {
    layers: BrokerLayers,
    /// The topic keys that the broker's keys give a value.
    given: Properties,
}

/// The effective configuration of a topic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopicConfig {
    broker: Arc<BrokerDefaults>,
    overrides: Properties,
    log: LogConfig,
}

impl TopicConfig {
    /// What the broker says about topics that say nothing themselves.
    pub(crate) fn broker_defaults(layers: BrokerLayers, errors: &mut ConfigErrors) -> TopicConfig {
        let merged = layers.merged();
        let mut given = Properties::new();
        for topic_key in KEYS {
            match broker_value(topic_key, &merged) {
                Ok(Some(text)) => {
                    given.insert(topic_key.name.to_owned(), text);
                }
                Ok(None) => {}
                Err(found) => errors.extend(found),
            }
        }
        let mut log = LogConfig::default();
        if let Ok(values) = parse(&given) {
            if let Err(message) = check_together(&values) {
                errors.push("log.cleaner.min.compaction.lag.ms", message);
            }
            log = log_config(&values);
        }
        TopicConfig {
            broker: Arc::new(BrokerDefaults { layers, given }),
            overrides: Properties::new(),
            log,
        }
    }

    /// Whether a key of the broker's properties gives the default of a topic key.
    pub(crate) fn is_broker_key(name: &str) -> bool {
        topic_key_of(name).is_some()
    }

    /// This configuration with a topic's own values in place of any it had.
    pub(crate) fn with_overrides<'a>(
        &self,
        overrides: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<TopicConfig, TopicKeyError> {
        let mut own = Properties::new();
        for (name, value) in overrides {
            if find(name).is_none() {
                return Err(TopicKeyError::Unknown(name.to_owned()));
            }
            let value = value.ok_or_else(|| TopicKeyError::Null(name.to_owned()))?;
            own.insert(name.to_owned(), value.to_owned());
        }
        let mut effective = self.broker.given.clone();
        effective.extend(own.clone());
        let values = parse(&effective).map_err(|errors| {
            let first = errors.iter().next().map(|error| error.message.clone());
            TopicKeyError::Invalid(first.unwrap_or_default())
        })?;
        check_together(&values).map_err(TopicKeyError::Invalid)?;
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

    /// Whether a key's value is a list; `None` for a key that topics do not have.
    pub(crate) fn is_list(name: &str) -> Option<bool> {
        find(name).map(|topic_key| topic_key.kind == millrace_config::Type::List)
    }

    /// The value of a key for a topic that says nothing itself, in Kafka's own defaults.
    pub(crate) fn default_of(name: &str) -> &'static str {
        find(name).map_or("", |topic_key| topic_key.default)
    }

    /// Every topic key with its effective value and where that comes from, as CreateTopics answers.
    pub(crate) fn effective(
        &self,
    ) -> impl Iterator<Item = (&'static str, String, ConfigSource)> + '_ {
        KEYS.iter().map(|topic_key| {
            let source = match self.overrides.get(topic_key.name) {
                Some(_) => ConfigSource::Topic,
                None => topic_key
                    .broker
                    .iter()
                    .find_map(|(name, _)| self.broker.layers.given(name))
                    .map_or(ConfigSource::Default, |(_, source)| source),
            };
            (topic_key.name, self.value(topic_key), source)
        })
    }

    /// Every topic key as DescribeConfigs shows it. The first broker key of each is the one whose values are its
    /// synonyms, as in Apache Kafka.
    pub(crate) fn entries(&self) -> Vec<ConfigEntry> {
        KEYS.iter().map(|topic_key| self.entry(topic_key)).collect()
    }

    fn entry(&self, topic_key: &TopicKey) -> ConfigEntry {
        let value = self.value(topic_key);
        let own = self
            .overrides
            .contains_key(topic_key.name)
            .then(|| Synonym {
                name: topic_key.name.to_owned(),
                value: Some(value.clone()),
                source: ConfigSource::Topic,
            });
        let broker = topic_key.broker.first();
        let broker = broker.map(|(name, _)| self.broker.layers.synonyms(name));
        let synonyms: Vec<Synonym> = own.into_iter().chain(broker.unwrap_or_default()).collect();
        ConfigEntry {
            name: topic_key.name.to_owned(),
            value: Some(value),
            is_read_only: false,
            is_secret: false,
            source: synonyms
                .first()
                .map_or(ConfigSource::Default, |first| first.source),
            synonyms,
            kind: Some(topic_key.kind),
            documentation: Some(topic_key.documentation.to_owned()),
        }
    }

    fn value(&self, topic_key: &TopicKey) -> String {
        let text = self
            .overrides
            .get(topic_key.name)
            .or_else(|| self.broker.given.get(topic_key.name))
            .map_or(topic_key.default, String::as_str);
        canonical(Some(topic_key.kind), text)
    }
}

/// The topic key whose default a broker's key gives.
fn topic_key_of(broker_key: &str) -> Option<&'static TopicKey> {
    KEYS.iter()
        .find(|topic_key| topic_key.broker.iter().any(|(name, _)| *name == broker_key))
}

/// What a broker's key means that gives the default of a topic key, and whether the included broker acts on it.
pub(super) fn meaning_of_broker_key(broker_key: &str) -> Option<(String, bool)> {
    topic_key_of(broker_key).map(|topic_key| {
        let documentation = format!(
            "The {} of topics that do not set it themselves. {}",
            topic_key.name, topic_key.documentation
        );
        (documentation, has_effect(topic_key.name))
    })
}

/// Checks that the values of several keys go together.
fn check_together(values: &Values) -> Result<(), String> {
    let long = |name: &str| values.value(name).as_integer().unwrap_or_default();
    let (min, max) = (long("min.compaction.lag.ms"), long("max.compaction.lag.ms"));
    if min > max {
        return Err(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
        ));
    }
    if values.value("remote.storage.enable").to_text().as_deref() == Some("true") {
        return Err(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
             storage."
                .to_owned(),
        );
    }
    Ok(())
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

fn parse(properties: &Properties) -> Result<Values, ConfigErrors> {
    let values = definition().parse(properties)?;
    let policies = values.value("cleanup.policy").as_list().unwrap_or_default();
    let unknown = policies
        .iter()
        .find(|policy| !matches!(policy.as_str(), "compact" | "delete"));
    match unknown {
        None => Ok(values),
        Some(policy) => Err(ConfigErrors::one(
            "cleanup.policy",
            format!(
                "Invalid value {policy} for configuration cleanup.policy: String must be one of: compact, delete"
            ),
        )),
    }
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
        compression: stored_compression(values),
        timestamp_policy: match values.value("message.timestamp.type").as_str() {
            Some("LogAppendTime") => TimestampPolicy::LogAppendTime,
            _ => TimestampPolicy::CreateTime,
        },
        timestamp_before_max_ms: long("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: long("message.timestamp.after.max.ms"),
        file_delete_delay_ms: long("file.delete.delay.ms"),
    }
}

/// What `compression.type` and the level of its codec ask for; lz4 has one level here.
fn stored_compression(values: &Values) -> Option<StoredCompression> {
    let level = |name: &str| {
        let level = values.value(name).as_integer()?;
        i32::try_from(level).ok()
    };
    let stored = |codec, level| Some(StoredCompression { codec, level });
    match values.value("compression.type").as_str()? {
        "uncompressed" => stored(Compression::None, None),
        "gzip" => stored(Compression::Gzip, level("compression.gzip.level")),
        "snappy" => stored(Compression::Snappy, None),
        "lz4" => stored(Compression::Lz4, None),
        "zstd" => stored(Compression::Zstd, level("compression.zstd.level")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> TopicConfig {
        TopicConfig::broker_defaults(BrokerLayers::default(), &mut ConfigErrors::default())
    }

    #[test]
    fn defaults_are_those_of_the_log() {
        assert_eq!(*defaults().log_config(), LogConfig::default());
    }

    #[test]
    fn keys_of_the_broker_must_go_together_too() {
        let file = Properties::from([(
            "log.cleaner.max.compaction.lag.ms".to_owned(),
            "5".to_owned(),
        )]);
        for (min, expected) in [("5", 0), ("6", 1)] {
            let mut layers = BrokerLayers::of_file(Arc::new(file.clone()));
            let key = "log.cleaner.min.compaction.lag.ms".to_owned();
            layers.node.insert(key, min.to_owned());
            let mut errors = ConfigErrors::default();
            let _config = TopicConfig::broker_defaults(layers, &mut errors);
            assert_eq!(errors.iter().count(), expected, "{min}");
        }
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
    fn a_codec_of_the_topic_comes_with_its_level() {
        let stored = |codec, level| Some(StoredCompression { codec, level });
        for (name, expected) in [
            ("producer", None),
            ("uncompressed", stored(Compression::None, None)),
            ("gzip", stored(Compression::Gzip, Some(-1))),
            ("snappy", stored(Compression::Snappy, None)),
            ("lz4", stored(Compression::Lz4, None)),
            ("zstd", stored(Compression::Zstd, Some(7))),
        ] {
            let config = defaults()
                .with_overrides([
                    ("compression.type", Some(name)),
                    ("compression.zstd.level", Some("7")),
                ])
                .unwrap();
            assert_eq!(config.log_config().compression, expected, "{name}");
        }
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
