//! What is compared of the records: the hashes of their lines, and what their headers say.

use std::{collections::VecDeque, sync::Arc};

use clap::ValueEnum;
use millrace_client::consumer::Fetched;
use millrace_wire::batch::Headers;
use serde_json::Value;

use super::{hash::Hashing, queue::Item};

/// What values of records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// The line
    Text,
    /// JSON: a string, or JsonConverter's schema and payload
    Json,
}

/// Appends the records before the offset `end`.
pub(super) fn append(
    fetched: &Fetched,
    end: i64,
    form: Form,
    hashing: &Hashing,
    items: &mut VecDeque<Item>,
) {
    let mut last_path: Option<Arc<[u8]>> = None;
    for row in fetched.rows.iter().take_while(|row| row.offset < end) {
        let section = row.headers.of(&fetched.data).unwrap_or_default();
        let origin = Origin::read(section);
        let path = origin.path.map(|path| match &last_path {
            Some(last) if **last == *path => Arc::clone(last),
            _ => path.into(),
        });
        last_path.clone_from(&path);
        let mut item = Item {
            offset: row.offset,
            path,
            position: origin.position,
            ..Item::default()
        };
        if let Some(value) = row.value.of(&fetched.data) {
            (item.hash, item.more) = hashes(form, value, hashing);
            item.value = Some(fetched.data.slice_ref(value));
        }
        items.push_back(item);
    }
}

/// Where the file source says that a record comes from.
#[derive(Debug, Default, PartialEq, Eq)]
struct Origin<'a> {
    path: Option<&'a [u8]>,
    /// The record's first byte in its file.
    position: Option<u64>,
}

impl<'a> Origin<'a> {
    fn read(section: &'a [u8]) -> Self {
        let mut origin = Self::default();
        let Some(headers) = Some(section)
            .filter(|section| !section.is_empty())
            .and_then(|section| Headers::parse(section).ok())
        else {
            return origin;
        };
        for header in headers.iter() {
            match header.key {
                b"path" => origin.path = header.value,
                b"offset" => origin.position = header.value.and_then(number),
                _ => {}
            }
        }
        origin
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The hash of a value's first line, and those of the others, of which there are some where a source has put lines
/// together.
fn hashes(form: Form, value: &[u8], hashing: &Hashing) -> (Option<u64>, Box<[u64]>) {
    let text = match form {
        Form::Text => None,
        Form::Json => payload(value),
    };
    let text = text.as_deref().map_or(value, str::as_bytes);
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines = text.split(|byte| *byte == b'\n');
    let first = lines.next().map(|line| hashing.of(line));
    (first, lines.map(|line| hashing.of(line)).collect())
}

fn payload(value: &[u8]) -> Option<String> {
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    match serde_json::from_slice(value).ok()? {
        Value::Object(mut envelope) => text(envelope.remove("payload")?),
        other => text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Hashing, Origin, hashes};

    #[test]
    fn values_are_lines_or_json_with_lines_in_it() {
        let hashing = Hashing::default();
        let hashes = |form, value: &str| hashes(form, value.as_bytes(), &hashing);
        let one = (Some(hashing.of(b"one")), Box::default());
        assert_eq!(hashes(Form::Text, "one"), one);
        assert_eq!(hashes(Form::Text, "one\r\n"), one);
        assert_eq!(hashes(Form::Text, "").0, Some(hashing.of(b"")));
        assert_eq!(hashes(Form::Text, "one\n two").1.len(), 1);
        assert_eq!(hashes(Form::Json, r#""one""#), one);
        let enveloped = r#"{"schema":{"type":"string"},"payload":"one"}"#;
        assert_eq!(hashes(Form::Json, enveloped), one);
        assert_eq!(hashes(Form::Json, "{").0, Some(hashing.of(b"{")));
    }

    #[test]
    fn headers_say_where_a_record_comes_from() {
        let section = b"\x04\x08path\x04/a\x0coffset\x0412";
        let origin = Origin::read(section);
        assert_eq!((origin.path, origin.position), (Some(&b"/a"[..]), Some(12)));
        assert_eq!(Origin::read(b""), Origin::default());
        assert_eq!(Origin::read(b"\x02\x0coffset\x02x"), Origin::default());
    }
}
