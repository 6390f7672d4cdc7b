//! From a line to a record: headers, key and value between separators.
//!
//! Property names and rules are those of Kafka's `LineMessageReader`: `parse.headers`, `parse.key`, `key.separator`,
//! `headers.delimiter`, `headers.separator`, `headers.key.separator`, `null.marker`, `ignore.error`.

use memchr::memmem;
use millrace_client::producer::RecordRef;
use millrace_config::Properties;
use millrace_wire::batch::HeadersBuf;
use thiserror::Error;

use crate::tools::run::Usage;

/// How a line is taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineFormat {
    parse_key: bool,
    parse_headers: bool,
    key_separator: String,
    headers_delimiter: String,
    headers_separator: String,
    headers_key_separator: String,
    null_marker: Option<String>,
    ignore_error: bool,
}

/// A line that cannot be taken apart.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{what} on line {number}: {line}")]
pub(super) struct LineError {
    what: String,
    number: u64,
    line: String,
}

/// A record, borrowed from its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    headers: Vec<u8>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl Line<'_> {
    pub(super) fn record(&self) -> RecordRef<'_> {
        RecordRef {
            timestamp: -1,
            key: self.key,
            value: self.value,
            headers: &self.headers,
        }
    }
}

impl LineFormat {
    /// Reads the properties; unknown ones are left alone, as there.
    pub(super) fn from_properties(properties: &Properties) -> Result<Self, Usage> {
        let is_true = |key: &str| {
            properties
                .get(key)
                .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
        };
        let text = |key: &str, default: &str| {
            properties
                .get(key)
                .map_or(default, String::as_str)
                .to_owned()
        };
        let format = Self {
            parse_key: is_true("parse.key"),
            parse_headers: is_true("parse.headers"),
            key_separator: text("key.separator", "\t"),
            headers_delimiter: text("headers.delimiter", "\t"),
            headers_separator: text("headers.separator", ","),
            headers_key_separator: text("headers.key.separator", ":"),
            null_marker: properties.get("null.marker").cloned(),
            ignore_error: is_true("ignore.error"),
        };
        format.check()?;
        Ok(format)
    }

    /// Separators that cannot be told apart, or that are empty.
    fn check(&self) -> Result<(), Usage> {
        let named = [
            ("headers.delimiter", &self.headers_delimiter),
            ("headers.separator", &self.headers_separator),
            ("headers.key.separator", &self.headers_key_separator),
        ];
        for (index, (name, separator)) in named.iter().enumerate() {
            if let Some((other, _)) = named[index + 1..]
                .iter()
                .find(|(_, text)| text == separator)
            {
                return Err(Usage::new(format!("{name} and {other} may not be equal")));
            }
        }
        let key = ("key.separator", &self.key_separator);
        for (name, separator) in named.into_iter().chain([key]) {
            if separator.is_empty() {
                return Err(Usage::new(format!("{name} may not be empty")));
            }
            if self.null_marker.as_ref() == Some(separator) {
                return Err(Usage::new(format!(
                    "null.marker and {name} may not be equal"
                )));
            }
        }
        Ok(())
    }

