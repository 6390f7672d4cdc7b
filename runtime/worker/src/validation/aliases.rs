//! The keys of the transformations and predicates that a connector lists by alias.

use millrace_config::{ConfigDef, ConfigKey, Importance, NullableProperties, Type, Value, Width};

use super::converters::not_found;
use super::verdicts::Part;
use crate::registry::{PluginKind, Registry};

/// Judges `transforms.<alias>.*` or `predicates.<alias>.*` of every alias.
pub(super) fn judge(
    registry: &Registry,
    kind: PluginKind,
    framework: &Part,
    properties: &NullableProperties,
) -> Part {
    let (list, group, noun) = match kind {
        PluginKind::Predicate => ("predicates", "Predicates", "Predicate"),
        _ => ("transforms", "Transforms", "Transformation"),
    };
    let mut part = Part::default();
    let mut seen: Vec<&str> = Vec::new();
    for alias in framework
        .value(list)
        .and_then(Value::as_list)
        .unwrap_or_default()
    {
        if seen.contains(&alias.as_str()) {
            continue;
        }
        seen.push(alias);
        let prefix = format!("{list}.{alias}.");
        let group = format!("{group}: {alias}");
        let definition = ConfigDef::new()
            .key(
                ConfigKey::new(format!("{prefix}type"), Type::Class)
                    .doc(format!("The class of {alias}."))
                    .importance(Importance::High)
                    .group(&group, 0)
                    .width(Width::Long)
                    .display_name(format!("{noun} type for {alias}")),
            )
            .key(
                ConfigKey::new(format!("{prefix}plugin.version"), Type::String)
                    .doc(format!("The version of {alias}, or a range of versions."))
                    .optional()
                    .importance(Importance::High)
                    .group(&group, 1)
                    .width(Width::Long)
                    .display_name(format!("{noun} version for {alias}")),
            );
        let mut judged = Part::judge(&definition, properties);
        if let Some(verdict) = judged.find(&format!("{prefix}type")) {
            resolve(registry, kind, verdict);
        }
        part.append(judged);
    }
    part
}

fn resolve(registry: &Registry, kind: PluginKind, verdict: &mut millrace_config::ConfigValue) {
    verdict.recommended_values = registry.classes(|other| other == kind);
    let Value::Class(given) = verdict.value.clone() else {
        return;
    };
    match registry.find(&given, |other| other == kind) {
        Some(plugin) => verdict.value = Value::Class(plugin.class().to_owned()),
        None => {
            verdict.refuse(&given, &not_found(registry, kind, &given));
            verdict.value = Value::Null;
        }
    }
}
