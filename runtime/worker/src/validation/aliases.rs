//! The keys of the transformations and predicates that a connector lists by alias (contract connect-rest, section 3).

use millrace_config::{
    ConfigDef, ConfigKey, Importance, NullableProperties, Type, Validator, Value, Width,
};

use super::converters::not_found;
use super::verdicts::Part;
use super::version;
use crate::registry::{PluginKind, Registered, Registry};

/// What a kind of steps is called in keys and forms.
struct Words {
    list: &'static str,
    group: &'static str,
    noun: &'static str,
}

/// Judges `transforms.<alias>.*` or `predicates.<alias>.*` of every alias.
pub(super) fn judge(
    registry: &Registry,
    kind: PluginKind,
    framework: &Part,
    properties: &NullableProperties,
) -> Part {
    let words = match kind {
        PluginKind::Predicate => Words {
            list: "predicates",
            group: "Predicates",
            noun: "Predicate",
        },
        _ => Words {
            list: "transforms",
            group: "Transforms",
            noun: "Transformation",
        },
    };
    let list = |name: &str| {
        let value = framework.value(name).and_then(Value::as_list);
        value.unwrap_or_default().to_vec()
    };
    let predicates = list("predicates");
    let mut part = Part::default();
    let mut seen: Vec<&String> = Vec::new();
    let aliases = list(words.list);
    for alias in &aliases {
        if seen.contains(&alias) {
            continue;
        }
        seen.push(alias);
        let mut judged = of_alias(registry, kind, &words, alias, properties);
        if kind == PluginKind::Transformation {
            check_predicate(&mut judged, alias, &predicates, properties);
        }
        part.append(judged);
    }
    part
}

fn of_alias(
    registry: &Registry,
    kind: PluginKind,
    words: &Words,
    alias: &str,
    properties: &NullableProperties,
) -> Part {
    let prefix = format!("{}.{alias}.", words.list);
    let (class, plugin_version) = (format!("{prefix}type"), format!("{prefix}plugin.version"));
    let given = super::given(properties, &class).map(str::trim);
    let plugin = given.and_then(|class| registry.find(class, |other| other == kind));
    let wanted = super::given(properties, &plugin_version).map_or("", str::trim);
    let is_there =
        |plugin: &&Registered| wanted.is_empty() || version::refusal(plugin, wanted).is_none();
    let definition = definition(kind, words, alias, plugin.filter(is_there));
    let mut judged = Part::judge(&definition, properties);
    if let Some(verdict) = judged.find(&class) {
        resolve(registry, kind, verdict);
    }
    if let Some(plugin) = plugin {
        version::check_pair(
            &mut judged,
            &class,
            &plugin_version,
            Some(plugin),
            properties,
        );
    }
    judged
}

/// The class, its version, and, where the class is known, the keys that it and every step of its kind has: required
/// ones first, then by importance and name.
fn definition(
    kind: PluginKind,
    words: &Words,
    alias: &str,
    plugin: Option<&Registered>,
) -> ConfigDef {
    let prefix = format!("{}.{alias}.", words.list);
    let group = format!("{}: {alias}", words.group);
    let noun = words.noun;
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
    let Some(own) = plugin.and_then(Registered::own_definition) else {
        return definition;
    };
    let mut keys: Vec<ConfigKey> = own.keys().cloned().collect();
    if kind == PluginKind::Transformation {
        keys.extend(implicit());
    }
    keys.sort_by(|a, b| {
        let rank = |key: &ConfigKey| (key.default.is_some(), key.importance as u8);
        (rank(a), &a.name).cmp(&(rank(b), &b.name))
    });
    let keys = keys.into_iter().zip(2..);
    keys.fold(definition, |definition, (key, order)| {
        definition.key(ConfigKey {
            name: format!("{prefix}{}", key.name),
            validator: key
                .validator
                .map(|check| without_prefix(check, prefix.clone())),
            group: Some(group.clone()),
            order_in_group: order,
            ..key
        })
    })
}

/// A check that sees the key as the step itself calls it.
fn without_prefix(check: Validator, prefix: String) -> Validator {
    Validator::custom(move |key, value| {
        check.check(key.strip_prefix(&prefix).unwrap_or(key), value)
    })
}

/// The keys that every transformation has.
fn implicit() -> [ConfigKey; 2] {
    [
        ConfigKey::new("predicate", Type::String).optional().doc(
            "The alias of the predicate that chooses the records to transform; all without one.",
        ),
        ConfigKey::new("negate", Type::Boolean)
            .default(false)
            .doc("Whether the records that the predicate does not choose are transformed instead."),
    ]
}

/// A predicate must be one of those listed, and there must be one where it is negated.
fn check_predicate(
    part: &mut Part,
    alias: &str,
    predicates: &[String],
    properties: &NullableProperties,
) {
    let (predicate, negate) = (
        format!("transforms.{alias}.predicate"),
        format!("transforms.{alias}.negate"),
    );
    if part.value(&predicate).is_none() {
        return;
    }
    match super::given(properties, &predicate).map(str::trim) {
        None if properties.contains_key(&negate) => part.add_error(
            &negate,
            format!(
                "Config '{negate}' was provided but there is no config '{predicate}' defining a predicate to be negated."
            ),
        ),
        Some(name) if !predicates.iter().any(|known| known == name) => part.add_error(
            &predicate,
            format!(
                "Invalid value {name} for configuration {predicate}: Unknown predicate, predicates lists: [{}]",
                predicates.join(", ")
            ),
        ),
        _ => {}
    }
}

fn resolve(registry: &Registry, kind: PluginKind, verdict: &mut millrace_config::ConfigValue) {
    verdict.recommended_values = registry.classes(|other| other == kind);
    let Value::Class(given) = verdict.value.clone() else {
        return;
    };
    match registry.find(&given, |other| other == kind) {
        Some(plugin) => verdict.value = Value::Class(plugin.class().to_owned()),
        None => {
            let sides = [format!("{given}$Key"), format!("{given}$Value")];
            let sides = sides.map(|name| registry.find(&name, |other| other == kind));
            if let [Some(key), Some(value)] = sides {
                verdict.errors.push(format!(
                    "This class is abstract and cannot be created. Did you mean {}, {}?",
                    key.class(),
                    value.class()
                ));
            } else {
                verdict.refuse(&given, &not_found(registry, kind, &given));
                verdict.value = Value::Null;
            }
        }
    }
}