    /// Takes a line apart.
    pub(super) fn parse<'a>(&self, line: &'a [u8], number: u64) -> Result<Line<'a>, LineError> {
        let wrong = |what: &str| LineError {
            what: what.to_owned(),
            number,
            line: String::from_utf8_lossy(line).into_owned(),
        };
        let (headers, rest) = self
            .split(self.parse_headers, line, &self.headers_delimiter)
            .ok_or_else(|| wrong("no headers.delimiter found"))?;
        let (key, value) = self
            .split(self.parse_key, rest, &self.key_separator)
            .ok_or_else(|| wrong("no key.separator found"))?;
        let headers = match headers {
            Some(headers) if !self.is_null(headers) => {
                self.headers(headers).map_err(|what| wrong(&what))?
            }
            _ => Vec::new(),
        };
        Ok(Line {
            headers,
            key: key.filter(|key| !self.is_null(key)),
            value: Some(value).filter(|value| !self.is_null(value)),
        })
    }

    /// What stands before the separator, and what behind it; none where it is missing and must not be.
    fn split<'a>(
        &self,
        enabled: bool,
        line: &'a [u8],
        separator: &str,
    ) -> Option<(Option<&'a [u8]>, &'a [u8])> {
        if !enabled {
            return Some((None, line));
        }
        match memmem::find(line, separator.as_bytes()) {
            Some(at) => Some((Some(&line[..at]), &line[at + separator.len()..])),
            None if self.ignore_error => Some((None, line)),
            None => None,
        }
    }

    fn is_null(&self, text: &[u8]) -> bool {
        self.null_marker
            .as_ref()
            .is_some_and(|marker| marker.as_bytes() == text)
    }

    /// The header section of `name:value,name:value`.
    fn headers(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        let mut headers = HeadersBuf::new();
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (pair, after) = match memmem::find(text, self.headers_separator.as_bytes()) {
                Some(at) => (
                    &text[..at],
                    Some(&text[at + self.headers_separator.len()..]),
                ),
                None => (text, None),
            };
            rest = after;
            let separator = self.headers_key_separator.as_bytes();
            let (name, value) = match memmem::find(pair, separator) {
                Some(at) => (&pair[..at], Some(&pair[at + separator.len()..])),
                None if self.ignore_error => (pair, None),
                None => {
                    let pair = String::from_utf8_lossy(pair);
                    return Err(format!("no headers.key.separator found in \"{pair}\""));
                }
            };
            if self.is_null(name) {
                return Err(
                    "a header's name is the null.marker, and names cannot be null".to_owned(),
                );
            }
            let value = value.filter(|value| !self.is_null(value));
            headers.push(&String::from_utf8_lossy(name), value);
        }
        Ok(headers.into_section())
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;
    use millrace_wire::batch::Headers;

    use super::LineFormat;

    /// Properties, a line, and what it is taken for.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

    fn format(pairs: &[(&str, &str)]) -> LineFormat {
        LineFormat::from_properties(&properties(pairs)).unwrap()
    }

    /// The parts of a line as text, `-` for null.
    fn parts(properties: &[(&str, &str)], line: &str) -> Result<String, String> {
        let format = format(properties);
        let line = format
            .parse(line.as_bytes(), 3)
            .map_err(|error| error.to_string())?;
        let text = |part: Option<&[u8]>| {
            part.map_or("-".to_owned(), |part| {
                String::from_utf8_lossy(part).into_owned()
            })
        };
        let headers: Vec<String> = Headers::parse(&line.headers)
            .unwrap()
            .iter()
            .map(|header| format!("{}={}", text(Some(header.key)), text(header.value)))
            .collect();
        Ok(format!(
            "[{}] {} {}",
            headers.join(" "),
            text(line.key),
            text(line.value)
        ))
    }

    #[test]
    fn lines_are_taken_apart_as_kafkas_reader_does() {
        let key = ("parse.key", "TRUE ");
        let headers = ("parse.headers", "true");
        let colon = ("key.separator", ":");
        let marker = ("null.marker", "NULL");
        let ignore = ("ignore.error", "true");
        let cases: &[Case<'_>] = &[
            (&[], "a\tb", "[] - a\tb"),
            (&[], "", "[] - "),
            (&[key], "a\tb\tc", "[] a b\tc"),
            (&[key, colon], "a:b:c", "[] a b:c"),
            (&[key, colon], ":b", "[]  b"),
            (&[key, colon, marker], "NULL:NULL", "[] - -"),
            (&[key, ignore], "no separator", "[] - no separator"),
            (&[headers, key, colon], "h:1,i:2\tk:v", "[h=1 i=2] k v"),
            (&[headers], "h:1,h:\tv", "[h=1 h=] - v"),
            (&[headers, marker], "h:NULL\tv", "[h=-] - v"),
            (&[headers, marker], "NULL\tv", "[] - v"),
            (&[headers, ignore], "h\tv", "[h=-] - v"),
        ];
        for (properties, line, expected) in cases {
            assert_eq!(
                parts(properties, line).as_deref(),
                Ok(*expected),
                "{line:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_names_the_line() {
        let cases: &[Case<'_>] = &[
            (
                &[("parse.key", "true")],
                "ab",
                "no key.separator found on line 3: ab",
            ),
            (
                &[("parse.headers", "true")],
                "h\tv",
                "no headers.key.separator found in \"h\" on line 3: h\tv",
            ),
        ];
        for (properties, line, expected) in cases {
            assert_eq!(parts(properties, line).unwrap_err(), *expected);
        }
        for wrong in [
            ("headers.separator", "\t"),
            ("key.separator", ""),
            ("null.marker", ","),
        ] {
            assert!(
                LineFormat::from_properties(&properties(&[wrong])).is_err(),
                "{wrong:?}"
            );
        }
    }
}
