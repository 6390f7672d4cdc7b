//! JSON to values, under a schema or by the JSON's own types.
//!
//! As in Java, the JSON type is not checked for primitives: a text where a number belongs gives 0, a number where a
//! text belongs gives null, which then meets the check of the struct it stands in.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, ToPrimitive};
use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value, logical};

use super::document::Document;
use super::logical::{decimal_from_bytes, decimal_from_text};
use crate::transforms::type_name;

/// Reads values.
pub(crate) struct Reader {
    pub(crate) replace_null_with_default: bool,
}

impl Reader {
    /// The value of `json`.
    pub(crate) fn value(
        &self,
        schema: Option<&Arc<Schema>>,
        json: &Document<'_>,
    ) -> Result<Value, ConnectError> {
        let Some(schema) = schema else {
            return self.schemaless(json);
        };
        if *json == Document::Null {
            return self.null(schema);
        }
        if let Some(name) = &schema.name
            && let Some(value) = logical_value(name, schema, json)?
        {
            return Ok(value);
        }
        Ok(match &schema.ty {
            SchemaType::Int8 => Value::Int8(integer(json) as i8),
            SchemaType::Int16 => Value::Int16(integer(json) as i16),
            SchemaType::Int32 => Value::Int32(integer(json) as i32),
            SchemaType::Int64 => Value::Int64(integer(json)),
            SchemaType::Float32 => Value::Float32(number(json).parse().unwrap_or(0.0) + 0.0),
            SchemaType::Float64 => Value::Float64(fraction(number(json))),
            SchemaType::Boolean => Value::Boolean(*json == Document::Boolean(true)),
            SchemaType::String => json
                .text()
                .map_or(Value::Null, |text| Value::String(text.to_owned())),
            SchemaType::Bytes => match json.text() {
                Some(text) => Value::Bytes(decode(text, "Invalid bytes field")?.into()),
                None => Value::Null,
            },
            SchemaType::Array(element) => self.list(element.as_ref(), json)?,
            SchemaType::Map(key, value) => self.map(key.as_ref(), value.as_ref(), json)?,
            SchemaType::Struct(_) => self.structure(schema, json)?,
        })
    }

    fn null(&self, schema: &Schema) -> Result<Value, ConnectError> {
        match &schema.default {
            Some(default) if self.replace_null_with_default && *default != Value::Null => {
                Ok(default.clone())
            }
            _ if schema.optional => Ok(Value::Null),
            _ => Err(ConnectError::data(format!(
                "Invalid null value for required {} field",
                type_name(&schema.ty)
            ))),
        }
    }

    fn schemaless(&self, json: &Document<'_>) -> Result<Value, ConnectError> {
        Ok(match json {
            Document::Null => Value::Null,
            Document::Boolean(value) => Value::Boolean(*value),
            Document::Number(text) if is_integral(text) => Value::Int64(integer(json)),
            Document::Number(text) => Value::Float64(fraction(text)),
            Document::String(text) => Value::String(text.clone()),
            Document::Array(_) => self.list(None, json)?,
            Document::Object(_) => self.map(None, None, json)?,
        })
    }

    fn list(
        &self,
        element: Option<&Arc<Schema>>,
        json: &Document<'_>,
    ) -> Result<Value, ConnectError> {
        let values: Result<_, _> = match json {
            Document::Array(values) => values
                .iter()
                .map(|value| self.value(element, value))
                .collect(),
            Document::Object(members) => members
                .iter()
                .map(|(_, value)| self.value(element, value))
                .collect(),
            _ => Ok(Vec::new()),
        };
        values.map(Value::Array)
    }

    fn map(
        &self,
        key_schema: Option<&Arc<Schema>>,
        value_schema: Option<&Arc<Schema>>,
        json: &Document<'_>,
    ) -> Result<Value, ConnectError> {
        let by_name = key_schema.is_none_or(|key| key.ty == SchemaType::String);
        let entries: Result<_, _> = match json {
            Document::Object(members) if by_name => members
                .iter()
                .map(|(name, value)| {
                    Ok((
                        Value::String(name.clone()),
                        self.value(value_schema, value)?,
                    ))
                })
                .collect(),
            Document::Array(pairs) if !by_name => {
                let pairs = pairs.iter();
                let pairs = pairs.map(|pair| self.pair(key_schema, value_schema, pair));
                pairs.collect::<Result<_, _>>().map(last_of_each)
            }
            other => {
                let wanted = match by_name {
                    true => "Maps with string fields should be encoded as JSON objects",
                    false => {
                        "Maps with non-string fields should be encoded as JSON array of tuples"
                    }
                };
                let found = other.kind();
                Err(ConnectError::data(format!("{wanted}, but found {found}")))
            }
        };
        entries.map(Value::Map)
    }

