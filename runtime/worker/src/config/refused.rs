//! Keys that ask for security or a guarantee which this worker does not have. Ignoring them would leave a user
//! believing in it, so they stop the start.

use millrace_config::{ConfigErrors, Properties};

/// Prefixes whose keys are known here, so that the warning about unknown keys leaves them alone.
pub(super) const KNOWN_PREFIXES: [&str; 7] = [
    "authorizer.",
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

/// Why a client cannot have a setting, given without its prefix; none if it can.
pub(crate) fn client_refusal(setting: &str, value: &str) -> Option<&'static str> {
    match setting {
        "transactional.id" if !value.trim().is_empty() => {
            Some("transactions are not built in; leave the key out")
        }
        _ => None,
    }
}

/// A value as messages may show it.
pub(crate) fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    let secret = ["password", "jaas", "certificate"]
        .iter()
        .any(|part| key.contains(part));
    if secret || key.ends_with(".key") {
        "[hidden]"
    } else {
        value
    }
}

fn reason(key: &str, value: &str) -> Option<&'static str> {
    let client_key = ["producer.", "consumer.", "admin."]
        .into_iter()
        .find_map(|prefix| key.strip_prefix(prefix));
    if let Some(why) = client_key.and_then(|setting| client_refusal(setting, value)) {
        return Some(why);
    }
    match key {
        "admin.listeners" | "listeners" if value.to_ascii_lowercase().contains("https:") => {
            Some("HTTPS is not built in; listen on http:// behind a proxy that ends TLS")
        }
        "ssl.client.auth" if value == "none" => None,
        "authorizer.class.name" | "rest.extension.classes" if value.is_empty() => None,
        "authorizer.class.name" => {
            Some("authorization is not built in; whoever reaches a port may do everything")
        }
        "exactly.once.source.support" if value.eq_ignore_ascii_case("disabled") => None,
        "rest.extension.classes" => Some("REST extensions are Java classes and cannot be loaded"),
        "exactly.once.source.support" => {
            Some("exactly-once delivery is not built in; leave the key out")
        }
        key if ["listeners.https.", "admin.listeners.https."]
            .iter()
            .any(|prefix| key.starts_with(prefix)) =>
        {
            Some("HTTPS is not built in; listen on http:// behind a proxy that ends TLS")
        }
        "ssl.client.auth" => Some(
            "it is about HTTPS, which is not built in; listen on http:// behind a proxy that ends TLS",
        ),
        _ => None,
    }
}
