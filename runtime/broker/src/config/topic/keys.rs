//! Kafka's topic keys: types, defaults, what they mean, which values they take, and the broker keys that give their
//! defaults.

use std::sync::OnceLock;

use millrace_config::{ConfigDef, ConfigKey, Type, Validator, Value};

/// A topic key.
pub(super) struct TopicKey {
    pub(super) name: &'static str,
    /// The broker keys that give its default: the first one given counts, multiplied by its factor.
    pub(super) broker: &'static [(&'static str, i64)],
    pub(super) kind: Type,
    pub(super) default: &'static str,
    pub(super) documentation: &'static str,
}

const fn key(
    name: &'static str,
    broker: &'static [(&'static str, i64)],
    kind: Type,
    default: &'static str,
    documentation: &'static str,
) -> TopicKey {
    TopicKey {
        name,
        broker,
        kind,
        default,
        documentation,
    }
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const LONG_MAX: &str = "9223372036854775807";

#[rustfmt::skip]
pub(super) const KEYS: &[TopicKey] = &[
    key("cleanup.policy", &[("log.cleanup.policy", 1)], Type::List, "delete",
        "What becomes of old records: delete drops old segments, compact keeps the last record of each key; both may be listed."),
    key("compression.gzip.level", &[("compression.gzip.level", 1)], Type::Int, "-1",
        "How hard gzip tries where compression.type asks for it: 1 to 9, or -1 for its default."),
    key("compression.lz4.level", &[("compression.lz4.level", 1)], Type::Int, "9",
        "How hard lz4 tries in Apache Kafka where compression.type asks for it: 1 to 17; here it has one level, the fastest."),
    key("compression.type", &[("compression.type", 1)], Type::String, "producer",
        "How batches are compressed on disk: producer leaves them as they came; uncompressed, gzip, snappy, lz4 and zstd pack those of another codec anew."),
    key("compression.zstd.level", &[("compression.zstd.level", 1)], Type::Int, "3",
        "How hard zstd tries where compression.type asks for it: -131072 to 22."),
    key("delete.retention.ms", &[("log.cleaner.delete.retention.ms", 1)], Type::Long, "86400000",
        "How long a tombstone can be read after the log was compacted, in milliseconds."),
    key("file.delete.delay.ms", &[("log.segment.delete.delay.ms", 1)], Type::Long, "60000",
        "How long a deleted file stays on the disk for those who still read it, in milliseconds."),
    key("flush.messages", &[("log.flush.interval.messages", 1)], Type::Long, LONG_MAX,
        "After how many records Apache Kafka syncs; here log.durability says when."),
    key("flush.ms", &[("log.flush.interval.ms", 1)], Type::Long, LONG_MAX,
        "After how many milliseconds Apache Kafka syncs; here log.durability says when."),
    key("follower.replication.throttled.replicas", &[], Type::List, "",
        "Replicas whose replication a follower throttles; one node has no followers."),
    key("index.interval.bytes", &[("log.index.interval.bytes", 1)], Type::Int, "4096",
        "After how many bytes of records the offset index gets an entry."),
    key("leader.replication.throttled.replicas", &[], Type::List, "",
        "Replicas whose replication a leader throttles; one node has no followers."),
    key("local.retention.bytes", &[("log.local.retention.bytes", 1)], Type::Long, "-2",
        "How many bytes of a tiered log stay on the local disk; logs are not tiered here."),
    key("local.retention.ms", &[("log.local.retention.ms", 1)], Type::Long, "-2",
        "How long segments of a tiered log stay on the local disk; logs are not tiered here."),
    key("max.compaction.lag.ms", &[("log.cleaner.max.compaction.lag.ms", 1)], Type::Long, LONG_MAX,
        "How long a record may wait for a compaction, in milliseconds."),
    key("max.message.bytes", &[("message.max.bytes", 1)], Type::Int, "1048588",
        "The largest batch that is taken, in bytes, compressed and with its header."),
    key("message.timestamp.after.max.ms", &[("log.message.timestamp.after.max.ms", 1)], Type::Long, "3600000",
        "How far the time of a record may lie ahead of the broker's clock, in milliseconds."),
    key("message.timestamp.before.max.ms", &[("log.message.timestamp.before.max.ms", 1)], Type::Long, LONG_MAX,
        "How far the time of a record may lie behind the broker's clock, in milliseconds."),
    key("message.timestamp.type", &[("log.message.timestamp.type", 1)], Type::String, "CreateTime",
        "Whose clock stamps records: CreateTime is the producer's, LogAppendTime the broker's."),
    key("min.cleanable.dirty.ratio", &[("log.cleaner.min.cleanable.ratio", 1)], Type::Double, "0.5",
        "How large a part of the log must be new since the last compaction for the next one."),
    key("min.compaction.lag.ms", &[("log.cleaner.min.compaction.lag.ms", 1)], Type::Long, "0",
        "How long a record is safe from compaction, in milliseconds."),
    key("min.insync.replicas", &[("min.insync.replicas", 1)], Type::Int, "1",
        "How many replicas acks=all waits for; one node has one, whatever this says."),
    key("preallocate", &[("log.preallocate", 1)], Type::Boolean, "false",
        "Whether the file of a new segment gets its full size at once; without effect here."),
    key("remote.log.copy.disable", &[], Type::Boolean, "false",
        "Whether a tiered log is copied no more; logs are not tiered here."),
    key("remote.log.delete.on.disable", &[], Type::Boolean, "false",
        "Whether the remote part of a log goes when tiering is switched off; logs are not tiered here."),
    key("remote.storage.enable", &[], Type::Boolean, "false",
        "Whether the log is tiered; it cannot be here."),
    key("retention.bytes", &[("log.retention.bytes", 1)], Type::Long, "-1",
        "How large a partition may get before its oldest segments go, in bytes; -1 for no bound."),
    key("retention.ms", &[
        ("log.retention.ms", 1), ("log.retention.minutes", MINUTE_MS), ("log.retention.hours", HOUR_MS),
    ], Type::Long, "604800000",
        "How old the newest record of a segment may get before the segment goes, in milliseconds; -1 for no bound."),
    key("segment.bytes", &[("log.segment.bytes", 1)], Type::Int, "1073741824",
        "How large a segment gets, in bytes."),
    key("segment.index.bytes", &[("log.index.size.max.bytes", 1)], Type::Int, "10485760",
        "How large the offset index of a segment gets, in bytes."),
    key("segment.jitter.ms", &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR_MS)], Type::Long, "0",
        "Up to how much earlier than segment.ms a segment may end in Apache Kafka, in milliseconds; here none does."),
    key("segment.ms", &[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)], Type::Long, "604800000",
        "After how long a segment ends although it is not full, in milliseconds."),
    key("unclean.leader.election.enable", &[("unclean.leader.election.enable", 1)], Type::Boolean, "false",
        "Whether a replica out of sync may lead; one node has none."),
];

