//! Records of one request, with the buffers they point into.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{Datum, Schema, Span, Value};

use super::config::ValueForm;
use super::gate::RECORD_BYTES;

/// A key or a value.
#[derive(Debug)]
pub(super) enum Part {
    Null,
    Text(Span),
    Bytes(Span),
    Owned(Datum),
}

/// One record.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) topic: Arc<str>,
    pub(super) partition: Option<i32>,
    pub(super) key: Part,
    pub(super) value: Part,
    pub(super) headers: Span,
}

/// The records of one request.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    /// What spans point into, by their number here.
    pub(super) blocks: Vec<Bytes>,
    pub(super) entries: Vec<Entry>,
}

impl Parcel {
    /// What it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Bytes::len).sum();
        blocks + self.entries.len() * RECORD_BYTES
    }
}

/// A range in the form that converters get.
///
/// # Errors
/// When it is not what the form needs: text, or JSON.
pub(super) fn part(
    form: ValueForm,
    is_json: bool,
    bytes: &[u8],
    span: Span,
) -> Result<Part, String> {
    match form {
        ValueForm::Bytes => Ok(Part::Bytes(span)),
        ValueForm::Text => match std::str::from_utf8(bytes) {
            Ok(_) => Ok(Part::Text(span)),
            Err(error) => Err(format!(
                "the bytes at {} are not UTF-8, and value.form=text",
                error.valid_up_to()
            )),
        },
        ValueForm::Parsed if is_json => {
            let parsed = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            Ok(Part::Owned(Datum::schemaless(value(parsed))))
        }
        ValueForm::Parsed => Ok(Part::Owned(match std::str::from_utf8(bytes) {
            Ok(text) => Datum::new(Schema::string(), Value::String(text.to_owned())),
            Err(_) => Datum::schemaless(Value::Bytes(Bytes::copy_from_slice(bytes))),
        })),
    }
}

/// JSON in Connect's data model, without schemas: whole numbers of 64 bits are INT64, others FLOAT64.
pub(crate) fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Boolean(flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int64(whole),
            None => Value::Float64(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::String(text),
        serde_json::Value::Array(items) => Value::Array(items.into_iter().map(value).collect()),
        serde_json::Value::Object(fields) => Value::Map(
            fields
                .into_iter()
                .map(|(name, field)| (Value::String(name), value(field)))
                .collect(),
        ),
    }
}
