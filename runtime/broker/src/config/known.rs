//! The keys that Apache Kafka 4.1 knows in a broker's properties, whether or not they do anything here: what
//! DescribeConfigs lists, and what a `server.properties` may hold without being called wrong.
//!
//! Names, types, defaults and which keys can change while a broker runs are those that Apache Kafka 4.1.0 answers in
//! DescribeConfigs.

mod cluster;
mod coordinators;
mod logs;
mod network;
mod security;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use millrace_config::{Config as _, Type};

use super::keys::BrokerKeys;
use super::topic;

/// What is said of a key that only Apache Kafka acts on.
const WITHOUT_EFFECT: &str =
    "Known to Apache Kafka; the included broker takes note of it and has nothing to act on.";

/// Keys that can change while an Apache Kafka runs, and not while the included broker does.
const FIXED_HERE: &[&str] = &["listeners", "listener.security.protocol.map"];

/// Keys, or beginnings of keys, that brokers before 4.0 knew.
const RETIRED: &[&str] = &[
    "zookeeper.",
    "advertised.host.name",
    "advertised.port",
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "delegation.token.master.key",
    "inter.broker.protocol.version",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "quota.consumer.default",
    "quota.producer.default",
    "reserved.broker.max.id",
];

/// A key as Apache Kafka has it.
#[derive(Debug, Clone, Copy)]
struct KnownKey {
    name: &'static str,
    kind: Type,
    default: Option<&'static str>,
    is_dynamic: bool,
}

const fn fixed(name: &'static str, kind: Type, default: Option<&'static str>) -> KnownKey {
    KnownKey {
        name,
        kind,
        default,
        is_dynamic: false,
    }
}

const fn dynamic(name: &'static str, kind: Type, default: Option<&'static str>) -> KnownKey {
    KnownKey {
        is_dynamic: true,
        ..fixed(name, kind, default)
    }
}

/// A key of a broker's properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokerKey {
    pub(crate) kind: Type,
    /// What counts where it is not given; `None` is null.
    pub(crate) default: Option<String>,
    /// Whether it can change while the broker runs.
    pub(crate) is_dynamic: bool,
    /// Whether the included broker acts on it.
    pub(crate) has_effect: bool,
    pub(crate) documentation: String,
}

/// All keys by their names: Kafka's, with the included broker's defaults where those differ, and its own.
pub(crate) fn keys() -> &'static BTreeMap<String, BrokerKey> {
    static KEYS: OnceLock<BTreeMap<String, BrokerKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let tables = [
            cluster::KEYS,
            coordinators::KEYS,
            logs::KEYS,
            network::KEYS,
            security::KEYS,
        ];
        let mut keys: BTreeMap<String, BrokerKey> = tables
            .into_iter()
            .flatten()
            .map(|known| (known.name.to_owned(), BrokerKey::of(known)))
            .collect();
        for own in BrokerKeys::definition().keys() {
            let is_dynamic = keys.get(&own.name).is_some_and(|known| known.is_dynamic);
            let kind = keys.get(&own.name).map_or(own.kind, |known| known.kind);
            let key = BrokerKey {
                kind,
                default: own.default.as_ref().and_then(|value| value.to_text()),
                is_dynamic,
                has_effect: true,
                documentation: own.documentation.clone(),
            };
            keys.insert(own.name.clone(), key);
        }
        keys
    })
}

impl BrokerKey {
    fn of(known: &KnownKey) -> BrokerKey {
        let (documentation, has_effect) = topic::meaning_of_broker_key(known.name)
            .unwrap_or_else(|| (WITHOUT_EFFECT.to_owned(), false));
        BrokerKey {
            kind: known.kind,
            default: known.default.map(str::to_owned),
            is_dynamic: known.is_dynamic && !FIXED_HERE.contains(&known.name),
            has_effect,
            documentation,
        }
    }
}

/// Whether brokers before Apache Kafka 4.0 knew the key.
pub(super) fn is_retired(name: &str) -> bool {
    RETIRED
        .iter()
        .any(|retired| name == *retired || retired.ends_with('.') && name.starts_with(retired))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_keys_are_there_with_their_types_and_ours_with_our_defaults() {
        let table = [
            ("log.retention.hours", Type::Int, Some("168"), false),
            ("num.io.threads", Type::Int, Some("8"), true),
            ("ssl.keystore.password", Type::Password, None, true),
            (
                "group.initial.rebalance.delay.ms",
                Type::Int,
                Some("0"),
                false,
            ),
            ("log.durability", Type::String, Some("fsync"), false),
            ("log.dir", Type::String, Some("./millrace-data"), false),
        ];
        for (name, kind, default, is_dynamic) in table {
            let key = &keys()[name];
            assert_eq!(
                (key.kind, key.default.as_deref(), key.is_dynamic),
                (kind, default, is_dynamic),
                "{name}"
            );
        }
        assert!(keys().len() >= 316);
    }

    #[test]
    fn every_default_is_of_its_keys_type() {
        for (name, key) in keys() {
            if let Some(default) = &key.default {
                assert!(key.kind.parse(default).is_ok(), "{name}");
            }
        }
    }

    #[test]
    fn old_keys_are_known() {
        assert!(is_retired("zookeeper.connect"));
        assert!(is_retired("log.message.format.version"));
        assert!(!is_retired("log.message.format.versions"));
    }
}