/// Topic keys that are kept and shown, and that nothing acts on: lz4 has one level, and there are neither replicas nor
/// tiers.
const WITHOUT_EFFECT: &[&str] = &[
    "compression.lz4.level",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "min.insync.replicas",
    "preallocate",
    "segment.jitter.ms",
    "unclean.leader.election.enable",
];

/// Whether the included broker acts on a topic key.
pub(super) fn has_effect(name: &str) -> bool {
    !WITHOUT_EFFECT.contains(&name)
}

/// The topic key of a name.
pub(super) fn find(name: &str) -> Option<&'static TopicKey> {
    KEYS.iter().find(|topic_key| topic_key.name == name)
}

/// The topic keys with their checks.
pub(super) fn definition() -> &'static ConfigDef {
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
        "compression.gzip.level" => Validator::custom(valid_gzip_level),
        "compression.lz4.level" => Validator::between(1, 17),
        "compression.zstd.level" => Validator::between(-131_072, 22),
        "compression.type" => {
            Validator::one_of(["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
        }
        "message.timestamp.type" => Validator::one_of(["CreateTime", "LogAppendTime"]),
        "segment.bytes" => Validator::at_least(1_048_576),
        "segment.index.bytes" => Validator::at_least(4),
        "segment.ms" | "flush.messages" | "max.compaction.lag.ms" => Validator::at_least(1_i64),
        "min.insync.replicas" => Validator::at_least(1),
        "retention.ms" => Validator::at_least(-1_i64),
        "local.retention.bytes" | "local.retention.ms" => Validator::at_least(-2_i64),
        "index.interval.bytes" | "max.message.bytes" => Validator::at_least(0),
        "delete.retention.ms"
        | "file.delete.delay.ms"
        | "flush.ms"
        | "message.timestamp.after.max.ms"
        | "message.timestamp.before.max.ms"
        | "min.compaction.lag.ms"
        | "segment.jitter.ms" => Validator::at_least(0_i64),
        "min.cleanable.dirty.ratio" => Validator::between(0, 1),
        "follower.replication.throttled.replicas" | "leader.replication.throttled.replicas" => {
            Validator::custom(valid_throttled_replicas)
        }
        _ => return None,
    })
}

fn valid_gzip_level(_name: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Int(-1 | 1..=9) => Ok(()),
        Value::Null => Err("Value must be non-null".to_owned()),
        _ => Err("Value must be between 1 and 9 or equal to -1".to_owned()),
    }
}

/// `*`, or a list of `partition:node`.
fn valid_throttled_replicas(name: &str, value: &Value) -> Result<(), String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_replica = |item: &String| {
        item.split_once(':')
            .is_some_and(|(partition, node)| is_number(partition) && is_number(node))
    };
    match value.as_list() {
        Some([all]) if all == "*" => Ok(()),
        Some(replicas) if replicas.iter().all(is_replica) => Ok(()),
        _ => Err(format!(
            "{name} must be the literal '*' or a list of replicas in the following format: \
             [partitionId]:[brokerId],[partitionId]:[brokerId],..."
        )),
    }
}
