//! The `producer.*`, `consumer.*` and `admin.*` keys of a worker: settings of the clients of all connectors.
//!
//! What is wrong with them is known before any connector runs, so it stops the start.

use millrace_client::ClusterConfig;
use millrace_client::consumer::ConsumerConfig;
use millrace_client::producer::ProducerConfig;
use millrace_config::{Config, ConfigDef, ConfigErrors, NullableProperties, Properties};

/// The kinds of clients, by the prefix of their keys.
const PREFIXES: [&str; 3] = ["producer.", "consumer.", "admin."];

/// The keys of a client; `prefix` is `producer.`, `consumer.` or `admin.`.
pub(crate) fn client_keys(prefix: &str) -> ConfigDef {
    match prefix {
        "producer." => ProducerConfig::definition(),
        "consumer." => ConsumerConfig::definition().with(ClusterConfig::definition()),
        _ => ClusterConfig::definition(),
    }
}

/// The settings below a prefix, without it. `admin.listeners` is the worker's own.
fn settings(properties: &Properties, prefix: &str) -> Properties {
    let below = properties
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
    below
        .filter(|(key, _)| !(prefix == "admin." && key.starts_with("listeners")))
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

/// What is wrong with the values; what is not built in is said elsewhere.
pub(super) fn check(properties: &Properties) -> ConfigErrors {
    let mut errors = ConfigErrors::default();
    for prefix in PREFIXES {
        let given: NullableProperties = settings(properties, prefix)
            .into_iter()
            .filter(|(key, value)| super::client_refusal(key, value).is_none())
            .map(|(key, value)| (key, Some(value)))
            .collect();
        let verdicts = client_keys(prefix).validate(&given);
        for verdict in verdicts
            .iter()
            .filter(|verdict| given.contains_key(&verdict.name))
        {
            // A number that is none has a second error, that it must not be null.
            if let Some(error) = verdict.errors.first() {
                let full = format!("{prefix}{}", verdict.name);
                let short = format!("for configuration {}:", verdict.name);
                let message = error.replacen(&short, &format!("for configuration {full}:"), 1);
                errors.push(full, message);
            }
        }
    }
    errors
}

/// Keys that the clients do not know, each with what is said of it.
pub(super) fn unknown(properties: &Properties) -> Vec<String> {
    let of = |prefix: &'static str| {
        let unknown = client_keys(prefix).unknown_keys(&settings(properties, prefix));
        unknown.into_iter().map(move |mut unknown| {
            unknown.key.insert_str(0, prefix);
            if let Some(nearest) = &mut unknown.nearest {
                nearest.insert_str(0, prefix);
            }
            unknown.to_string()
        })
    };
    PREFIXES.into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use millrace_config::Properties;

    use super::{check, unknown};

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn settings_that_cannot_be_used_are_named_by_their_full_key() {
        let given = properties(&[
            ("producer.acks", "7"),
            ("producer.linger.ms", "5"),
            ("consumer.max.partition.fetch.bytes", "many"),
            ("admin.request.timeout.ms", "x"),
            ("admin.listeners", "x"),
            ("bootstrap.servers", "b:1"),
        ]);
        let errors = check(&given);
        let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
        let expected = [
            "producer.acks",
            "consumer.max.partition.fetch.bytes",
            "admin.request.timeout.ms",
        ];
        assert_eq!(keys, expected);
        for error in errors.iter() {
            let named = format!("for configuration {}: ", error.key);
            assert!(error.message.contains(&named), "{}", error.message);
        }
        assert!(check(&properties(&[])).is_empty());
    }

    #[test]
    fn settings_that_no_client_knows_are_named() {
        let given = properties(&[
            ("producer.acks", "all"),
            ("producer.linger.mss", "5"),
            ("consumer.no.such.key", "x"),
            ("admin.listeners.https.ssl.protocol", "x"),
        ]);
        assert_eq!(
            unknown(&given),
            [
                "unknown configuration key \"producer.linger.mss\" is ignored; did you mean \"producer.linger.ms\"?",
                "unknown configuration key \"consumer.no.such.key\" is ignored",
            ]
        );
    }
}
