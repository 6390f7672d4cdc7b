//! The producer's configuration, by Kafka's keys.

use std::time::Duration;

use millrace_config::{Config, ConfigErrors, Properties, Sound, Value, refused};
use millrace_wire::compression::Compression;

use super::partitioner::Partitioning;
use crate::config::{ClusterConfig, interceptors, millis};

const LZ4_LEVEL: &str = "compression.lz4.level";
/// Brokers remember this many batches of a producer a partition.
const MAX_IDEMPOTENT_IN_FLIGHT: i32 = 5;

/// What can be set, as it is written in a file.
#[derive(Debug, Clone, PartialEq, Config)]
struct Keys {
    #[config(flatten)]
    cluster: ClusterConfig,
    /// Who must have a batch before it counts as delivered: 0 nobody, 1 the leader, all (or -1) all
    /// replicas.
    #[config(default = "all", validator = acks)]
    acks: String,
    /// Bytes of records that may wait for delivery; beyond them `append` has no room.
    #[config(name = "buffer.memory", default = 33_554_432, range(0..), importance = high)]
    buffer_memory: i64,
    /// How batches are compressed: none, gzip, snappy, lz4 or zstd.
    #[config(name = "compression.type", default = "none", validator = compression, importance = high)]
    compression_type: String,
    /// Level of gzip, 1 to 9; -1 for its default.
    #[config(name = "compression.gzip.level", default = -1, validator = gzip_level)]
    compression_gzip_level: i32,
    /// Level of lz4, 1 to 17. Checked, but without effect: this client's lz4 has one level, a fast one.
    #[config(name = "compression.lz4.level", default = 9, range(1..=17))]
    compression_lz4_level: i32,
    /// Level of zstd, -131072 to 22.
    #[config(name = "compression.zstd.level", default = 3, range(-131_072..=22))]
    compression_zstd_level: i32,
    /// How often a batch is sent again after an error that may pass.
    #[config(default = 2_147_483_647, range(0..), importance = high)]
    retries: i32,
    /// Bytes of a batch before compression.
    #[config(name = "batch.size", default = 16_384, range(0..))]
    batch_size: i32,
    /// How long a batch waits for more records, in milliseconds.
    #[config(name = "linger.ms", default = 5, range(0..))]
    linger_ms: i64,
    /// How long after it was taken a record must be delivered, in milliseconds.
    #[config(name = "delivery.timeout.ms", default = 120_000, range(0..))]
    delivery_timeout_ms: i32,
    /// Bytes of a request, and with that of a record.
    #[config(name = "max.request.size", default = 1_048_576, range(0..))]
    max_request_size: i32,
    /// How long to wait for metadata or room, in milliseconds.
    #[config(name = "max.block.ms", default = 60_000, range(0..))]
    max_block_ms: i64,
    /// Requests that a broker may have to answer at a time.
    #[config(name = "max.in.flight.requests.per.connection", default = 5, range(1..), importance = low)]
    max_in_flight: i32,
    /// Whether brokers recognise batches that come twice; true unless other keys rule it out.
    #[config(name = "enable.idempotence", importance = low)]
    enable_idempotence: Option<bool>,
    /// How partitions are chosen for records that name none: a class of Kafka's or its short name,
    /// default, sticky or roundrobin.
    #[config(name = "partitioner.class", validator = partitioner)]
    partitioner_class: Option<String>,
    /// Whether records with keys are spread as if they had none.
    #[config(name = "partitioner.ignore.keys", default = false)]
    ignore_keys: bool,
    /// Whether records without keys go to partitions with fewer waiting batches more often.
    #[config(name = "partitioner.adaptive.partitioning.enable", default = true, importance = low)]
    adaptive: bool,
    /// After how many milliseconds in which a broker took nothing records without keys avoid it; 0
    /// for never.
    #[config(name = "partitioner.availability.timeout.ms", default = 0, range(0..), importance = low)]
    availability_timeout_ms: i64,
    /// Hooks around sending; they are Rust code and given by the program.
    #[config(name = "interceptor.classes", default = "", validator = interceptors, importance = low)]
    interceptor_classes: Vec<String>,
}

