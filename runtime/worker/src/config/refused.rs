//! Keys that ask for security or a guarantee which this worker does not have. Ignoring them would leave a user
//! believing in it, so they stop the start.

use millrace_config::{ConfigErrors, Properties};

/// Prefixes whose keys are known here, so that the warning about unknown keys leaves them alone.
pub(super) const KNOWN_PREFIXES: [&str; 6] = [
    "ssl.",
    "sasl.",
    "security.",
    "listeners.https.",
    "rest.extension.",
    "exactly.once.",
];

/// Finds every such key, in the order of the keys.
pub(super) fn find(properties: &Properties) -> ConfigErrors {
    let mut errors = ConfigErrors::default();
    for (key, value) in properties {
        if let Some(why) = reason(key, value.trim()) {
            errors.push(
                key,
                format!(
                    "Invalid value {} for configuration {key}: {why}",
                    shown(key, value)
                ),
            );
        }
    }
    errors
}

fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if key.contains("password") || key.contains("jaas") || key.ends_with(".key") {
        "[hidden]"
    } else {
        value
    }
}

fn reason(key: &str, value: &str) -> Option<&'static str> {
    let client_key = ["producer.", "consumer.", "admin."]
        .into_iter()
        .find_map(|prefix| key.strip_prefix(prefix));
    match client_key.unwrap_or(key) {
        "admin.listeners" | "listeners" if value.to_ascii_lowercase().contains("https:") => {
            Some("HTTPS is not built in; listen on http:// behind a proxy that ends TLS")
        }
        "ssl.client.auth" if value == "none" => None,
        "security.protocol" if value.eq_ignore_ascii_case("PLAINTEXT") || value.is_empty() => None,
        "rest.extension.classes" | "config.providers" if value.is_empty() => None,
        "exactly.once.source.support" if value.eq_ignore_ascii_case("disabled") => None,
        "rest.extension.classes" => Some("REST extensions are Java classes and cannot be loaded"),
        "config.providers" => {
            Some("config providers are not built in; put the value itself into the configuration")
        }
        "exactly.once.source.support" => {
            Some("exactly-once delivery is not built in; leave the key out")
        }
        "security.protocol" => Some("only PLAINTEXT connections to brokers are built in"),
        key if key.starts_with("ssl.") || key.starts_with("listeners.https.") => {
            Some("TLS is not built in; remove the key if plain connections are acceptable")
        }
        key if key.starts_with("sasl.") => Some(
            "SASL is not built in; remove the key if unauthenticated connections are acceptable",
        ),
        _ => None,
    }
}
