//! Client settings that a connector overrides: `producer.override.*` and so on, subject to the worker's policy.

use millrace_config::{ConfigValue, NullableProperties, Value};

use super::verdicts::{Part, Verdict};
use crate::config::OverridePolicy;
use crate::registry::PluginKind;

/// The prefixes, in the order of the answer.
pub(super) const PREFIXES: [&str; 3] = [
    "producer.override.",
    "consumer.override.",
    "admin.override.",
];

/// Judges the client settings that the connector sets, of those clients that it has.
pub(super) fn judge(
    kind: PluginKind,
    properties: &NullableProperties,
    policy: OverridePolicy,
) -> Part {
    let mut part = Part::default();
    for prefix in PREFIXES
        .into_iter()
        .filter(|prefix| has_client(kind, prefix, properties))
    {
        let given = properties.iter().filter(|(key, _)| key.starts_with(prefix));
        part.verdicts.extend(
            given.map(|(key, value)| verdict(key, &key[prefix.len()..], value.as_deref(), policy)),
        );
    }
    part
}

fn has_client(kind: PluginKind, prefix: &str, properties: &NullableProperties) -> bool {
    let has_dead_letters = || {
        let topic = properties.get("errors.deadletterqueue.topic.name");
        topic.is_some_and(|topic| {
            topic
                .as_deref()
                .is_some_and(|topic| !topic.trim().is_empty())
        })
    };
    let creates_topics = || {
        properties
            .keys()
            .any(|key| key.starts_with("topic.creation."))
    };
    match (kind, prefix) {
        (PluginKind::Source, "producer.override.") | (PluginKind::Sink, "consumer.override.") => {
            true
        }
        (PluginKind::Source, "admin.override.") => creates_topics(),
        (PluginKind::Sink, _) => has_dead_letters(),
        _ => false,
    }
}

fn verdict(key: &str, setting: &str, value: Option<&str>, policy: OverridePolicy) -> Verdict {
    let mut judged = ConfigValue::new(key, value.map_or(Value::Null, Value::from));
    if !policy.allows(setting) {
        let name = match policy {
            OverridePolicy::Principal => "Principal",
            _ => "None",
        };
        judged.errors.push(format!(
            "The '{name}' policy does not allow '{setting}' to be overridden in the connector configuration."
        ));
    } else if value.is_none() {
        judged.errors.push(super::verdicts::NULL_VALUE.to_owned());
    }
    Verdict {
        definition: None,
        value: judged,
    }
}
