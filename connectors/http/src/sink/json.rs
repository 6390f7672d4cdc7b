//! Connect's values as JSON, in the forms of Connect's JSON converter without schemas: a Date is its days, a Time and a
//! Timestamp their milliseconds, bytes are base64. Maps with other than text keys are arrays of pairs, numbers that JSON
//! does not have are texts.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::config::ConfigEnum;
use millrace_api::{Cell, Value, decimal_text, utf8_lossy};

/// What becomes of a Decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum DecimalFormat {
    /// A number.
    #[default]
    #[config(name = "NUMERIC")]
    Numeric,
    /// Its unscaled bytes in base64, as Connect's JSON converter writes it.
    #[config(name = "BASE64")]
    Base64,
}

/// Appends a key or a value. Text is a JSON string, whatever is in it.
pub(crate) fn cell(out: &mut Vec<u8>, cell: Cell<'_>, decimals: DecimalFormat) -> io::Result<()> {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => string(out, text)?,
            Err(_) => string(out, &utf8_lossy(text))?,
        },
        Cell::Bytes(bytes) => base64(out, bytes),
        Cell::Value(datum) => value(out, &datum.value, decimals)?,
    }
    Ok(())
}

/// Appends a value.
pub(crate) fn value(out: &mut Vec<u8>, given: &Value, decimals: DecimalFormat) -> io::Result<()> {
    match given {
        Value::Null => out.extend_from_slice(b"null"),
        Value::String(text) => string(out, text)?,
        Value::Bytes(bytes) => base64(out, bytes),
        Value::Float32(number) if !number.is_finite() => string(out, &given.to_string())?,
        Value::Float64(number) if !number.is_finite() => string(out, &given.to_string())?,
        Value::Decimal(number) => match decimals {
            DecimalFormat::Numeric => out.extend_from_slice(decimal_text(number).as_bytes()),
            DecimalFormat::Base64 => {
                let (unscaled, _scale) = number.as_bigint_and_exponent();
                base64(out, &unscaled.to_signed_bytes_be());
            }
        },
        Value::Date(number) | Value::Time(number) => write!(out, "{number}")?,
        Value::Timestamp(number) => write!(out, "{number}")?,
        Value::Array(values) => list(out, values, |out, item| value(out, item, decimals))?,
        Value::Struct(fields) => {
            let fields = fields.iter().map(|(field, given)| {
                let default = field
                    .schema
                    .default
                    .as_ref()
                    .filter(|_| *given == Value::Null);
                (field.name.as_str(), default.unwrap_or(given))
            });
            object(out, fields, decimals)?;
        }
        Value::Map(entries) => map(out, entries, decimals)?,
        plain => write!(out, "{plain}")?,
    }
    Ok(())
}

/// Appends a text as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}

/// Whether `text` is one JSON document.
pub(crate) fn is_document(text: &[u8]) -> bool {
    serde_json::from_slice::<&serde_json::value::RawValue>(text).is_ok()
}

fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

fn object<'a>(
    out: &mut Vec<u8>,
    members: impl Iterator<Item = (&'a str, &'a Value)>,
    decimals: DecimalFormat,
) -> io::Result<()> {
    out.push(b'{');
    for (index, (name, given)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, name)?;
        out.push(b':');
        value(out, given, decimals)?;
    }
    out.push(b'}');
    Ok(())
}

fn map(out: &mut Vec<u8>, entries: &[(Value, Value)], decimals: DecimalFormat) -> io::Result<()> {
    let named: Option<Vec<_>> = entries
        .iter()
        .map(|(key, given)| match key {
            Value::String(name) => Some((name.as_str(), given)),
            _ => None,
        })
        .collect();
    match named {
        Some(named) => object(out, named.into_iter(), decimals),
        None => list(out, entries, |out, (key, given)| {
            out.push(b'[');
            value(out, key, decimals)?;
            out.push(b',');
            value(out, given, decimals)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_api::{Datum, Field, Schema, SchemaType, Struct};
    use std::sync::Arc;

    fn text(given: &Value) -> String {
        let mut out = Vec::new();
        value(&mut out, given, DecimalFormat::Numeric).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_have_the_forms_of_the_json_converter() {
        for (given, expected) in [
            (Value::Null, "null"),
            (Value::Int64(-5), "-5"),
            (Value::Float64(1.5), "1.5"),
            (Value::Float64(f64::NAN), "\"NaN\""),
            (Value::Boolean(true), "true"),
            (Value::String("a\"\n".to_owned()), "\"a\\\"\\n\""),
            (Value::Bytes(bytes::Bytes::from_static(&[1, 2])), "\"AQI=\""),
            (Value::Date(3), "3"),
            (Value::Timestamp(1_700_000_000_123), "1700000000123"),
            (Value::Array(vec![Value::Int8(1), Value::Null]), "[1,null]"),
            (
                Value::Map(vec![(Value::String("k".to_owned()), Value::Int8(1))]),
                "{\"k\":1}",
            ),
            (
                Value::Map(vec![(Value::Int8(1), Value::Int8(2))]),
                "[[1,2]]",
            ),
        ] {
            assert_eq!(text(&given), expected);
        }
    }

    #[test]
    fn a_null_field_with_a_default_has_the_default() {
        let mut with_default = Schema::new(SchemaType::Int32);
        with_default.optional = true;
        with_default.default = Some(Value::Int32(7));
        let mut schema = Schema::new(SchemaType::Struct(Vec::new()));
        schema.ty = SchemaType::Struct(vec![Field {
            name: "i".to_owned(),
            schema: Arc::new(with_default),
        }]);
        let schema = Arc::new(schema);
        let datum = Datum::new(Arc::clone(&schema), Value::Struct(Struct::new(schema)));
        let mut out = Vec::new();
        cell(&mut out, Cell::Value(&datum), DecimalFormat::Numeric).unwrap();
        assert_eq!(out, b"{\"i\":7}");
    }

    #[test]
    fn documents() {
        for (text, is) in [
            ("{}", true),
            (" [1] ", true),
            ("1 2", false),
            ("", false),
            ("plain", false),
        ] {
            assert_eq!(is_document(text.as_bytes()), is, "{text}");
        }
    }
}