/// How a producer batches, waits and retries.
#[derive(Debug, Clone, PartialEq)]
pub struct ProducerConfig {
    /// What it shares with other clients.
    pub cluster: ClusterConfig,
    /// `acks`: 0, 1 or -1 for all.
    pub acks: i16,
    /// `buffer.memory`, in bytes.
    pub buffer_memory: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// The level of the codec, where it has one.
    pub compression_level: Option<i32>,
    /// `retries`.
    pub retries: u32,
    /// `batch.size`, in bytes.
    pub batch_size: usize,
    /// `linger.ms`.
    pub linger: Duration,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `max.request.size`, in bytes.
    pub max_request_size: usize,
    /// `max.block.ms`.
    pub max_block: Duration,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `enable.idempotence`, or what follows from the other keys.
    pub idempotence: bool,
    /// Whether `enable.idempotence` was set, so that doing without is no choice.
    pub idempotence_required: bool,
    /// How partitions are chosen for records that name none: `partitioner.class` and
    /// `partitioner.ignore.keys`, or one's own.
    pub partitioning: Partitioning,
    /// How records without keys heed the brokers' speed.
    pub adaptive: Adaptive,
}

/// How the choice of partitions for records without keys heeds the brokers' speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adaptive {
    /// `partitioner.adaptive.partitioning.enable`.
    pub enabled: bool,
    /// `partitioner.availability.timeout.ms`; none for never.
    pub availability_timeout: Option<Duration>,
    /// `linger.ms`: before it a batch does not wait for its broker.
    pub linger: Duration,
}

impl Adaptive {
    fn new(linger: Duration) -> Self {
        Self {
            enabled: true,
            availability_timeout: None,
            linger,
        }
    }
}

impl ProducerConfig {
    /// The definition of all keys, for documentation and verdicts.
    #[must_use]
    pub fn definition() -> millrace_config::ConfigDef {
        Keys::definition()
    }

    /// Reads the keys; unknown ones are left alone.
    ///
    /// # Errors
    ///
    /// All values that cannot be, and all that contradict each other.
    pub fn parse(given: &Properties) -> Result<Self, ConfigErrors> {
        let mut errors = Keys::parse(given).err().unwrap_or_default();
        if let Some(sound) = Sound::<Keys>::read(given, &[("bootstrap.servers", "-:1")]) {
            errors.extend(contradictions(&sound, given));
        }
        errors.into_result(())?;
        let keys = Keys::parse(given)?;
        if compression_name(&keys) == Compression::Lz4 && given.contains_key(LZ4_LEVEL) {
            log::warn!(
                "{LZ4_LEVEL}={} has no effect: lz4 has one level here",
                keys.compression_lz4_level
            );
        }
        Ok(keys.into())
    }

    /// The defaults of all keys but where the brokers are.
    #[must_use]
    pub fn at(bootstrap_servers: &str) -> Self {
        Self {
            cluster: ClusterConfig::at(bootstrap_servers),
            acks: -1,
            buffer_memory: 32 << 20,
            compression: Compression::None,
            compression_level: None,
            retries: i32::MAX.unsigned_abs(),
            batch_size: 16 << 10,
            linger: Duration::from_millis(5),
            delivery_timeout: Duration::from_secs(120),
            max_request_size: 1 << 20,
            max_block: Duration::from_secs(60),
            max_in_flight: 5,
            idempotence: true,
            idempotence_required: false,
            partitioning: Partitioning::ByKey,
            adaptive: Adaptive::new(Duration::from_millis(5)),
        }
    }
}

