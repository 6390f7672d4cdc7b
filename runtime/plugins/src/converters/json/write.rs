//! Values to JSON text.

use std::io::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::BigDecimal;
use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value, decimal_text, logical};

use super::DecimalFormat;
use super::logical::decimal_bytes;
use super::plain::plain_len;
use crate::transforms::{class_of, type_name};

/// Writes values, each under its schema or by its own type.
pub(crate) struct Writer<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) decimal_format: DecimalFormat,
    pub(crate) replace_null_with_default: bool,
}

/// The greatest time of day, which Java's converter takes in.
const TIME_MAX: i32 = 86_400_000;

impl Writer<'_> {
    /// Writes `value`.
    pub(crate) fn value(
        &mut self,
        schema: Option<&Schema>,
        value: &Value,
    ) -> Result<(), ConnectError> {
        match (schema, value) {
            (Some(schema), Value::Null) => self.null(schema),
            (Some(schema), value) => self.under(schema, value),
            (None, value) => self.schemaless(value),
        }
    }

    fn null(&mut self, schema: &Schema) -> Result<(), ConnectError> {
        match &schema.default {
            Some(default) if self.replace_null_with_default && *default != Value::Null => {
                return self.under(schema, default);
            }
            _ => {}
        }
        if schema.optional {
            self.raw("null");
            return Ok(());
        }
        Err(ConnectError::data(
            "Conversion error: null value for field that is required and has no default value",
        ))
    }

    fn under(&mut self, schema: &Schema, value: &Value) -> Result<(), ConnectError> {
        if let Some(name) = &schema.name
            && self.logical(name, schema, value)?
        {
            return Ok(());
        }
        match (&schema.ty, value) {
            (SchemaType::Int8, Value::Int8(_))
            | (SchemaType::Int16, Value::Int16(_))
            | (SchemaType::Int32, Value::Int32(_))
            | (SchemaType::Int64, Value::Int64(_))
            | (SchemaType::Float32, Value::Float32(_))
            | (SchemaType::Float64, Value::Float64(_))
            | (SchemaType::Boolean, Value::Boolean(_))
            | (SchemaType::String, Value::String(_))
            | (SchemaType::Bytes, Value::Bytes(_)) => self.schemaless(value),
            (SchemaType::Array(element), Value::Array(values)) => {
                self.list(element.as_deref(), values)
            }
            (SchemaType::Map(key, value_schema), Value::Map(entries)) => {
                let by_name = key.as_ref().is_some_and(|key| key.ty == SchemaType::String);
                self.map(key.as_deref(), value_schema.as_deref(), entries, by_name)
            }
            (SchemaType::Struct(_), Value::Struct(fields)) if **fields.schema() == *schema => {
                self.structure(fields)
            }
            (SchemaType::Struct(_), Value::Struct(_)) => Err(ConnectError::data(
                "a struct is not of the schema it comes under",
            )),
            (ty, value) => Err(misfit(ty, value)),
        }
    }

    /// Writes a value of a logical type; false if `name` is none that is known.
    fn logical(
        &mut self,
        name: &str,
        schema: &Schema,
        value: &Value,
    ) -> Result<bool, ConnectError> {
        match (name, value) {
            (logical::DECIMAL, Value::Decimal(value)) => self.decimal(schema, value)?,
            (logical::DATE, Value::Date(days)) => self.display(days),
            (logical::TIME, Value::Time(ms)) if (0..=TIME_MAX).contains(ms) => self.display(ms),
            (logical::TIME, Value::Time(ms)) => {
                return Err(ConnectError::data(format!(
                    "the time {ms} ms is not within a day"
                )));
            }
            (logical::TIMESTAMP, Value::Timestamp(ms)) => self.display(ms),
            (logical::DECIMAL | logical::DATE | logical::TIME | logical::TIMESTAMP, value) => {
                return Err(ConnectError::data(format!(
                    "{value:?} is not of the logical type {name}"
                )));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn decimal(&mut self, schema: &Schema, value: &BigDecimal) -> Result<(), ConnectError> {
        match self.decimal_format {
            DecimalFormat::Numeric => self.raw(&decimal_text(value)),
            DecimalFormat::Base64 => {
                let bytes = decimal_bytes(schema, value)?;
                self.base64(&bytes);
            }
        }
        Ok(())
    }

    fn schemaless(&mut self, value: &Value) -> Result<(), ConnectError> {
        match value {
            Value::Null => self.raw("null"),
            Value::Int8(number) => integer(self.out, i64::from(*number)),
            Value::Int16(number) => integer(self.out, i64::from(*number)),
            Value::Int32(number) => integer(self.out, i64::from(*number)),
            Value::Int64(number) => integer(self.out, *number),
            Value::Float32(number) if is_plain(f64::from(*number)) => self.plain_float(number),
            Value::Float64(number) if is_plain(*number) => self.plain_float(number),
            Value::Float32(number) => self.float(number.is_finite(), value),
            Value::Float64(number) => self.float(number.is_finite(), value),
            Value::Boolean(true) => self.raw("true"),
            Value::Boolean(false) => self.raw("false"),
            Value::String(text) => string(self.out, text),
            Value::Bytes(bytes) => self.base64(bytes),
            Value::Array(values) => self.list(None, values)?,
            Value::Map(entries) => {
                let by_name = entries
                    .iter()
                    .all(|(key, _)| matches!(key, Value::String(_)));
                self.map(None, None, entries, by_name)?;
            }
            Value::Struct(fields) => self.structure(fields)?,
            Value::Decimal(_) | Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => {
                return Err(ConnectError::data(format!(
                    "{value:?} has no JSON form without a schema"
                )));
            }
        }
        Ok(())
    }

    fn list(&mut self, element: Option<&Schema>, values: &[Value]) -> Result<(), ConnectError> {
        self.raw("[");
        for (index, value) in values.iter().enumerate() {
            self.separate(index);
            self.value(element, value)?;
        }
        self.raw("]");
        Ok(())
    }

    fn map(
        &mut self,
        key_schema: Option<&Schema>,
        value_schema: Option<&Schema>,
        entries: &[(Value, Value)],
        by_name: bool,
    ) -> Result<(), ConnectError> {
        let (begin, between, end) = if by_name {
            ("", ":", "")
        } else {
            ("[", ",", "]")
        };
        self.raw(if by_name { "{" } else { "[" });
        for (index, (key, value)) in entries.iter().enumerate() {
            self.separate(index);
            self.raw(begin);
            match key {
                Value::Null if by_name => self.raw("\"null\""),
                key => self.value(key_schema, key)?,
            }
            self.raw(between);
            self.value(value_schema, value)?;
            self.raw(end);
        }
        self.raw(if by_name { "}" } else { "]" });
        Ok(())
    }

    fn structure(&mut self, fields: &Struct) -> Result<(), ConnectError> {
        self.raw("{");
        for (index, (field, value)) in fields.iter().enumerate() {
            self.separate(index);
            string(self.out, &field.name);
            self.raw(":");
            self.value(Some(&field.schema), value)?;
        }
        self.raw("}");
        Ok(())
    }

    pub(crate) fn separate(&mut self, index: usize) {
        if index > 0 {
            self.raw(",");
        }
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn display(&mut self, value: &impl std::fmt::Display) {
        write!(self.out, "{value}").expect("writing to memory succeeds");
    }

    /// A number that has no exponent in Java's text, which is then the shortest one, with a fraction.
    fn plain_float(&mut self, number: &impl std::fmt::Display) {
        let start = self.out.len();
        self.display(number);
        if !self.out[start..].contains(&b'.') {
            self.raw(".0");
        }
    }

    fn float(&mut self, finite: bool, value: &Value) {
        if finite {
            self.display(value);
        } else {
            string(self.out, &value.to_string());
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.raw("\"");
        self.raw(&STANDARD.encode(bytes));
        self.raw("\"");
    }
}

/// Whether Java's text of a number has no exponent.
fn is_plain(number: f64) -> bool {
    number == 0.0 || (1e-3..1e7).contains(&number.abs())
}

/// Writes the decimal digits of a number, without the detour of a formatter.
fn integer(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

fn misfit(ty: &SchemaType, value: &Value) -> ConnectError {
    ConnectError::data(format!(
        "Invalid type for {}: {}",
        type_name(ty),
        class_of(value)
    ))
}

/// Writes a JSON string, escaped as Java's writer does: quotes, backslashes, control characters, and characters that
/// are two units of UTF-16.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let at = plain_len(rest.as_bytes(), |byte| {
            (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte >= 0xF0)
        });
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        match chars.next() {
            Some(c) if c.len_utf16() == 2 => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04X}").expect("writing to memory succeeds");
                }
            }
            Some(c) => escape(out, c as u8),
            None => break,
        }
        rest = chars.as_str();
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
