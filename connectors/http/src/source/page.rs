//! Bodies become records: ranges of the body, with what is said of each.

use std::ops::Range;

use bytes::Bytes;
use jiff::Timestamp;
use memchr::memchr_iter;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::config::{ResponseFormat, SourceConfig};
use super::json;
use crate::form::ValueForm;

/// Elements of one body at most: bounds the memory of what is said of each.
const ITEMS_MAX: usize = 500_000;
/// Whole numbers from here on are milliseconds, below it seconds: 1973 in the one, 5138 in the other.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// How bodies are read.
#[derive(Debug)]
pub(super) struct Reading {
    format: ResponseFormat,
    form: ValueForm,
    data: String,
    record: String,
    key: Option<String>,
    timestamp: Option<String>,
    offset: Option<String>,
    next: Option<String>,
}

/// One element of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// The record's value.
    pub(super) value: Range<usize>,
    pub(super) key: Option<String>,
    /// Milliseconds since the epoch.
    pub(super) timestamp: Option<i64>,
    pub(super) offset: Option<Value>,
    /// Tells elements of one offset apart.
    pub(super) identity: u64,
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) body: Bytes,
    pub(super) items: Vec<Item>,
    /// What the body names as the next page.
    pub(super) next: Option<String>,
}

impl Reading {
    pub(super) fn new(config: &SourceConfig) -> Self {
        Self {
            format: config.response_format,
            form: config.value_form,
            data: config.data_pointer.clone(),
            record: config.record_pointer.clone(),
            key: config.key_pointer.clone(),
            timestamp: config.timestamp_pointer.clone(),
            offset: config.offset_pointer.clone(),
            next: config.next_page_pointer.clone(),
        }
    }

    /// Reads a body. Takes as long as the body is large: run it where that holds nobody up.
    ///
    /// # Errors
    /// What is wrong with the body.
    pub(super) fn read(&self, body: Bytes) -> Result<Page, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Page::default());
        }
        self.form.check(&body)?;
        let (elements, next) = match self.format {
            ResponseFormat::Json => self.json(&body)?,
            ResponseFormat::Lines => (lines(&body), None),
            ResponseFormat::Text => (std::iter::once(0..body.len()).collect(), None),
        };
        if elements.len() > ITEMS_MAX {
            return Err(format!(
                "a page has {} records, more than {ITEMS_MAX}; ask for smaller pages",
                elements.len()
            ));
        }
        let items = elements.into_iter().map(|range| self.item(&body, range));
        let items = items.collect::<Result<_, _>>()?;
        Ok(Page { items, body, next })
    }

    fn json(&self, body: &Bytes) -> Result<(Vec<Range<usize>>, Option<String>), String> {
        let broken = |error: serde_json::Error| format!("the body is not JSON: {error}");
        let whole: &RawValue = serde_json::from_slice(body).map_err(broken)?;
        let next = match &self.next {
            None => None,
            Some(pointer) => json::at(whole, pointer)
                .map_err(broken)?
                .and_then(json::text),
        };
        let data = json::at(whole, &self.data).map_err(broken)?;
        let data = data.ok_or_else(|| {
            format!(
                "the body has nothing at http.response.data.json.pointer={}",
                self.data
            )
        })?;
        let elements = match data.get().as_bytes().first() {
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(data.get()).map_err(broken)?;
                items.into_iter().map(|item| span(body, item)).collect()
            }
            Some(b'n') => Vec::new(),
            _ => vec![span(body, data)],
        };
        Ok((elements, next))
    }

    fn item(&self, body: &Bytes, range: Range<usize>) -> Result<Item, String> {
        let pointers = [&self.key, &self.timestamp, &self.offset];
        let looks_inside =
            !self.record.is_empty() || pointers.iter().any(|pointer| pointer.is_some());
        if !looks_inside || self.format == ResponseFormat::Text {
            return Ok(Item {
                value: range,
                key: None,
                timestamp: None,
                offset: None,
                identity: 0,
            });
        }
        let broken = |error: serde_json::Error| format!("a record is not JSON: {error}");
        let element: &RawValue = serde_json::from_slice(&body[range]).map_err(broken)?;
        let find = |pointer: &Option<String>| match pointer {
            None => Ok(None),
            Some(pointer) => json::at(element, pointer).map_err(broken),
        };
        let record = json::at(element, &self.record).map_err(broken)?;
        let record = record.ok_or_else(|| {
            format!(
                "a record has nothing at http.record.json.pointer={}",
                self.record
            )
        })?;
        let key = find(&self.key)?.and_then(json::text);
        let timestamp =
            match find(&self.timestamp)?.and_then(json::text) {
                None => None,
                Some(text) => Some(timestamp(&text).ok_or_else(|| {
                    format!("'{text}' at http.timestamp.json.pointer is not a time")
                })?),
            };
        let offset = match (find(&self.offset)?, &self.offset) {
            (_, None) => None,
            (Some(found), Some(_)) => offset(found)?,
            (None, Some(pointer)) => {
                return Err(format!(
                    "a record has nothing at http.offset.json.pointer={pointer}"
                ));
            }
        };
        Ok(Item {
            value: span(body, record),
            identity: identity(key.as_deref(), element.get()),
            key,
            timestamp,
            offset,
        })
    }
}

fn offset(found: &RawValue) -> Result<Option<Value>, String> {
    match serde_json::from_str(found.get()) {
        Ok(value @ (Value::Number(_) | Value::String(_))) => Ok(Some(value)),
        _ => Err(format!(
            "{} at http.offset.json.pointer is neither a number nor a text",
            found.get()
        )),
    }
}

