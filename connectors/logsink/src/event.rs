//! What a record says as an event.

use std::io::Write;
use std::sync::Arc;

use log::Level;
use millrace_api::{Cell, SinkRow, Value, utf8_lossy};

use crate::config::{LineEnds, LogConfig};
use crate::level;

/// What stands for a null.
const NULL: &str = "null";
/// The header in which a log appender names the target that an event had.
const TARGET_HEADER: &[u8] = b"target";

/// How records become events.
#[derive(Debug)]
pub(crate) struct Events {
    target: String,
    connector: Arc<str>,
    level: Level,
    level_header: String,
    line_ends: LineEnds,
    max_bytes: usize,
}

impl Events {
    pub(crate) fn new(config: &LogConfig, connector: Arc<str>) -> Self {
        Self {
            target: config.target.clone(),
            connector,
            level: config.level(),
            level_header: config.level_header.clone(),
            line_ends: config.line_ends,
            max_bytes: usize::try_from(config.max_bytes).unwrap_or(1),
        }
    }

    /// The target of a topic's records.
    pub(crate) fn target(&self, topic: &str) -> String {
        self.target
            .replace("${connector}", &self.connector)
            .replace("${topic}", topic)
    }

    /// The level of a record.
    pub(crate) fn level(&self, row: &SinkRow<'_>) -> Level {
        if self.level_header.is_empty() {
            return self.level;
        }
        header(row, self.level_header.as_bytes(), level::read)
            .flatten()
            .unwrap_or(self.level)
    }

    /// Whether the record is an event of this very target that an appender has shipped back: logging it again would go
    /// on for ever.
    pub(crate) fn is_own(row: &SinkRow<'_>, target: &str) -> bool {
        header(row, TARGET_HEADER, |text| text == target).unwrap_or(false)
    }

    /// The message of a record, in place of what is in `text`.
    pub(crate) fn message(&self, row: &SinkRow<'_>, text: &mut String) {
        text.clear();
        match row.value() {
            Cell::Null => text.push_str(NULL),
            Cell::Text(bytes) | Cell::Bytes(bytes) => self.bytes(bytes, text),
            Cell::Value(datum) => match &datum.value {
                Value::Bytes(bytes) => self.bytes(bytes, text),
                Value::String(given) => self.bytes(given.as_bytes(), text),
                value => {
                    let mut bytes = Vec::new();
                    // Writing to a Vec does not fail.
                    drop(write!(bytes, "{value}"));
                    self.bytes(&bytes, text);
                }
            },
        }
    }

    fn bytes(&self, bytes: &[u8], text: &mut String) {
        let shown = &bytes[..bytes.len().min(self.max_bytes)];
        let plain = utf8_lossy(shown);
        match self.line_ends {
            LineEnds::Keep => text.push_str(&plain),
            LineEnds::Escape => escape(&plain, text),
        }
        if shown.len() < bytes.len() {
            text.push_str(&format!(" ({} more bytes)", bytes.len() - shown.len()));
        }
    }
}

/// Line ends and the escape of terminals as escapes.
fn escape(plain: &str, text: &mut String) {
    for character in plain.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\u{1b}' => text.push_str("\\e"),
            '\u{85}' | '\u{2028}' | '\u{2029}' => text.extend(character.escape_unicode()),
            other => text.push(other),
        }
    }
}

/// What `read` makes of the last header of a name, if there is one with text in it.
fn header<T>(row: &SinkRow<'_>, name: &[u8], read: impl Fn(&str) -> T) -> Option<T> {
    if let Ok(headers) = row.headers()
        && !headers.is_empty()
    {
        let named = headers
            .iter()
            .rfind(|header| header.name.as_bytes() == name)?;
        return match &named.value {
            Value::Null => None,
            Value::String(text) => Some(read(text)),
            Value::Bytes(bytes) => Some(read(&String::from_utf8_lossy(bytes))),
            value => Some(read(&value.to_string())),
        };
    }
    let encoded = row.encoded_headers();
    let (_, value) = encoded.iter().filter(|(known, _)| *known == name).last()?;
    Some(read(&String::from_utf8_lossy(value?)))
}
