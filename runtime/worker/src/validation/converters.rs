//! The keys of the converters that a connector chooses itself.

use millrace_config::{NullableProperties, Value};

use super::framework::CONVERTER_KEYS;
use super::verdicts::Part;
use crate::registry::{CONVERTER_TYPE, PluginKind, Registry};

/// Judges the keys below `header.converter.`, `key.converter.` and `value.converter.` where the configuration sets
/// a known class for that converter.
pub(super) fn judge(
    registry: &Registry,
    properties: &NullableProperties,
    framework: &Part,
) -> Part {
    let mut part = Part::default();
    let is_right = |key: &str| {
        [key, &format!("{key}.plugin.version")]
            .iter()
            .all(|key| framework.has_no_error(key))
    };
    for (key, kind) in CONVERTER_KEYS.into_iter().filter(|(key, _)| is_right(key)) {
        let class = properties
            .get(key)
            .and_then(Option::as_deref)
            .map(str::trim);
        let plugin = class.and_then(|class| registry.find(class, |other| other == kind));
        let Some(definition) = plugin.and_then(|plugin| plugin.own_definition()) else {
            continue;
        };
        let prefix = format!("{key}.");
        let below = properties
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)));
        let mut own: NullableProperties = below
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        own.entry(CONVERTER_TYPE.to_owned())
            .or_insert_with(|| Some(role(key, kind).to_owned()));
        part.append(Part::judge(definition, &own).prefixed(&prefix));
    }
    part
}

fn role(key: &str, kind: PluginKind) -> &'static str {
    match key {
        _ if kind == PluginKind::HeaderConverter => "header",
        "key.converter" => "key",
        _ => "value",
    }
}

/// Says that a class is not there, and which are.
pub(super) fn not_found(registry: &Registry, kind: PluginKind, class: &str) -> String {
    let known = registry.classes(|other| other == kind);
    let known = match known.as_slice() {
        [] => "none".to_owned(),
        known => known.join(", "),
    };
    format!("Class {class} could not be found. Built in are: {known}")
}

/// Checks that the classes of the framework's class keys exist, and shows them by their full names.
pub(super) fn resolve_classes(registry: &Registry, part: &mut Part) {
    for (key, kind) in CONVERTER_KEYS {
        let Some(verdict) = part.find(key) else {
            continue;
        };
        let Value::Class(given) = verdict.value.clone() else {
            continue;
        };
        match registry.find(&given, |other| other == kind) {
            Some(plugin) => verdict.value = Value::Class(plugin.class().to_owned()),
            None => {
                verdict.refuse(&given, &not_found(registry, kind, &given));
                verdict.value = Value::Null;
            }
        }
    }
}
