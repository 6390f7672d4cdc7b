//! Judging a connector's configuration (contract connect-rest, section 3).
//!
//! The verdicts are those of the framework's keys, of the aliases, of the connector's own keys, of the client
//! overrides and of the converters, put together in Connect's order. The connector's own part is its code's to
//! judge and runs where connector code runs.

mod aliases;
mod converters;
mod framework;
mod overrides;
pub(crate) mod own_keys;
mod startable;
mod topics;
mod unavailable;
mod verdicts;
mod version;

use millrace_config::{ConfigDef, ConfigErrors, NullableProperties, Properties, Value};

pub(crate) use overrides::check as check_overrides;
pub(crate) use startable::refusal as unstartable;
pub(crate) use unavailable::refusal as unavailable;
pub use verdicts::{Verdict, Verdicts};
pub(crate) use version::refusal as version_refusal;

use crate::config::WorkerConfig;
use crate::pipeline::own_key_refusals;
use crate::registry::{PluginKind, Registered, Registry};
use verdicts::{NULL_VALUE, Part};

/// What the connector's own code says of a configuration.
#[derive(Debug, Default)]
pub(crate) struct OwnVerdict {
    pub(crate) definition: ConfigDef,
    /// Keys and messages of what is wrong with the keys together.
    pub(crate) faults: Vec<(String, String)>,
}

/// The keys of a connector kind that are not the connector's own.
fn framework_definition(kind: PluginKind) -> ConfigDef {
    if kind == PluginKind::Sink {
        framework::sink()
    } else {
        framework::source()
    }
}

/// The same as a description of the plugin shows them: with its version, without the worker's converters.
pub(crate) fn described_framework(plugin: &Registered) -> ConfigDef {
    let mut definition = framework_definition(plugin.kind);
    if let Some(key) = definition.find_mut("connector.plugin.version") {
        key.default = Some(Value::from(plugin.version()));
    }
    definition
}

/// The framework's keys with a worker's converters as defaults.
fn enriched(kind: PluginKind, registry: &Registry, worker: &WorkerConfig) -> ConfigDef {
    framework::enrich(framework_definition(kind), registry, |key| {
        Some(match key {
            "key.converter" => worker.key_converter.clone(),
            "value.converter" => worker.value_converter.clone(),
            _ => worker.header_converter.clone(),
        })
    })
}

/// Judges a connector's configuration; `own` is what the connector's code says of it.
pub(crate) fn judge(
    plugin: &Registered,
    registry: &Registry,
    worker: &WorkerConfig,
    properties: &NullableProperties,
    own: OwnVerdict,
) -> Verdicts {
    let name = given(properties, "connector.class")
        .unwrap_or_default()
        .to_owned();
    if let Some(part) = version::judge_common(plugin, properties) {
        return part.into_verdicts(name);
    }
    let definition = enriched(plugin.kind, registry, worker);
    let mut part = Part::judge(&definition, properties);
    converters::resolve_classes(registry, &mut part);
    if plugin.kind == PluginKind::Sink {
        topics::check(&mut part);
    }
    version::check(registry, plugin, properties, &mut part);
    for kind in [PluginKind::Transformation, PluginKind::Predicate] {
        let judged = aliases::judge(registry, kind, &part, properties);
        part.append(judged);
    }
    refuse_nulls(&mut part, &own.definition, properties);
    part.overlay(Part::judge(&own.definition, properties));
    for (key, message) in own.faults {
        part.add_error(&key, message);
    }
    for (key, message) in own_keys::refusals(&without_nulls(properties)) {
        part.add_error(key, message);
    }
    if plugin.kind == PluginKind::Sink {
        for (key, message) in own_key_refusals(&without_nulls(properties)) {
            part.add_error(key, message);
        }
    }
    part.append(overrides::judge(
        plugin.kind,
        properties,
        &worker.overrides(),
    ));
    let converters = converters::judge(registry, properties, &part);
    part.append(converters);
    part.into_verdicts(name)
}

/// A null is an error unless the key is the connector's own.
fn refuse_nulls(part: &mut Part, own: &ConfigDef, properties: &NullableProperties) {
    let is_elsewhere = |key: &str| {
        overrides::PREFIXES
            .iter()
            .any(|prefix| key.starts_with(prefix))
            || framework::CONVERTER_KEYS.iter().any(|(name, _)| {
                key.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('.'))
            })
    };
    let nulls = properties
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(key, _)| key);
    for key in nulls.filter(|key| own.find(key).is_none() && !is_elsewhere(key)) {
        part.add_error(key, NULL_VALUE);
    }
}

/// A key's text, if it has one.
pub(crate) fn given<'a>(properties: &'a NullableProperties, key: &str) -> Option<&'a str> {
    properties.get(key).and_then(Option::as_deref)
}

/// The texts of a configuration, nulls left out.
pub(crate) fn without_nulls(properties: &NullableProperties) -> Properties {
    properties
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
        .collect()
}

/// Checks what a worker's configuration says of its plugins.
///
/// # Errors
/// Every converter that the worker does not have.
pub(crate) fn check_worker(registry: &Registry, worker: &WorkerConfig) -> Result<(), ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let classes = [
        &worker.header_converter,
        &worker.key_converter,
        &worker.value_converter,
    ];
    for ((key, kind), class) in framework::CONVERTER_KEYS.into_iter().zip(classes) {
        if registry.find(class, |other| other == kind).is_none() {
            let why = converters::not_found(registry, kind, class);
            errors.push(
                key,
                format!("Invalid value {class} for configuration {key}: {why}"),
            );
        }
    }
    errors.into_result(())
}
