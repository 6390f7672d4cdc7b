//! What a broker may be told while it runs.

use std::sync::Arc;

use millrace_config::Properties;
use millrace_wire::error_code::ErrorCode;

use super::change::Refused;
use super::layers::BrokerLayers;
use super::{BrokerConfig, known};

/// Keys of thread pools: the least is one thread, although there are no such threads here.
const THREAD_COUNTS: &[&str] = &[
    "background.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];

/// The configuration that comes of `layers`, where `changed` is the layer that somebody wants to set.
///
/// # Errors
/// A key that cannot change while the broker runs, or a value that the key does not take.
pub(crate) fn check(layers: BrokerLayers, changed: &Properties) -> Result<BrokerConfig, Refused> {
    // A layer must be right where it counts, and not only where another one hides what is wrong with it.
    let alone = BrokerLayers {
        cluster: changed.clone(),
        ..BrokerLayers::of_file(Arc::clone(&layers.file))
    };
    check_dynamic(changed)
        .and_then(|()| {
            changed
                .iter()
                .try_for_each(|(name, text)| check_value(name, text))
        })
        .and_then(|()| resolve(alone))
        .and_then(|_| resolve(layers))
        .map_err(|message| (ErrorCode::INVALID_REQUEST, message))
}

fn resolve(layers: BrokerLayers) -> Result<BrokerConfig, String> {
    BrokerConfig::from_layers(layers).map_err(|errors| {
        let first = errors.iter().next().map(|error| error.message.clone());
        first.unwrap_or_default()
    })
}

fn check_dynamic(changed: &Properties) -> Result<(), String> {
    let fixed: Vec<&str> = changed
        .keys()
        .filter(|name| known::keys().get(*name).is_some_and(|key| !key.is_dynamic))
        .map(String::as_str)
        .collect();
    if fixed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "Cannot update these configs dynamically: Set({})",
        fixed.join(", ")
    ))
}

fn check_value(name: &str, text: &str) -> Result<(), String> {
    let Some(key) = known::keys().get(name) else {
        return Ok(());
    };
    let refuse = |why: &str| {
        Err(format!(
            "Invalid value {text} for configuration {name}: {why}"
        ))
    };
    match key.kind.parse(text) {
        Err(why) => refuse(&why),
        Ok(value) if THREAD_COUNTS.contains(&name) && value.as_integer() < Some(1) => {
            refuse("Value must be at least 1")
        }
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: &str) -> Option<String> {
        let changed = Properties::from([(name.to_owned(), value.to_owned())]);
        let layers = BrokerLayers {
            node: changed.clone(),
            ..Default::default()
        };
        check(layers, &changed).err().map(|(code, text)| {
            assert_eq!(code, ErrorCode::INVALID_REQUEST);
            text
        })
    }

    #[test]
    fn what_another_layer_hides_is_looked_at_too() {
        let set =
            |value: &str| Properties::from([("max.connections".to_owned(), value.to_owned())]);
        let layers = BrokerLayers {
            cluster: set("-1"),
            node: set("5"),
            ..Default::default()
        };
        assert!(check(layers, &set("-1")).is_err());
    }

    #[test]
    fn what_can_be_set_and_what_cannot() {
        let table = [
            (
                "broker.id",
                "5",
                Some("Cannot update these configs dynamically: Set(broker.id)"),
            ),
            (
                "log.retention.hours",
                "5",
                Some("Cannot update these configs dynamically: Set(log.retention.hours)"),
            ),
            (
                "listeners",
                "PLAINTEXT://:1",
                Some("Cannot update these configs dynamically: Set(listeners)"),
            ),
            (
                "log.retention.ms",
                "x",
                Some(
                    "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
                ),
            ),
            (
                "message.max.bytes",
                "-1",
                Some(
                    "Invalid value -1 for configuration message.max.bytes: Value must be at least 0",
                ),
            ),
            (
                "num.io.threads",
                "0",
                Some("Invalid value 0 for configuration num.io.threads: Value must be at least 1"),
            ),
            (
                "max.connections",
                "-1",
                Some(
                    "Invalid value -1 for configuration max.connections: Value must be at least 0",
                ),
            ),
            (
                "sasl.jaas.config",
                "x",
                Some("sasl.jaas.config asks for security that the included broker does not have"),
            ),
            ("log.retention.ms", "123456", None),
            ("num.io.threads", "9", None),
            ("no.such", "1", None),
        ];
        for (name, value, expected) in table {
            assert_eq!(refusal(name, value).as_deref(), expected, "{name}={value}");
        }
    }
}
