//! Client settings that a connector overrides: `producer.override.*` and so on, subject to the worker's policy.

use millrace_config::{ConfigDef, ConfigValue, KeyInfo, NullableProperties, Value};

use super::verdicts::{Part, Verdict};
use crate::config::{OverridePolicy, client_keys, client_refusal, shown};
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
    policy: &OverridePolicy,
) -> Part {
    let mut part = Part::default();
    for prefix in PREFIXES
        .into_iter()
        .filter(|prefix| has_client(kind, prefix, properties))
    {
        let given = properties.iter().filter(|(key, _)| key.starts_with(prefix));
        part.verdicts.extend(
            given.map(|(key, value)| {
                verdict(prefix, &key[prefix.len()..], value.as_deref(), policy)
            }),
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

/// The keys of the client behind a prefix.
fn definition(prefix: &str) -> ConfigDef {
    client_keys(prefix.strip_suffix("override.").unwrap_or(prefix))
}

/// Checks that overridden client settings are of their types.
///
/// # Errors
/// The first that is not: Connect then fails the whole request, whatever else is wrong.
pub(crate) fn check(properties: &NullableProperties) -> Result<(), String> {
    for prefix in PREFIXES {
        let definition = definition(prefix);
        for (key, value) in properties {
            let Some(setting) = key.strip_prefix(prefix) else {
                continue;
            };
            let (Some(known), Some(given)) = (definition.find(setting), value) else {
                continue;
            };
            // Said as a verdict on the key, beside those on others.
            if client_refusal(setting, given).is_some() {
                continue;
            }
            // Only types count here: a value that is none of those allowed fails the task, as in Kafka Connect.
            let mut known = known.clone();
            known.validator = None;
            let alone = ConfigDef::new().key(known);
            let given = NullableProperties::from([(setting.to_owned(), value.clone())]);
            let mut errors = alone
                .validate(&given)
                .into_iter()
                .flat_map(|verdict| verdict.errors);
            if let Some(error) = errors.next() {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn verdict(prefix: &str, setting: &str, value: Option<&str>, policy: &OverridePolicy) -> Verdict {
    let key = format!("{prefix}{setting}");
    let known = definition(prefix).find(setting).map(|known| known.info());
    let definition = known.map(|known| KeyInfo {
        name: key.clone(),
        ..known
    });
    let mut judged = ConfigValue::new(
        key,
        value.map_or(Value::Null, |value| Value::from(shown(setting, value))),
    );
    if !policy.allows(setting) {
        let name = policy.name();
        judged.errors.push(format!(
            "The '{name}' policy does not allow '{setting}' to be overridden in the connector configuration."
        ));
    } else if let Some(value) = value {
        if let Some(why) = client_refusal(setting, value) {
            judged.refuse(shown(setting, value), why);
        }
    } else {
        judged.errors.push(super::verdicts::NULL_VALUE.to_owned());
    }
    Verdict {
        definition,
        value: judged,
    }
}
