//! Topic names: what they may be, and which belong to the broker.

use millrace_wire::error_code::ErrorCode;

/// Keeps committed offsets and groups.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// Keeps the state of transactions.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";
/// Kafka's own metadata log, which is no topic that a client may name.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";

const NAME_BYTES_MAX: usize = 249;

/// Whether the broker keeps its own state in the topic.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(name, OFFSETS_TOPIC | TRANSACTIONS_TOPIC)
}

/// Refuses a name that is empty, too long, a directory's own, or has other characters than letters, digits, dots,
/// underscores and dashes.
pub(crate) fn check(name: &str) -> Result<(), (ErrorCode, String)> {
    let reason = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if matches!(name, "." | "..") {
        format!("'{name}' is not allowed")
    } else if name.len() > NAME_BYTES_MAX {
        format!("the length of '{name}' is longer than the max allowed length {NAME_BYTES_MAX}")
    } else if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    {
        format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        )
    } else {
        return Ok(());
    };
    Err((
        ErrorCode::INVALID_TOPIC_EXCEPTION,
        format!("Topic name is invalid: {reason}"),
    ))
}

/// Two names that differ only in dots and underscores would be one in metrics.
pub(crate) fn collide(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().map(undotted).eq(b.bytes().map(undotted))
}

fn undotted(byte: u8) -> u8 {
    if byte == b'.' { b'_' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(NAME_BYTES_MAX);
        for good in ["a", "A.b_c-9", "...", longest.as_str()] {
            assert!(check(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(NAME_BYTES_MAX + 1);
        for bad in ["", ".", "..", "bad name!", "a/b", "ä", too_long.as_str()] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn collisions() {
        assert!(collide("a.b", "a_b"));
        assert!(!collide("a.b", "a-b"));
        assert!(!collide("a", "a_"));
    }
}
