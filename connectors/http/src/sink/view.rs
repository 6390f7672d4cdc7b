//! What templates can name of a record.

use std::cell::OnceCell;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::{Cell, SinkRow, Value};
use serde_json::Value as Json;

/// A place in a template of the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    Value,
    KeyField(Vec<String>),
    ValueField(Vec<String>),
    Header(String),
}

impl Place {
    /// The place called `name`: what is no other name is a field of the value.
    ///
    /// # Errors
    /// What there is, if the name is none.
    pub(crate) fn read(name: &str) -> Result<Self, String> {
        let path = |path: &str| -> Result<Vec<String>, String> {
            let names: Vec<String> = path.split('.').map(str::to_owned).collect();
            match names.iter().any(String::is_empty) {
                true => Err(format!(
                    "'{name}' is no place; there are topic, partition, offset, timestamp, key, value, key.FIELD, \
                     value.FIELD, header.NAME and FIELD"
                )),
                false => Ok(names),
            }
        };
        Ok(match name {
            "topic" => Self::Topic,
            "partition" => Self::Partition,
            "offset" => Self::Offset,
            "timestamp" => Self::Timestamp,
            "key" => Self::Key,
            "value" => Self::Value,
            name => match name.split_once('.') {
                Some(("key", field)) => Self::KeyField(path(field)?),
                Some(("value", field)) => Self::ValueField(path(field)?),
                Some(("header", header)) if !header.is_empty() => Self::Header(header.to_owned()),
                _ => Self::ValueField(path(name)?),
            },
        })
    }
}

/// A record as templates see it. JSON text is parsed when a field of it is asked for.
pub(crate) struct View<'a> {
    pub(crate) row: SinkRow<'a>,
    key: OnceCell<Option<Json>>,
    value: OnceCell<Option<Json>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(row: SinkRow<'a>) -> Self {
        Self {
            row,
            key: OnceCell::new(),
            value: OnceCell::new(),
        }
    }

    /// Whether the record has no value.
    pub(crate) fn is_null(&self) -> bool {
        match self.row.value() {
            Cell::Null => true,
            Cell::Value(datum) => datum.value == Value::Null,
            Cell::Text(_) | Cell::Bytes(_) => false,
        }
    }

    /// Appends what `place` is of this record; false if it has none.
    pub(crate) fn fill(&self, place: &Place, out: &mut String) -> bool {
        match place {
            Place::Topic => out.push_str(self.row.topic()),
            Place::Partition => out.push_str(&self.row.partition().to_string()),
            Place::Offset => out.push_str(&self.row.offset().to_string()),
            Place::Timestamp => match self.row.timestamp() {
                Some(timestamp) => out.push_str(&timestamp.to_string()),
                None => return false,
            },
            Place::Key => return cell_text(self.row.key(), out),
            Place::Value => return cell_text(self.row.value(), out),
            Place::KeyField(path) => return field(self.row.key(), &self.key, path, out),
            Place::ValueField(path) => return field(self.row.value(), &self.value, path, out),
            Place::Header(name) => return self.header(name, out),
        }
        true
    }

    /// The last header of that name counts.
    fn header(&self, name: &str, out: &mut String) -> bool {
        let encoded = self.row.encoded_headers();
        if !encoded.as_bytes().is_empty() {
            let named = encoded
                .iter()
                .filter(|(known, _)| *known == name.as_bytes());
            return match named.last() {
                Some((_, Some(value))) => {
                    out.push_str(&String::from_utf8_lossy(value));
                    true
                }
                _ => false,
            };
        }
        let headers = self.row.headers().unwrap_or_default();
        let named = headers.iter().rfind(|header| header.name == name);
        named.is_some_and(|header| value_text(&header.value, out))
    }

    /// The value as parsed JSON, if it is text that holds JSON.
    pub(crate) fn value_json(&self) -> Option<&Json> {
        parsed(self.row.value(), &self.value)
    }
}

fn parsed<'a>(cell: Cell<'_>, kept: &'a OnceCell<Option<Json>>) -> Option<&'a Json> {
    let parse = || match cell {
        Cell::Text(text) | Cell::Bytes(text) => serde_json::from_slice(text).ok(),
        Cell::Null | Cell::Value(_) => None,
    };
    kept.get_or_init(parse).as_ref()
}

fn field(cell: Cell<'_>, kept: &OnceCell<Option<Json>>, path: &[String], out: &mut String) -> bool {
    if let Cell::Value(datum) = cell {
        return value_at(&datum.value, path).is_some_and(|value| value_text(value, out));
    }
    let found =
        parsed(cell, kept).and_then(|json| path.iter().try_fold(json, |json, name| json.get(name)));
    match found {
        None | Some(Json::Null) => return false,
        Some(Json::String(text)) => out.push_str(text),
        Some(other) => out.push_str(&other.to_string()),
    }
    true
}

/// The value that a path of field names or map keys leads to.
pub(crate) fn value_at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| match value {
        Value::Struct(fields) => fields.get(name).ok(),
        Value::Map(entries) => entries
            .iter()
            .find(|(key, _)| matches!(key, Value::String(key) if key == name))
            .map(|(_, value)| value),
        _ => None,
    })
}

/// Appends a key or a value as text; false for null.
pub(crate) fn cell_text(cell: Cell<'_>, out: &mut String) -> bool {
    match cell {
        Cell::Null => return false,
        Cell::Text(text) => out.push_str(&String::from_utf8_lossy(text)),
        Cell::Bytes(bytes) => bytes_text(bytes, out),
        Cell::Value(datum) => return value_text(&datum.value, out),
    }
    true
}

fn value_text(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Null => return false,
        Value::Bytes(bytes) => bytes_text(bytes, out),
        value => out.push_str(&value.to_string()),
    }
    true
}

/// Bytes that are text are that text, others are base64.
fn bytes_text(bytes: &[u8], out: &mut String) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.push_str(text),
        Err(_) => out.push_str(&STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let path = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        for (name, place) in [
            ("topic", Place::Topic),
            ("key", Place::Key),
            ("key.a", Place::KeyField(path(&["a"]))),
            ("value.a.b", Place::ValueField(path(&["a", "b"]))),
            ("order.id", Place::ValueField(path(&["order", "id"]))),
            ("header.x.y", Place::Header("x.y".to_owned())),
        ] {
            assert_eq!(Place::read(name).unwrap(), place);
        }
        for wrong in ["", "a..b", "key.", "value."] {
            assert!(Place::read(wrong).unwrap_err().contains("topic"), "{wrong}");
        }
    }
}