/// Where a value lies in the body that it was read from.
fn span(body: &[u8], value: &RawValue) -> Range<usize> {
    let text = value.get();
    let start = text.as_ptr() as usize - body.as_ptr() as usize;
    start..start + text.len()
}

fn lines(body: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut ranges = Vec::new();
    for end in memchr_iter(b'\n', body).chain([body.len()]) {
        let line = body.get(start..end).unwrap_or_default();
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        if length > 0 {
            ranges.push(start..start + length);
        }
        start = end + 1;
    }
    ranges
}

/// Eight bytes of a digest: of the key where there is one, else of the whole element.
fn identity(key: Option<&str>, element: &str) -> u64 {
    let digest = Sha256::digest(key.unwrap_or(element).as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// Milliseconds since the epoch.
fn timestamp(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(match whole.abs() < MILLISECONDS_FROM {
            true => whole * 1000,
            false => whole,
        });
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Some((seconds * 1000.0) as i64);
    }
    let exact = text.parse::<Timestamp>();
    exact.ok().map(Timestamp::as_millisecond).or_else(|| {
        // Without an offset from UTC it is UTC, and without a time of day it is midnight.
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp().as_millisecond())
    })
}

#[cfg(test)]
mod tests {
    use millrace_api::config::Config as _;
    use millrace_testkit::properties;

    use super::*;

    fn read(pairs: &[(&str, &str)], body: &str) -> Result<Page, String> {
        let properties = properties([("url", "http://x/"), ("topic", "t")].iter().chain(pairs));
        let config = SourceConfig::parse(&properties).unwrap();
        Reading::new(&config).read(Bytes::copy_from_slice(body.as_bytes()))
    }

    type Keys<'a> = &'a [(&'a str, &'a str)];

    fn values(page: &Page) -> Vec<String> {
        let text = |item: &Item| String::from_utf8(page.body[item.value.clone()].to_vec());
        page.items.iter().map(|item| text(item).unwrap()).collect()
    }

    #[test]
    fn bodies_become_records() {
        let data = ("http.response.data.json.pointer", "/data/items");
        let cases: &[(Keys<'_>, &str, &[&str])] = &[
            (&[], "[1, {\"a\": 2}]", &["1", "{\"a\": 2}"]),
            (&[], "{\"a\":[]}", &["{\"a\":[]}"]),
            (&[], " \n", &[]),
            (&[], "null", &[]),
            (&[data], r#"{"data":{"items":["x"]},"n":1}"#, &["\"x\""]),
            (&[data], r#"{"data":{"items":null}}"#, &[]),
            (
                &[("http.record.json.pointer", "/v")],
                r#"[{"v":{"b":1}}]"#,
                &["{\"b\":1}"],
            ),
            (&[("response.format", "lines")], "a\r\n\nb", &["a", "b"]),
            (&[("response.format", "text")], "a\nb", &["a\nb"]),
        ];
        for (pairs, body, expected) in cases {
            assert_eq!(&values(&read(pairs, body).unwrap()), expected, "{body}");
        }
    }

    #[test]
    fn what_is_said_of_records_is_read() {
        let pairs = [
            ("http.key.json.pointer", "/id"),
            ("http.timestamp.json.pointer", "/at"),
            ("http.offset.json.pointer", "/at"),
            ("pagination", "cursor"),
            ("pagination.parameter", "c"),
            ("http.next.page.json.pointer", "/next"),
            ("http.response.data.json.pointer", "/items"),
        ];
        let body = r#"{"items":[{"id":7,"at":"2024-01-01T00:00:01Z"},{"id":"b","at":"2024-01-02"}],"next":"n1"}"#;
        let page = read(&pairs, body).unwrap();
        assert_eq!(page.next.as_deref(), Some("n1"));
        let [first, second] = &page.items[..] else {
            panic!("{page:?}");
        };
        assert_eq!(first.key.as_deref(), Some("7"));
        assert_eq!(first.timestamp, Some(1_704_067_201_000));
        assert_eq!(second.timestamp, Some(1_704_153_600_000));
        assert_eq!(second.offset, Some("2024-01-02".into()));
        assert_ne!(first.identity, second.identity);
    }

    #[test]
    fn times_in_their_forms() {
        for (text, expected) in [
            ("1704067201", Some(1_704_067_201_000)),
            ("1704067201500", Some(1_704_067_201_500)),
            ("1704067201.5", Some(1_704_067_201_500)),
            ("2024-01-01T01:00:01+01:00", Some(1_704_067_201_000)),
            ("2024-01-01T00:00:01", Some(1_704_067_201_000)),
            ("yesterday", None),
        ] {
            assert_eq!(timestamp(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let offset = ("http.offset.json.pointer", "/o");
        let cases: &[(Keys<'_>, &str, &str)] = &[
            (&[], "[1,", "not JSON"),
            (&[("http.response.data.json.pointer", "/a")], "{}", "=/a"),
            (&[offset], "[{}]", "=/o"),
            (&[offset], "[{\"o\":null}]", "null"),
            (
                &[("http.timestamp.json.pointer", "/t")],
                "[{\"t\":\"x\"}]",
                "'x'",
            ),
        ];
        for (pairs, body, mention) in cases {
            let error = read(pairs, body).unwrap_err();
            assert!(error.contains(mention), "{body}: {error}");
        }
    }
}
