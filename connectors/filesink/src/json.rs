//! Connect's values as JSON, in the forms of Connect's JSON converter without schemas: a Date is its days, a Time and a
//! Timestamp their milliseconds, bytes are base64. Maps with other than text keys are arrays of pairs, numbers that JSON
//! does not have are texts, a Decimal is a number.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::{Cell, Value, decimal_text, utf8_lossy};

use crate::config::JsonText;
use crate::place::Found;

/// Appends what was found at a place.
pub(crate) fn found(out: &mut Vec<u8>, found: &Found<'_>, mode: JsonText) -> io::Result<()> {
    match found {
        Found::Nothing | Found::Cell(Cell::Null) => out.extend_from_slice(b"null"),
        Found::Text(text) => string(out, text)?,
        Found::Number(number) => write!(out, "{number}")?,
        Found::Cell(Cell::Text(text)) => self::text(out, text, mode)?,
        Found::Cell(Cell::Bytes(bytes)) => base64(out, bytes),
        Found::Cell(Cell::Value(datum)) => value(out, &datum.value, mode)?,
        Found::Value(given) => value(out, given, mode)?,
        Found::Owned(given) => value(out, given, mode)?,
        Found::Json(json) => serde_json::to_writer(out, json)?,
    }
    Ok(())
}

fn value(out: &mut Vec<u8>, given: &Value, mode: JsonText) -> io::Result<()> {
    match given {
        Value::Null => out.extend_from_slice(b"null"),
        Value::String(given) => text(out, given.as_bytes(), mode)?,
        Value::Bytes(bytes) => base64(out, bytes),
        Value::Float32(number) if !number.is_finite() => string(out, &given.to_string())?,
        Value::Float64(number) if !number.is_finite() => string(out, &given.to_string())?,
        Value::Decimal(number) => out.extend_from_slice(decimal_text(number).as_bytes()),
        Value::Date(number) | Value::Time(number) => write!(out, "{number}")?,
        Value::Timestamp(number) => write!(out, "{number}")?,
        Value::Array(values) => list(out, values, member)?,
        Value::Struct(fields) => {
            let fields = fields.iter().map(|(field, given)| {
                let default = field.schema.default.as_ref();
                let default = default.filter(|_| *given == Value::Null);
                (field.name.as_str(), default.unwrap_or(given))
            });
            object(out, fields)?;
        }
        Value::Map(entries) => map(out, entries)?,
        plain => write!(out, "{plain}")?,
    }
    Ok(())
}

/// Text inside a value is a string, whatever is in it.
fn member(out: &mut Vec<u8>, given: &Value) -> io::Result<()> {
    value(out, given, JsonText::String)
}

fn text(out: &mut Vec<u8>, given: &[u8], mode: JsonText) -> io::Result<()> {
    if mode == JsonText::Document && append_document(out, given) {
        return Ok(());
    }
    match std::str::from_utf8(given) {
        Ok(given) => string(out, given),
        Err(_) => string(out, &utf8_lossy(given)),
    }
}

/// Appends `given` if it is one JSON document. Line ends can stand only between its parts, and become blanks.
fn append_document(out: &mut Vec<u8>, given: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<&serde_json::value::RawValue>(given) else {
        return false;
    };
    let document = document.get().as_bytes();
    let is_end = |byte: u8| matches!(byte, b'\n' | b'\r');
    match document.iter().any(|&byte| is_end(byte)) {
        false => out.extend_from_slice(document),
        true => out.extend(document.iter().map(|&byte| match is_end(byte) {
            true => b' ',
            false => byte,
        })),
    }
    true
}

/// Appends a text as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}

fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

fn object<'a>(
    out: &mut Vec<u8>,
    members: impl Iterator<Item = (&'a str, &'a Value)>,
) -> io::Result<()> {
    out.push(b'{');
    for (index, (name, given)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, name)?;
        out.push(b':');
        member(out, given)?;
    }
    out.push(b'}');
    Ok(())
}

fn map(out: &mut Vec<u8>, entries: &[(Value, Value)]) -> io::Result<()> {
    let named: Option<Vec<_>> = entries
        .iter()
        .map(|(key, given)| match key {
            Value::String(name) => Some((name.as_str(), given)),
            _ => None,
        })
        .collect();
    match named {
        Some(named) => object(out, named.into_iter()),
        None => list(out, entries, |out, (key, given)| {
            out.push(b'[');
            member(out, key)?;
            out.push(b',');
            member(out, given)?;
            out.push(b']');
            Ok(())
        }),
    }
}

fn list<T>(
    out: &mut Vec<u8>,
    items: &[T],
    mut write: impl FnMut(&mut Vec<u8>, &T) -> io::Result<()>,
) -> io::Result<()> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    out.push(b']');
    Ok(())
}