    fn pair(
        &self,
        key_schema: Option<&Arc<Schema>>,
        value_schema: Option<&Arc<Schema>>,
        pair: &Document<'_>,
    ) -> Result<(Value, Value), ConnectError> {
        match pair {
            Document::Array(parts) if parts.len() == 2 => Ok((
                self.value(key_schema, &parts[0])?,
                self.value(value_schema, &parts[1])?,
            )),
            Document::Array(parts) => Err(ConnectError::data(format!(
                "Found invalid map entry, expected length 2 but found :{}",
                parts.len()
            ))),
            other => Err(ConnectError::data(format!(
                "Found invalid map entry instead of array tuple: {}",
                other.kind()
            ))),
        }
    }

    fn structure(&self, schema: &Arc<Schema>, json: &Document<'_>) -> Result<Value, ConnectError> {
        if !matches!(json, Document::Object(_)) {
            return Err(ConnectError::data(format!(
                "Structs should be encoded as JSON objects, but found {}",
                json.kind()
            )));
        }
        let mut fields = Struct::new(Arc::clone(schema));
        for field in schema.fields() {
            let value = self.value(
                Some(&field.schema),
                json.get(&field.name).unwrap_or(&Document::Null),
            )?;
            fields.put(&field.name, value)?;
        }
        Ok(Value::Struct(fields))
    }
}

/// Entries without those whose key comes again later.
pub(crate) fn last_of_each(entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(entries.len());
    let mut kept: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match places.entry(format!("{key:?}")) {
            Entry::Occupied(place) => kept[*place.get()].1 = value,
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push((key, value));
            }
        }
    }
    kept
}

/// The value of a logical type, or none if `name` is none that is known.
fn logical_value(
    name: &str,
    schema: &Schema,
    json: &Document<'_>,
) -> Result<Option<Value>, ConnectError> {
    Ok(Some(match (name, json) {
        (logical::DECIMAL, Document::Number(text)) => Value::Decimal(decimal_from_text(text)?),
        (logical::DECIMAL, Document::String(text)) => {
            let refusal = "Invalid bytes for Decimal field";
            let read = decimal_from_bytes(schema, &decode(text, refusal)?);
            Value::Decimal(read.map_err(|error| ConnectError::data(format!("{refusal}: {error}")))?)
        }
        (logical::DATE, json) => Value::Date(integer_32("Date", json)?),
        (logical::TIME, json) => {
            let ms = integer_32("Time", json)?;
            if !(0..=86_400_000).contains(&ms) {
                return Err(ConnectError::data(format!(
                    "Time values must use number of milliseconds greater than 0 and less than 86400000, not {ms}"
                )));
            }
            Value::Time(ms)
        }
        (logical::TIMESTAMP, Document::Number(text)) if is_integral(text) => {
            Value::Timestamp(integer(json))
        }
        (logical::TIMESTAMP, other) => return Err(misfit("Timestamp", "integral", other)),
        (logical::DECIMAL, other) => return Err(misfit("Decimal", "numeric or bytes", other)),
        _ => return Ok(None),
    }))
}

/// What a JSON value is refused with that a logical type is not made of.
fn misfit(name: &str, wanted: &str, found: &Document<'_>) -> ConnectError {
    ConnectError::data(format!(
        "Invalid type for {name}, underlying representation should be {wanted} but was {}",
        found.kind()
    ))
}

fn integer_32(name: &str, json: &Document<'_>) -> Result<i32, ConnectError> {
    let parsed = match json {
        Document::Number(text) => text.parse().ok(),
        _ => None,
    };
    parsed.ok_or_else(|| misfit(name, "integer", json))
}

fn decode(text: &str, refusal: &str) -> Result<Vec<u8>, ConnectError> {
    STANDARD
        .decode(text)
        .map_err(|error| ConnectError::data(format!("{refusal}: {error}")).caused_by(error))
}

/// The text of a number; of everything else 0.
fn number<'a>(json: &Document<'a>) -> &'a str {
    match json {
        Document::Number(text) => text,
        _ => "0",
    }
}

/// A number with a fraction. Java reads it as a decimal, in which there is no negative zero.
pub(super) fn fraction(text: &str) -> f64 {
    text.parse().unwrap_or(0.0) + 0.0
}

/// Whether a number has neither a fraction nor an exponent.
pub(super) fn is_integral(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}

/// The low 64 bits of a number, its fraction cut off.
pub(crate) fn integer(json: &Document<'_>) -> i64 {
    integer_of(number(json))
}

/// The low 64 bits of the number that a text is, its fraction cut off.
pub(super) fn integer_of(text: &str) -> i64 {
    if let Ok(number) = text.parse() {
        return number;
    }
    let Ok(exact) = decimal_from_text(text) else {
        return 0;
    };
    let whole: BigInt = BigDecimal::with_scale(&exact, 0).as_bigint_and_exponent().0;
    let low = whole & BigInt::from(u64::MAX);
    low.to_u64().unwrap_or(0) as i64
}

/// The number of a JSON integer, low 32 bits; none for everything else.
pub(crate) fn integer_member(json: &Document<'_>) -> Option<i32> {
    matches!(json, Document::Number(text) if is_integral(text)).then(|| integer(json) as i32)
}