impl From<Keys> for ProducerConfig {
    fn from(keys: Keys) -> Self {
        let compression = compression_name(&keys);
        let needed = delivery_needs(&keys);
        let acks = acks_number(&keys.acks).unwrap_or(-1);
        let ruled_out =
            acks != -1 || keys.retries == 0 || keys.max_in_flight > MAX_IDEMPOTENT_IN_FLIGHT;
        let named = keys.partitioner_class.as_deref();
        let partitioning = match named.and_then(Partitioning::named).unwrap_or_default() {
            Partitioning::ByKey if keys.ignore_keys => Partitioning::Sticky,
            partitioning => partitioning,
        };
        Self {
            cluster: keys.cluster,
            acks,
            buffer_memory: size(keys.buffer_memory),
            compression,
            compression_level: match compression {
                Compression::Gzip => Some(keys.compression_gzip_level).filter(|&level| level >= 0),
                Compression::Zstd => Some(keys.compression_zstd_level),
                Compression::None | Compression::Snappy | Compression::Lz4 => None,
            },
            retries: keys.retries.unsigned_abs(),
            batch_size: size(keys.batch_size.into()),
            linger: millis(keys.linger_ms),
            delivery_timeout: millis(needed.max(keys.delivery_timeout_ms.into())),
            max_request_size: size(keys.max_request_size.into()),
            max_block: millis(keys.max_block_ms),
            max_in_flight: size(keys.max_in_flight.into()),
            idempotence: keys.enable_idempotence.unwrap_or(!ruled_out),
            idempotence_required: keys.enable_idempotence == Some(true),
            partitioning,
            adaptive: Adaptive {
                enabled: keys.adaptive,
                availability_timeout: Some(millis(keys.availability_timeout_ms))
                    .filter(|timeout| !timeout.is_zero()),
                linger: millis(keys.linger_ms),
            },
        }
    }
}

/// What is wrong with keys together, of which each by itself is right.
fn contradictions(sound: &Sound<Keys>, given: &Properties) -> ConfigErrors {
    let keys = sound.config();
    let mut errors = ConfigErrors::default();
    let mut refuse = |key: &str, why: &str| {
        let value = given.get(key).map_or("null", String::as_str);
        let (key, message) = refused(key, value, why);
        if sound.are_sound(&[&key]) {
            errors.push(key, message);
        }
    };
    if keys.enable_idempotence == Some(true) {
        if acks_number(&keys.acks) != Some(-1) {
            refuse(
                "acks",
                "Must set acks to all in order to use the idempotent producer.",
            );
        }
        if keys.retries == 0 {
            refuse(
                "retries",
                "Must set retries to non-zero when using the idempotent producer.",
            );
        }
        if keys.max_in_flight > MAX_IDEMPOTENT_IN_FLIGHT {
            refuse(
                "max.in.flight.requests.per.connection",
                "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer.",
            );
        }
    }
    let needed = delivery_needs(keys);
    if sound.are_sound(&["linger.ms", "request.timeout.ms"])
        && given.contains_key("delivery.timeout.ms")
        && i64::from(keys.delivery_timeout_ms) < needed
    {
        let message =
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms";
        refuse("delivery.timeout.ms", message);
    }
    if given.contains_key("transactional.id") {
        refuse(
            "transactional.id",
            "transactions are not supported by this client; leave it out",
        );
    }
    errors
}

/// The milliseconds that a batch takes which waits for more records, is sent and not answered; delivery may not take
/// less.
fn delivery_needs(keys: &Keys) -> i64 {
    keys.linger_ms
        .saturating_add(keys.cluster.request_timeout_ms.into())
}

fn compression_name(keys: &Keys) -> Compression {
    Compression::from_name(&keys.compression_type).unwrap_or_default()
}

fn acks_number(text: &str) -> Option<i16> {
    match text.trim() {
        "all" | "-1" => Some(-1),
        "0" => Some(0),
        "1" => Some(1),
        _ => None,
    }
}

fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

fn acks(_: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(text) if acks_number(text).is_none() => {
            Err("String must be one of: all, -1, 0, 1".to_owned())
        }
        _ => Ok(()),
    }
}

fn gzip_level(_: &str, value: &Value) -> Result<(), String> {
    match value.as_integer() {
        Some(-1 | 1..=9) | None => Ok(()),
        Some(_) => Err("Value must be between 1 and 9, or -1 for the default".to_owned()),
    }
}

fn partitioner(_: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(name) if Partitioning::named(name).is_none() => Err(
            "known are default, sticky and roundrobin; one of your own is given in code".to_owned(),
        ),
        _ => Ok(()),
    }
}

