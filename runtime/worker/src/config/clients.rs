//! The `producer.*`, `consumer.*` and `admin.*` keys of a worker: settings of the clients of all connectors.
//!
//! What is wrong with them is known before any connector runs, so it stops the start.

use millrace_client::ClusterConfig;
use millrace_client::config::Security;
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

/// Whether a client's key is about encryption or authentication.
pub(crate) fn is_security(key: &str) -> bool {
    ["security.", "ssl.", "sasl."]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

/// The worker's own protection, for a kind of client that goes to the worker's cluster and has none of its own:
/// neither `security.protocol` nor `bootstrap.servers` below `prefix`.
pub(crate) fn inherited_security(worker: &Properties, prefix: &str) -> Properties {
    let has_own = |key: &str| worker.contains_key(&format!("{prefix}{key}"));
    if has_own("security.protocol") || has_own("bootstrap.servers") {
        return Properties::new();
    }
    let keys = worker.iter().filter(|(key, _)| is_security(key));
    keys.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// What is wrong with the protection of the worker's clients and of those of connectors.
fn check_security(properties: &Properties) -> ConfigErrors {
    let mut errors = ConfigErrors::default();
    for prefix in [""].into_iter().chain(PREFIXES) {
        let mut given = match prefix {
            "" => Properties::new(),
            prefix => inherited_security(properties, prefix),
        };
        let own = settings(properties, prefix).into_iter();
        let own: Properties = own.filter(|(key, _)| is_security(key)).collect();
        if own.is_empty() {
            continue;
        }
        // What is wrong with inherited keys alone is said of the worker's own.
        let inherited = Security::parse(&given).err().unwrap_or_default();
        let is_said = |key: &str| inherited.iter().any(|error| error.key == key);
        given.extend(own.clone());
        let Err(wrong) = Security::parse(&given) else {
            continue;
        };
        let is_new = |key: &str| own.contains_key(key) || !is_said(key);
        for error in wrong.iter().filter(|error| is_new(&error.key)) {
            let full = format!("{prefix}{}", error.key);
            let short = format!("for configuration {}:", error.key);
            let named = format!("for configuration {full}:");
            errors.push(&full, error.message.replacen(&short, &named, 1));
        }
    }
    errors
}

/// What is wrong with the values; what is not built in is said elsewhere.
pub(super) fn check(properties: &Properties) -> ConfigErrors {
    let mut errors = check_security(properties);
    for prefix in PREFIXES {
        let given: NullableProperties = settings(properties, prefix)
            .into_iter()
            .filter(|(key, value)| !is_security(key) && super::client_refusal(key, value).is_none())
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
    use millrace_testkit::properties;

    use super::{check, unknown};

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
    fn protection_is_checked_whole_and_inherited_within_a_cluster() {
        let jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=a password=hunter2;";
        let plain = [
            ("bootstrap.servers", "b:1"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", jaas),
        ];
        let wrong = |more: &[(&str, &str)]| -> Vec<String> {
            let errors = check(&properties(&[&plain, more].concat()));
            for error in errors.iter() {
                assert!(!error.message.contains("hunter2"), "{}", error.message);
            }
            errors.iter().map(|error| error.key.clone()).collect()
        };
        assert_eq!(wrong(&[]), [""; 0]);
        assert_eq!(
            wrong(&[("producer.ssl.key.password", "x")]),
            ["producer.ssl.key.password"]
        );
        assert_eq!(
            wrong(&[("consumer.sasl.mechanism", "SCRAM-SHA-256")]),
            ["consumer.sasl.jaas.config"]
        );
        assert_eq!(
            wrong(&[("admin.security.protocol", "SASL_SSL")]),
            ["admin.sasl.mechanism"]
        );
        let worker = properties(&plain);
        assert_eq!(super::inherited_security(&worker, "producer.").len(), 3);
        for own in ["producer.security.protocol", "producer.bootstrap.servers"] {
            let worker = properties(&[&plain[..], &[(own, "x")]].concat());
            assert!(super::inherited_security(&worker, "producer.").is_empty());
        }
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
