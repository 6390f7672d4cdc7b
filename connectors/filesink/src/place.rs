//! What templates and columns can name of a record.

use std::cell::OnceCell;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::{Cell, ConnectError, SinkRow, Value};
use serde_json::Value as Json;

/// A part of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    Value,
    Headers,
    /// A field of the key, by the names that lead to it.
    KeyField(Vec<String>),
    ValueField(Vec<String>),
    Header(String),
}

impl Place {
    /// The place called `name`, if there is one.
    pub(crate) fn read(name: &str) -> Option<Self> {
        let path = |path: &str| -> Option<Vec<String>> {
            let names: Vec<String> = path.split('.').map(str::to_owned).collect();
            names.iter().all(|name| !name.is_empty()).then_some(names)
        };
        Some(match name {
            "topic" => Self::Topic,
            "partition" => Self::Partition,
            "offset" => Self::Offset,
            "timestamp" => Self::Timestamp,
            "key" => Self::Key,
            "value" => Self::Value,
            "headers" => Self::Headers,
            name => match name.split_once('.')? {
                ("key", field) => Self::KeyField(path(field)?),
                ("value", field) => Self::ValueField(path(field)?),
                ("header", header) if !header.is_empty() => Self::Header(header.to_owned()),
                _ => return None,
            },
        })
    }
}

/// A record as templates and columns see it. JSON text is parsed when a field of it is asked for.
pub(crate) struct View<'a> {
    pub(crate) row: SinkRow<'a>,
    key: OnceCell<Option<Json>>,
    value: OnceCell<Option<Json>>,
}

/// What was found at a place.
pub(crate) enum Found<'v> {
    Nothing,
    Text(&'v str),
    Number(i64),
    Cell(Cell<'v>),
    Value(&'v Value),
    Json(&'v Json),
    /// A header's value, or all headers.
    Owned(Value),
}

impl<'a> View<'a> {
    pub(crate) fn new(row: SinkRow<'a>) -> Self {
        Self {
            row,
            key: OnceCell::new(),
            value: OnceCell::new(),
        }
    }

    /// What is at `place`.
    ///
    /// # Errors
    /// When the header converter refuses the record's headers.
    pub(crate) fn find<'v>(&'v self, place: &Place) -> Result<Found<'v>, ConnectError> {
        Ok(match place {
            Place::Topic => Found::Text(self.row.topic()),
            Place::Partition => Found::Number(self.row.partition().into()),
            Place::Offset => Found::Number(self.row.offset()),
            Place::Timestamp => self.row.timestamp().map_or(Found::Nothing, Found::Number),
            Place::Key => Found::Cell(self.row.key()),
            Place::Value => Found::Cell(self.row.value()),
            Place::KeyField(path) => field(self.row.key(), &self.key, path),
            Place::ValueField(path) => field(self.row.value(), &self.value, path),
            Place::Header(name) => {
                let headers = self.row.headers()?;
                // The last header of that name counts.
                let named = headers.into_iter().rfind(|header| header.name == *name);
                named.map_or(Found::Nothing, |header| Found::Owned(header.value))
            }
            Place::Headers => {
                let headers = self.row.headers()?.into_iter();
                // Names may repeat, and their order counts.
                let pairs = headers.map(|header| {
                    let text = |text: &str| Value::String(text.to_owned());
                    Value::Map(vec![
                        (text("key"), text(&header.name)),
                        (text("value"), header.value),
                    ])
                });
                Found::Owned(Value::Array(pairs.collect()))
            }
        })
    }
}

impl Found<'_> {
    /// Appends its text; false where there is nothing.
    pub(crate) fn text(&self, out: &mut Vec<u8>) -> io::Result<bool> {
        match self {
            Self::Nothing | Self::Cell(Cell::Null) | Self::Json(Json::Null) => return Ok(false),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Number(number) => write!(out, "{number}")?,
            Self::Cell(Cell::Text(text)) => out.extend_from_slice(text),
            Self::Cell(Cell::Bytes(bytes)) => bytes_text(bytes, out),
            Self::Cell(Cell::Value(datum)) => return value_text(&datum.value, out),
            Self::Value(value) => return value_text(value, out),
            Self::Owned(value) => return value_text(value, out),
            Self::Json(Json::String(text)) => out.extend_from_slice(text.as_bytes()),
            Self::Json(json) => write!(out, "{json}")?,
        }
        Ok(true)
    }
}

fn value_text(value: &Value, out: &mut Vec<u8>) -> io::Result<bool> {
    match value {
        Value::Null => return Ok(false),
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytes(bytes) => bytes_text(bytes, out),
        value => write!(out, "{value}")?,
    }
    Ok(true)
}

/// Bytes that are text are that text, others are base64.
fn bytes_text(bytes: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.extend_from_slice(text.as_bytes()),
        Err(_) => out.extend_from_slice(STANDARD.encode(bytes).as_bytes()),
    }
}

fn field<'v>(cell: Cell<'v>, kept: &'v OnceCell<Option<Json>>, path: &[String]) -> Found<'v> {
    if let Cell::Value(datum) = cell {
        return value_at(&datum.value, path).map_or(Found::Nothing, Found::Value);
    }
    let parse = || match cell {
        Cell::Text(text) | Cell::Bytes(text) => serde_json::from_slice(text).ok(),
        Cell::Null | Cell::Value(_) => None,
    };
    let found = kept
        .get_or_init(parse)
        .as_ref()
        .and_then(|json| path.iter().try_fold(json, |json, name| json.get(name)));
    found.map_or(Found::Nothing, Found::Json)
}

/// The value that a path of field names or map keys leads to.
fn value_at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| match value {
        Value::Struct(fields) => fields.get(name).ok(),
        Value::Map(entries) => entries
            .iter()
            .find(|(key, _)| matches!(key, Value::String(key) if key == name))
            .map(|(_, value)| value),
        _ => None,
    })
}
