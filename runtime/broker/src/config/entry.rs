//! A key as DescribeConfigs shows it.

use millrace_config::Type;

use super::known;
use super::layers::{BrokerLayers, ConfigSource, Synonym, is_secret};

/// A key of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigEntry {
    pub(crate) name: String,
    /// `None` where it is null or secret.
    pub(crate) value: Option<String>,
    pub(crate) is_read_only: bool,
    pub(crate) is_secret: bool,
    pub(crate) source: ConfigSource,
    pub(crate) synonyms: Vec<Synonym>,
    /// `None` for a key that nobody knows.
    pub(crate) kind: Option<Type>,
    pub(crate) documentation: Option<String>,
}

impl ConfigEntry {
    /// A key of a broker.
    fn of_broker(name: &str, value: Option<&str>, synonyms: Vec<Synonym>) -> ConfigEntry {
        let key = known::keys().get(name);
        let kind = key.map(|key| key.kind);
        let is_secret = is_secret(name);
        ConfigEntry {
            name: name.to_owned(),
            value: value
                .filter(|_| !is_secret)
                .map(|text| canonical(kind, text)),
            is_read_only: !key.is_some_and(|key| key.is_dynamic),
            is_secret,
            source: synonyms
                .first()
                .map_or(ConfigSource::Default, |first| first.source),
            synonyms,
            kind,
            documentation: key.map(|key| key.documentation.clone()),
        }
    }
}

/// A value as it is shown: without blanks around it and around the elements of a list.
pub(super) fn canonical(kind: Option<Type>, text: &str) -> String {
    kind.and_then(|kind| kind.parse(text).ok())
        .and_then(|value| value.to_text())
        .unwrap_or_else(|| text.to_owned())
}

/// What this node is configured with: every key that is known, and what else it was told.
pub(crate) fn of_node(layers: &BrokerLayers, node_id: i32) -> Vec<ConfigEntry> {
    let merged = layers.merged();
    let unknown = merged
        .keys()
        .filter(|name| !known::keys().contains_key(*name));
    known::keys()
        .keys()
        .chain(unknown)
        .map(|name| {
            let value = match name.as_str() {
                // Two names of one thing.
                "node.id" | "broker.id" => Some(node_id.to_string()),
                _ => merged.get(name).cloned().or_else(|| {
                    let key = known::keys().get(name)?;
                    key.default.clone()
                }),
            };
            ConfigEntry::of_broker(name, value.as_deref(), layers.synonyms(name))
        })
        .collect()
}

/// What was set for all nodes while they ran.
pub(crate) fn of_cluster(layers: &BrokerLayers) -> Vec<ConfigEntry> {
    layers
        .cluster
        .iter()
        .map(|(name, value)| {
            let mut synonyms = layers.synonyms(name);
            synonyms.retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker);
            ConfigEntry::of_broker(name, Some(value), synonyms)
        })
        .collect()
}
