//! The keys, named as those of Kafka's console consumer.

use millrace_api::config::{Config, ConfigEnum};

use crate::colors::Color;

/// How a record is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub enum Format {
    /// Columns of text.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// As the logger sink of Flume logs events.
    Flume,
}

/// What the stdout sink needs to know.
#[derive(Debug, Clone, Config)]
pub struct StdoutConfig {
    /// `text` prints columns in the manner of Kafka's console consumer, `json` one JSON object a line, `flume` events in
    /// the manner of Flume's logger sink.
    #[config(name = "format", default = "text", importance = high)]
    pub format: Format,
    /// Whether the topic is printed.
    #[config(name = "print.topic", default = false)]
    pub print_topic: bool,
    /// Whether the timestamp is printed.
    #[config(name = "print.timestamp", default = false)]
    pub print_timestamp: bool,
    /// Whether the partition is printed.
    #[config(name = "print.partition", default = false)]
    pub print_partition: bool,
    /// Whether the offset is printed.
    #[config(name = "print.offset", default = false)]
    pub print_offset: bool,
    /// Whether it is printed how often the record was delivered, of which a sink does not know.
    #[config(name = "print.delivery", default = false, importance = low)]
    pub print_delivery: bool,
    /// Whether the leader epoch is printed, of which a sink does not know.
    #[config(name = "print.epoch", default = false, importance = low)]
    pub print_epoch: bool,
    /// Whether the headers are printed.
    #[config(name = "print.headers", default = false)]
    pub print_headers: bool,
    /// Whether the key is printed.
    #[config(name = "print.key", default = false)]
    pub print_key: bool,
    /// Whether the value is printed.
    #[config(name = "print.value", default = true)]
    pub print_value: bool,
    /// What stands between two columns of text; `\t` is a tab, `\n` a newline.
    #[config(name = "key.separator", default = "\\t", importance = low)]
    key_separator: String,
    /// What stands behind the last column of a record in text; empty for nothing.
    #[config(name = "line.separator", default = "\\n", importance = low)]
    line_separator: String,
    /// What stands between two headers in text.
    #[config(name = "headers.separator", default = ",", importance = low)]
    headers_separator: String,
    /// What stands for a null in text.
    #[config(name = "null.literal", default = "null", importance = low)]
    pub null_literal: String,
    /// How many bytes of a value are printed in the manner of Flume.
    #[config(name = "max.bytes.to.log", default = 16, range(1..), importance = low)]
    pub max_bytes: i32,
    /// Whether text is coloured: `auto` on a terminal.
    #[config(name = "color", default = "auto", importance = low)]
    pub color: Color,
}

impl StdoutConfig {
    /// What stands between two columns.
    pub fn key_separator(&self) -> String {
        unescape(&self.key_separator)
    }

    /// What stands behind the last column.
    pub fn line_separator(&self) -> String {
        unescape(&self.line_separator)
    }

    /// What stands between two headers.
    pub fn headers_separator(&self) -> String {
        unescape(&self.headers_separator)
    }
}

/// Blanks around a configuration value are lost, so those that matter are written as escapes.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('s') => plain.push(' '),
            Some(other) => plain.push(other),
            None => plain.push('\\'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (text, plain) in [
            ("\\t", "\t"),
            ("a\\\\b", "a\\b"),
            (",\\s", ", "),
            ("\\", "\\"),
        ] {
            assert_eq!(unescape(text), plain);
        }
    }
}
