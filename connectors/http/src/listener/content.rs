//! Bodies become records: ranges of the body, or of a JSON text made of a form.

use std::ops::Range;

use bytes::Bytes;
use hyper::StatusCode;
use memchr::memchr_iter;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::answer::Refusal;
use super::config::{Arrays, Format};
use super::urlencoded;
use crate::charset::Charset;

/// The records of a body.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) block: Bytes,
    pub(super) spans: Vec<Range<usize>>,
    /// Each span is JSON that was checked.
    pub(super) is_json: bool,
}

/// How bodies are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) format: Format,
    pub(super) arrays: Arrays,
    pub(super) records_max: usize,
}

impl Reading {
    /// Cuts a body into records.
    ///
    /// # Errors
    /// What is wrong with the body.
    pub(super) fn read(&self, content_type: Option<&str>, body: Bytes) -> Result<Content, Refusal> {
        let format = match self.format {
            Format::Auto => format_of(content_type),
            chosen => chosen,
        };
        let body = match format {
            Format::Raw if content_type.is_none() => body,
            _ => decoded(content_type, body)?,
        };
        let content = match format {
            Format::Json => self.json(body)?,
            Format::Lines => lines(body),
            Format::Form => form(&body),
            Format::Raw | Format::Auto => Content {
                spans: std::iter::once(0..body.len()).collect(),
                block: body,
                is_json: false,
            },
        };
        match content.spans.len() > self.records_max {
            true => Err(self.too_many(content.spans.len())),
            false => Ok(content),
        }
    }

    fn json(&self, body: Bytes) -> Result<Content, Refusal> {
        let bad = |error: serde_json::Error| Refusal::bad(format!("the body is not JSON: {error}"));
        let begins_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let spans = match begins_array && self.arrays == Arrays::Split {
            true => {
                let elements: Vec<&RawValue> = serde_json::from_slice(&body).map_err(bad)?;
                let spans = elements.iter().map(|element| span_of(&body, element));
                spans.collect()
            }
            false => {
                let whole: &RawValue = serde_json::from_slice(&body).map_err(bad)?;
                vec![span_of(&body, whole)]
            }
        };
        Ok(Content {
            block: body,
            spans,
            is_json: true,
        })
    }

    pub(super) fn too_many(&self, count: usize) -> Refusal {
        let max = self.records_max;
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("{count} records are more than the {max} of records.max"),
        )
    }
}

/// Where a value lies in the body that it was read from.
pub(super) fn span_of(body: &[u8], value: &RawValue) -> Range<usize> {
    let text = value.get();
    let start = text.as_ptr() as usize - body.as_ptr() as usize;
    start..start + text.len()
}

fn format_of(content_type: Option<&str>) -> Format {
    let media = content_type.unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let media = media.to_ascii_lowercase();
    match media.as_str() {
        "application/json" | "text/json" => Format::Json,
        "application/x-ndjson"
        | "application/jsonl"
        | "application/x-jsonlines"
        | "application/json-seq" => Format::Lines,
        "application/x-www-form-urlencoded" => Format::Form,
        other if other.ends_with("+json") => Format::Json,
        _ => Format::Raw,
    }
}

fn decoded(content_type: Option<&str>, body: Bytes) -> Result<Bytes, Refusal> {
    match Charset::of(content_type) {
        Ok(charset) => Ok(charset.decode(body)),
        Err(label) => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the character set {label} is not known; send UTF-8"),
        )),
    }
}

fn lines(body: Bytes) -> Content {
    let mut spans = Vec::new();
    let mut start = 0;
    let ends = memchr_iter(b'\n', &body).chain([body.len()]);
    for end in ends {
        let line = body.get(start..end).unwrap_or_default();
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        if length > 0 {
            spans.push(start..start + length);
        }
        start = end + 1;
    }
    Content {
        block: body,
        spans,
        is_json: false,
    }
}

/// A JSON object of a form's fields; one that comes several times is an array.
fn form(body: &[u8]) -> Content {
    let mut fields = Map::new();
    for (name, value) in urlencoded::fields(body) {
        let value = Value::String(value);
        match fields.get_mut(&name) {
            None => {
                fields.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    let block = Bytes::from(Value::Object(fields).to_string());
    Content {
        spans: std::iter::once(0..block.len()).collect(),
        block,
        is_json: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: Format, content_type: &str, body: &'static str) -> Result<Vec<String>, String> {
        let reading = Reading {
            format,
            arrays: Arrays::Split,
            records_max: 3,
        };
        let content = reading
            .read(Some(content_type), Bytes::from_static(body.as_bytes()))
            .map_err(|refusal| refusal.message)?;
        let text =
            |span: &Range<usize>| String::from_utf8(content.block[span.clone()].to_vec()).unwrap();
        Ok(content.spans.iter().map(text).collect())
    }

    #[test]
    fn bodies_become_records() {
        let json = "application/json; charset=utf-8";
        let cases: &[(&str, &str, &[&str])] = &[
            (json, " {\"a\" : 1}\n", &["{\"a\" : 1}"]),
            (
                json,
                "[1, {\"a\":[2]},\"é\" ]",
                &["1", "{\"a\":[2]}", "\"é\""],
            ),
            (json, "[]", &[]),
            ("application/cloudevents+json", "7", &["7"]),
            ("application/x-ndjson", "a\r\n\n\nb", &["a", "b"]),
            ("text/plain", "a\nb\n", &["a\nb\n"]),
            ("text/plain", "", &[""]),
            (
                "application/x-www-form-urlencoded",
                "a=1&b=x+%22y&a=2&a=3",
                &["{\"a\":[\"1\",\"2\",\"3\"],\"b\":\"x \\\"y\"}"],
            ),
        ];
        for (content_type, body, expected) in cases {
            let records = read(Format::Auto, content_type, body).unwrap();
            assert_eq!(&records, expected, "{content_type}: {body}");
        }
        assert_eq!(read(Format::Lines, "", "x").unwrap(), ["x"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (body, mention) in [
            ("", "not JSON"),
            ("{\"a\":}", "not JSON"),
            ("{} {}", "not JSON"),
            ("[1,2,3,4]", "records.max"),
        ] {
            let error = read(Format::Json, "", body).unwrap_err();
            assert!(error.contains(mention), "{body}: {error}");
        }
        assert!(read(Format::Lines, "a/b; charset=ebcdic", "x").is_err());
    }
}
