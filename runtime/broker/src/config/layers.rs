//! The layers of a broker's configuration, and what each says of a key.
//!
//! A value set for this node while it runs counts before one set for the whole cluster, which counts before the
//! properties file, which counts before the default.

use std::sync::Arc;

use millrace_config::{Properties, Type};

use super::known;

/// Where a value comes from, as DescribeConfigs and CreateTopics number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum ConfigSource {
    Topic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
    DynamicBrokerLogger = 6,
}

/// A value that a key could have, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Synonym {
    pub(crate) name: String,
    /// `None` where the value is secret.
    pub(crate) value: Option<String>,
    pub(crate) source: ConfigSource,
}

/// What is said of a broker, from all sides.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct BrokerLayers {
    /// The properties file.
    pub(crate) file: Arc<Properties>,
    /// What was set for all nodes while they ran.
    pub(crate) cluster: Properties,
    /// What was set for this node while it ran.
    pub(crate) node: Properties,
}

impl BrokerLayers {
    /// A broker that was told what its file says.
    pub(crate) fn of_file(file: Arc<Properties>) -> BrokerLayers {
        BrokerLayers {
            file,
            ..Default::default()
        }
    }

    /// What counts: of each key the value of the first layer that has it.
    pub(crate) fn merged(&self) -> Properties {
        let mut merged = (*self.file).clone();
        merged.extend(self.cluster.clone());
        merged.extend(self.node.clone());
        merged
    }

    /// What counts of a key, and where it is from; `None` where only the default is left.
    pub(crate) fn given(&self, name: &str) -> Option<(&str, ConfigSource)> {
        self.sides()
            .into_iter()
            .find_map(|(side, source)| Some((side.get(name)?.as_str(), source)))
    }

    /// The values that a key could have, the one in force first. The list begins with the first that is given under
    /// the key's own name, as in Apache Kafka, so that it is empty where only a coarser key is given.
    pub(crate) fn synonyms(&self, name: &str) -> Vec<Synonym> {
        let names = names_of(&name);
        let is_secret = is_secret(name);
        let synonym = |name: &str, value: &str, source| Synonym {
            name: name.to_owned(),
            value: (!is_secret).then(|| value.to_owned()),
            source,
        };
        let mut found = Vec::new();
        for (side, source) in self.sides() {
            for name in names {
                found.extend(side.get(*name).map(|value| synonym(name, value, source)));
            }
        }
        for name in names {
            let default = known::keys()
                .get(*name)
                .and_then(|key| key.default.as_ref());
            found.extend(default.map(|value| synonym(name, value, ConfigSource::Default)));
        }
        let first = found.iter().position(|synonym| synonym.name == name);
        found.split_off(first.unwrap_or(found.len()))
    }

    fn sides(&self) -> [(&Properties, ConfigSource); 3] {
        [
            (&self.node, ConfigSource::DynamicBroker),
            (&self.cluster, ConfigSource::DynamicDefaultBroker),
            (&self.file, ConfigSource::StaticBroker),
        ]
    }
}

/// Whether a key's value must not be shown; that of an unknown key may be anything.
pub(super) fn is_secret(name: &str) -> bool {
    known::keys()
        .get(name)
        .is_none_or(|key| key.kind == Type::Password)
}

/// The keys that can give a key's value, the finest first.
fn names_of<'a>(name: &'a &'a str) -> &'a [&'a str] {
    match *name {
        "log.roll.ms" | "log.roll.hours" => &["log.roll.ms", "log.roll.hours"],
        "log.roll.jitter.ms" | "log.roll.jitter.hours" => {
            &["log.roll.jitter.ms", "log.roll.jitter.hours"]
        }
        "log.flush.interval.ms" => &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => &[
            "log.retention.ms",
            "log.retention.minutes",
            "log.retention.hours",
        ],
        _ => std::slice::from_ref(name),
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::*;

    fn listed(layers: &BrokerLayers, name: &str) -> Vec<String> {
        layers
            .synonyms(name)
            .into_iter()
            .map(|synonym| {
                let value = synonym.value.unwrap_or_else(|| "?".to_owned());
                format!("{}={value}@{}", synonym.name, synonym.source as i8)
            })
            .collect()
    }

    #[test]
    fn layers_count_in_order() {
        let layers = BrokerLayers {
            file: Arc::new(properties(&[
                ("log.retention.hours", "5"),
                ("message.max.bytes", "9"),
            ])),
            cluster: properties(&[("log.retention.ms", "7"), ("sasl.jaas.config", "x")]),
            node: properties(&[("message.max.bytes", "8"), ("own.key", "x")]),
        };
        assert_eq!(
            listed(&layers, "log.retention.ms"),
            [
                "log.retention.ms=7@3",
                "log.retention.hours=5@4",
                "log.retention.hours=168@5"
            ]
        );
        assert_eq!(
            listed(&layers, "message.max.bytes"),
            [
                "message.max.bytes=8@2",
                "message.max.bytes=9@4",
                "message.max.bytes=1048588@5"
            ]
        );
        assert_eq!(
            listed(&layers, "sasl.jaas.config"),
            ["sasl.jaas.config=?@3"]
        );
        assert_eq!(listed(&layers, "own.key"), ["own.key=?@2"]);
        assert_eq!(layers.merged()["message.max.bytes"], "8");
        assert_eq!(
            layers.given("message.max.bytes"),
            Some(("8", ConfigSource::DynamicBroker))
        );
    }

    #[test]
    fn a_coarser_key_alone_is_not_listed_for_the_finer_one() {
        let layers = BrokerLayers::of_file(Arc::new(properties(&[("log.retention.hours", "5")])));
        assert_eq!(listed(&layers, "log.retention.ms"), [""; 0]);
    }
}
