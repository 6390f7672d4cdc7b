//! Changes of a configuration, key by key.

use std::collections::HashSet;

use millrace_config::{Properties, Type};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::IncrementalAlterableConfig;
use millrace_wire::messages::incremental_alter_configs::config_operation;

use super::known;
use super::topic::TopicConfig;

/// Why a change is refused: Kafka's code, and words for whoever asked.
pub(crate) type Refused = (ErrorCode, String);

/// Whose configuration changes: each has its own keys, and its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Topic,
    Broker,
}

/// Refuses keys that are named twice, and keys that are to be set to nothing.
pub(crate) fn check_names<'a>(
    keys: impl Iterator<Item = (&'a str, bool)> + Clone,
) -> Result<(), Refused> {
    let mut seen = HashSet::new();
    if !keys.clone().all(|(name, _)| seen.insert(name)) {
        return Err((
            ErrorCode::INVALID_REQUEST,
            "Error due to duplicate config keys".to_owned(),
        ));
    }
    let nulls: Vec<&str> = keys
        .filter(|(_, is_null)| *is_null)
        .map(|(name, _)| name)
        .collect();
    if nulls.is_empty() {
        return Ok(());
    }
    Err((
        ErrorCode::INVALID_REQUEST,
        format!("Null value not supported for : {}", nulls.join(",")),
    ))
}

/// The configuration after the changes; values are not looked at.
pub(crate) fn apply(
    scope: Scope,
    current: &Properties,
    changes: &[IncrementalAlterableConfig],
) -> Result<Properties, Refused> {
    check_names(changes.iter().map(|change| {
        let needs_value = change.config_operation != config_operation::DELETE;
        (change.name.as_str(), needs_value && change.value.is_none())
    }))?;
    let mut changed = current.clone();
    for change in changes {
        let name = &change.name;
        let value = change.value.as_deref().unwrap_or_default();
        let combined = match change.config_operation {
            config_operation::SET => value.to_owned(),
            config_operation::DELETE => {
                changed.remove(name);
                continue;
            }
            config_operation::APPEND => appended(&list(scope, &changed, name, "append")?, value),
            config_operation::SUBTRACT => {
                subtracted(&list(scope, &changed, name, "subtract")?, value)
            }
            unknown => {
                return Err((
                    ErrorCode::INVALID_REQUEST,
                    format!("Unknown operation type {unknown}."),
                ));
            }
        };
        changed.insert(name.clone(), combined);
    }
    Ok(changed)
}

/// The list that a key holds, its default where it holds none.
fn list(
    scope: Scope,
    current: &Properties,
    name: &str,
    operation: &str,
) -> Result<String, Refused> {
    let (is_list, default, refusal) = match scope {
        Scope::Topic => (
            TopicConfig::is_list(name),
            TopicConfig::default_of(name),
            format!(
                "Can't {} to key {name} because its type is not LIST.",
                operation.to_uppercase()
            ),
        ),
        Scope::Broker => {
            let key = known::keys().get(name);
            (
                key.map(|key| key.kind == Type::List),
                key.and_then(|key| key.default.as_deref()).unwrap_or(""),
                format!("Config value {operation} is not allowed for config key: {name}"),
            )
        }
    };
    if is_list != Some(true) {
        return Err((ErrorCode::INVALID_CONFIG, refusal));
    }
    Ok(current.get(name).map_or(default, String::as_str).to_owned())
}

fn appended(list: &str, items: &str) -> String {
    let mut all = elements(list);
    for item in elements(items) {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all.join(",")
}

fn subtracted(list: &str, items: &str) -> String {
    let gone = elements(items);
    let mut all = elements(list);
    all.retain(|item| !gone.contains(item));
    all.join(",")
}

fn elements(list: &str) -> Vec<&str> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::config_operation::{APPEND, DELETE, SET, SUBTRACT};
    use super::*;

    fn change(name: &str, config_operation: i8, value: Option<&str>) -> IncrementalAlterableConfig {
        IncrementalAlterableConfig {
            name: name.to_owned(),
            config_operation,
            value: value.map(str::to_owned),
        }
    }

    #[test]
    fn operations() {
        type Changes<'a> = &'a [(&'a str, i8, Option<&'a str>)];
        let table: &[(Changes<'_>, &str)] = &[
            (
                &[("retention.ms", SET, Some("1"))],
                "{\"cleanup.policy\": \"compact\", \"retention.ms\": \"1\"}",
            ),
            (
                &[("cleanup.policy", APPEND, Some("delete,compact"))],
                "{\"cleanup.policy\": \"compact,delete\"}",
            ),
            (
                &[("cleanup.policy", SUBTRACT, Some("compact"))],
                "{\"cleanup.policy\": \"\"}",
            ),
            (&[("cleanup.policy", DELETE, None)], "{}"),
            (
                &[("no.such", DELETE, None)],
                "{\"cleanup.policy\": \"compact\"}",
            ),
        ];
        let current = Properties::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
        for (changes, expected) in table {
            let changes: Vec<_> = changes
                .iter()
                .map(|(name, operation, value)| change(name, *operation, *value))
                .collect();
            let changed = apply(Scope::Topic, &current, &changes).unwrap();
            assert_eq!(format!("{changed:?}"), *expected);
        }
    }

    #[test]
    fn what_is_appended_to_a_default_keeps_the_default() {
        let changes = [change("cleanup.policy", APPEND, Some("compact"))];
        let changed = apply(Scope::Topic, &Properties::new(), &changes).unwrap();
        assert_eq!(changed["cleanup.policy"], "delete,compact");
        let changes = [change("log.cleanup.policy", APPEND, Some("compact"))];
        let changed = apply(Scope::Broker, &Properties::new(), &changes).unwrap();
        assert_eq!(changed["log.cleanup.policy"], "delete,compact");
    }

    #[test]
    fn refusals_in_kafkas_words() {
        let twice = [
            change("retention.ms", SET, Some("1")),
            change("retention.ms", DELETE, None),
        ];
        let table: &[(Scope, &[IncrementalAlterableConfig], ErrorCode, &str)] = &[
            (
                Scope::Topic,
                &twice,
                ErrorCode::INVALID_REQUEST,
                "Error due to duplicate config keys",
            ),
            (
                Scope::Topic,
                &[change("retention.ms", SET, None)],
                ErrorCode::INVALID_REQUEST,
                "Null value not supported for : retention.ms",
            ),
            (
                Scope::Topic,
                &[change("retention.ms", APPEND, Some("1"))],
                ErrorCode::INVALID_CONFIG,
                "Can't APPEND to key retention.ms because its type is not LIST.",
            ),
            (
                Scope::Topic,
                &[change("no.such", SUBTRACT, Some("1"))],
                ErrorCode::INVALID_CONFIG,
                "Can't SUBTRACT to key no.such because its type is not LIST.",
            ),
            (
                Scope::Broker,
                &[change("num.io.threads", APPEND, Some("1"))],
                ErrorCode::INVALID_CONFIG,
                "Config value append is not allowed for config key: num.io.threads",
            ),
            (
                Scope::Broker,
                &[change("num.io.threads", 9, Some("1"))],
                ErrorCode::INVALID_REQUEST,
                "Unknown operation type 9.",
            ),
        ];
        for (scope, changes, code, text) in table {
            let refused = apply(*scope, &Properties::new(), changes).unwrap_err();
            assert_eq!(refused, (*code, (*text).to_owned()));
        }
    }
}
