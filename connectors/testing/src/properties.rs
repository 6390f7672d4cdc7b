//! Reading the properties of connectors that, as in Kafka, declare none: what is wrong shows when they start.

use std::str::FromStr;

use millrace_api::{ConnectError, Properties};

/// The value of a key that must be there.
pub(crate) fn required<'a>(properties: &'a Properties, key: &str) -> Result<&'a str, ConnectError> {
    properties
        .get(key)
        .map(String::as_str)
        .ok_or_else(|| ConnectError::connect(format!("the connector needs the key '{key}'")))
}

/// A number that must be there.
pub(crate) fn number<T: FromStr>(properties: &Properties, key: &str) -> Result<T, ConnectError> {
    let text = required(properties, key)?;
    text.trim().parse().map_err(|_| not_a_number(key, text))
}

/// A number, or `default` where the key is missing.
pub(crate) fn number_or<T: FromStr>(
    properties: &Properties,
    key: &str,
    default: T,
) -> Result<T, ConnectError> {
    match properties.get(key) {
        None => Ok(default),
        Some(text) => text.trim().parse().map_err(|_| not_a_number(key, text)),
    }
}

/// Whether the value is `true`, in any case; a missing key is false.
pub(crate) fn flag(properties: &Properties, key: &str) -> bool {
    properties
        .get(key)
        .is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
}

fn not_a_number(key: &str, text: &str) -> ConnectError {
    ConnectError::connect(format!(
        "the key '{key}' must be a whole number, not '{text}'"
    ))
}