fn compression(_: &str, value: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    match Compression::from_name(text) {
        Some(codec) if codec.is_built_in() => Ok(()),
        Some(codec) => Err(format!(
            "this build has no {codec} codec; turn on its feature {codec}, or choose another"
        )),
        None => Err("String must be one of: none, gzip, snappy, lz4, zstd".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<ProducerConfig, ConfigErrors> {
        let all = [("bootstrap.servers", "a:1")].iter().chain(pairs);
        ProducerConfig::parse(
            &all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn defaults_are_kafkas() {
        assert_eq!(parse(&[]).unwrap(), ProducerConfig::at("a:1"));
    }

    #[test]
    fn idempotence_gives_way_to_keys_that_rule_it_out_unless_it_was_asked_for() {
        for ruled_out in [
            ("acks", "1"),
            ("acks", "0"),
            ("retries", "0"),
            ("max.in.flight.requests.per.connection", "6"),
        ] {
            assert!(!parse(&[ruled_out]).unwrap().idempotence, "{ruled_out:?}");
            let error = parse(&[ruled_out, ("enable.idempotence", "true")]).unwrap_err();
            assert!(error.to_string().contains(ruled_out.0), "{error}");
        }
        let required = parse(&[("enable.idempotence", "true"), ("acks", "-1")]).unwrap();
        assert!(required.idempotence && required.idempotence_required);
        assert!(
            !parse(&[("enable.idempotence", "false")])
                .unwrap()
                .idempotence
        );
    }

    #[test]
    fn values_that_cannot_be_are_named() {
        for (key, value) in [
            ("acks", "2"),
            ("compression.type", "brotli"),
            ("batch.size", "-1"),
            ("delivery.timeout.ms", "10"),
            ("compression.gzip.level", "0"),
            ("compression.gzip.level", "10"),
            ("compression.lz4.level", "18"),
            ("compression.zstd.level", "23"),
            ("transactional.id", "t"),
            ("security.protocol", "TLS"),
            ("partitioner.class", "com.example.Mine"),
            ("interceptor.classes", "com.example.Audit"),
        ] {
            let error = parse(&[(key, value)]).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn what_contradicts_is_told_beside_what_is_wrong_by_itself() {
        let error = parse(&[
            ("batch.size", "-1"),
            ("enable.idempotence", "true"),
            ("acks", "1"),
            ("retries", "x"),
            ("delivery.timeout.ms", "10"),
            ("transactional.id", "t"),
        ])
        .unwrap_err();
        let keys: Vec<_> = error.iter().map(|error| error.key.as_str()).collect();
        let expected = [
            "batch.size",
            "retries",
            "acks",
            "delivery.timeout.ms",
            "transactional.id",
        ];
        assert_eq!(keys.len(), expected.len(), "{error}");
        for key in expected {
            assert!(keys.contains(&key), "{key}: {error}");
        }
        assert!(
            error
                .to_string()
                .contains("Invalid value 1 for configuration acks: Must set acks to all"),
            "{error}"
        );
    }

    #[test]
    fn delivery_takes_as_long_as_one_attempt_may() {
        let patient = parse(&[("request.timeout.ms", "300000"), ("linger.ms", "1000")]).unwrap();
        assert_eq!(patient.delivery_timeout, Duration::from_secs(301));
    }

    #[test]
    fn partitioners_are_known_by_class_and_by_name() {
        let java = "org.apache.kafka.clients.producer.RoundRobinPartitioner";
        let table: &[(&[(&str, &str)], Partitioning)] = &[
            (&[], Partitioning::ByKey),
            (&[("partitioner.class", java)], Partitioning::RoundRobin),
            (&[("partitioner.class", "sticky")], Partitioning::Sticky),
            (&[("partitioner.ignore.keys", "true")], Partitioning::Sticky),
        ];
        for (keys, expected) in table {
            assert_eq!(parse(keys).unwrap().partitioning, *expected, "{keys:?}");
        }
    }

    #[test]
    fn levels_belong_to_their_codec() {
        let level = |codec, key, value| {
            parse(&[("compression.type", codec), (key, value)])
                .unwrap()
                .compression_level
        };
        assert_eq!(level("zstd", "compression.zstd.level", "7"), Some(7));
        assert_eq!(level("gzip", "compression.gzip.level", "-1"), None);
        assert_eq!(level("lz4", "compression.zstd.level", "7"), None);
    }
}
