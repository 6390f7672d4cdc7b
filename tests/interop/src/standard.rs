//! The standard records, as `clients/README.md` describes them.

/// How many there are.
pub(crate) const COUNT: usize = 1000;

/// The codecs of Kafka's producers.
pub(crate) const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// The key of a record.
pub(crate) fn key(number: usize) -> Option<String> {
    match number % 5 {
        0 => None,
        1 => Some(String::new()),
        _ => Some(format!("key-{number}")),
    }
}

/// The value of a record. Some clients refuse a record that has neither key nor value.
pub(crate) fn value(number: usize) -> Option<String> {
    match number % 7 {
        0 if !number.is_multiple_of(5) => None,
        1 => Some(String::new()),
        _ => Some(format!("{number} größe 日本 {}", "x".repeat(number % 300))),
    }
}

/// The headers of a record.
pub(crate) fn headers(number: usize) -> Vec<(&'static str, String)> {
    match number % 3 {
        0 => vec![],
        1 => vec![("number", number.to_string())],
        _ => vec![("h", "1".into()), ("h", "2".into()), ("empty", "".into())],
    }
}
