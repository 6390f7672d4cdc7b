//! The body of a record: what of a request is its own.

use std::io;

use millrace_api::{Cell, ConnectError, Value};
use regex::Regex;

use super::config::{BodyFormat, SinkConfig};
use super::json::{self, DecimalFormat};
use super::presets::Encoding;
use super::view::View;

/// Makes bodies of records.
#[derive(Debug)]
pub(crate) struct Renderer {
    encoding: Encoding,
    decimals: DecimalFormat,
    rewrites: Rewrites,
}

impl Renderer {
    /// A renderer as the configuration asks for.
    ///
    /// # Errors
    /// When templates or regular expressions cannot be read.
    pub(crate) fn new(config: &SinkConfig) -> Result<Self, ConnectError> {
        let rewrites = Rewrites::read(config)
            .map_err(|(key, why)| ConnectError::config(format!("{key}: {why}")))?;
        Ok(Self {
            encoding: Encoding::new(config).map_err(ConnectError::config)?,
            decimals: config.decimal_format,
            rewrites,
        })
    }

    /// Whether the body of a record whose value is text or bytes is just that.
    pub(crate) fn is_verbatim(&self) -> bool {
        matches!(self.encoding, Encoding::Plain(BodyFormat::String)) && self.rewrites.0.is_empty()
    }

    /// Appends the body of a record. Returns what it shares with records that it may be put together with, where the encoding
    /// groups records.
    ///
    /// # Errors
    /// When the record's contents do not fit.
    pub(crate) fn render(
        &self,
        view: &View<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<String>, ConnectError> {
        let start = out.len();
        let group = self.encoding.render(view, out, self.decimals)?;
        self.rewrites.apply(out, start);
        Ok(group)
    }
}

/// The plain body: the value.
pub(crate) fn plain(
    format: BodyFormat,
    view: &View<'_>,
    out: &mut Vec<u8>,
    decimals: DecimalFormat,
) -> io::Result<()> {
    let value = view.row.value();
    match (format, value) {
        (BodyFormat::Json, value) => document(out, value, decimals),
        (BodyFormat::String, Cell::Text(bytes) | Cell::Bytes(bytes)) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        (BodyFormat::String, Cell::Null) => Ok(()),
        (BodyFormat::String, Cell::Value(datum)) => match &datum.value {
            Value::String(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            Value::Bytes(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            given => json::value(out, given, decimals),
        },
    }
}

/// Appends a value as a JSON document: text that holds an object or an array is taken as it is.
pub(crate) fn document(
    out: &mut Vec<u8>,
    value: Cell<'_>,
    decimals: DecimalFormat,
) -> io::Result<()> {
    match value {
        Cell::Text(text) | Cell::Bytes(text) if is_container(text) => {
            out.extend_from_slice(text.trim_ascii());
            Ok(())
        }
        Cell::Value(datum) => match &datum.value {
            Value::String(text) if is_container(text.as_bytes()) => {
                out.extend_from_slice(text.trim().as_bytes());
                Ok(())
            }
            given => json::value(out, given, decimals),
        },
        other => json::cell(out, other, decimals),
    }
}

/// Whether `text` is a JSON object or array.
pub(crate) fn is_container(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) && json::is_document(text)
}

/// Regular expressions and what replaces their matches.
#[derive(Debug, Default)]
pub(crate) struct Rewrites(Vec<(Regex, String)>);

impl Rewrites {
    /// Reads patterns and replacements.
    ///
    /// # Errors
    /// The key at fault and why.
    pub(crate) fn read(config: &SinkConfig) -> Result<Self, (&'static str, String)> {
        if config.regex_patterns.is_empty() {
            return Ok(Self::default());
        }
        let patterns: Vec<_> = config
            .regex_patterns
            .split(&config.regex_separator)
            .collect();
        let replacements: Vec<_> = config
            .regex_replacements
            .split(&config.regex_separator)
            .collect();
        let mut rewrites = Vec::new();
        for pattern in &patterns {
            let regex = Regex::new(pattern).map_err(|error| {
                let why = format!("'{pattern}' is not a regular expression: {error}; correct it");
                ("regex.patterns", why)
            })?;
            rewrites.push(regex);
        }
        if patterns.len() != replacements.len() {
            let why = format!(
                "there are {} patterns and {} replacements; make regex.replacements have one for each of regex.patterns",
                patterns.len(),
                replacements.len()
            );
            return Err(("regex.replacements", why));
        }
        let replacements = replacements.into_iter().map(with_braces);
        Ok(Self(rewrites.into_iter().zip(replacements).collect()))
    }

    /// Rewrites what is in `out` from `start` on. A body that is not text stays as it is.
    fn apply(&self, out: &mut Vec<u8>, start: usize) {
        if self.0.is_empty() {
            return;
        }
        let Some(Ok(text)) = out.get(start..).map(std::str::from_utf8) else {
            return;
        };
        let mut text = text.to_owned();
        for (regex, replacement) in &self.0 {
            text = regex.replace_all(&text, replacement.as_str()).into_owned();
        }
        out.truncate(start);
        out.extend_from_slice(text.as_bytes());
    }
}

/// `$1a` is group 1 and an `a`, as in Java; braces say so to the regular expressions used here.
fn with_braces(replacement: &str) -> String {
    let mut out = String::with_capacity(replacement.len() + 2);
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            '$' if characters.peek().is_some_and(char::is_ascii_digit) => {
                out.push_str("${");
                while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                    out.push(digit);
                }
                out.push('}');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_read_as_java_reads_them() {
        for (text, expected) in [
            ("$1a", "${1}a"),
            ("x", "x"),
            ("\\$1", "$$1"),
            ("${name}", "${name}"),
            ("a\\", "a\\"),
        ] {
            assert_eq!(with_braces(text), expected);
        }
    }

    #[test]
    fn containers() {
        for (text, is) in [
            ("{\"a\":1}", true),
            (" [1]\n", true),
            ("{a}", false),
            ("\"x\"", false),
            ("12", false),
            ("", false),
        ] {
            assert_eq!(is_container(text.as_bytes()), is, "{text}");
        }
    }
}
