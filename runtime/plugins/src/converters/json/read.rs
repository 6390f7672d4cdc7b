//! JSON to values, under a schema or by the JSON's own types.
//!
//! As in Java, the JSON type is not checked for primitives: a text where a number belongs gives 0, a number where a
//! text belongs gives null, which then meets the check of the struct it stands in.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, ToPrimitive};
use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value, logical};

use super::document::Document;
use super::logical::{decimal_from_bytes, decimal_from_text};

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
            SchemaType::Float32 => Value::Float32(number(json).parse().unwrap_or(0.0)),
            SchemaType::Float64 => Value::Float64(number(json).parse().unwrap_or(0.0)),
            SchemaType::Boolean => Value::Boolean(*json == Document::Boolean(true)),
            SchemaType::String => json
                .text()
                .map_or(Value::Null, |text| Value::String(text.to_owned())),
            SchemaType::Bytes => match json.text() {
                Some(text) => Value::Bytes(decode(text)?.into()),
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
                "null for a required value of type {:?}",
                schema.ty
            ))),
        }
    }

    fn schemaless(&self, json: &Document<'_>) -> Result<Value, ConnectError> {
        Ok(match json {
            Document::Null => Value::Null,
            Document::Boolean(value) => Value::Boolean(*value),
            Document::Number(text) if is_integral(text) => Value::Int64(integer(json)),
            Document::Number(text) => Value::Float64(text.parse().unwrap_or(0.0)),
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
            Document::Array(pairs) if !by_name => pairs
                .iter()
                .map(|pair| self.pair(key_schema, value_schema, pair))
                .collect(),
            other => {
                let wanted = if by_name {
                    "an object"
                } else {
                    "an array of pairs"
                };
                Err(ConnectError::data(format!(
                    "a map must be {wanted}, not {}",
                    other.kind()
                )))
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
            _ => Err(ConnectError::data(
                "an entry of a map must be an array of a key and a value",
            )),
        }
    }

    fn structure(&self, schema: &Arc<Schema>, json: &Document<'_>) -> Result<Value, ConnectError> {
        if !matches!(json, Document::Object(_)) {
            return Err(ConnectError::data(format!(
                "a struct must be an object, not {}",
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

/// The value of a logical type, or none if `name` is none that is known.
fn logical_value(
    name: &str,
    schema: &Schema,
    json: &Document<'_>,
) -> Result<Option<Value>, ConnectError> {
    Ok(Some(match (name, json) {
        (logical::DECIMAL, Document::Number(text)) => Value::Decimal(decimal_from_text(text)?),
        (logical::DECIMAL, Document::String(text)) => {
            Value::Decimal(decimal_from_bytes(schema, &decode(text)?)?)
        }
        (logical::DATE, Document::Number(_)) => Value::Date(integer_32(name, json)?),
        (logical::TIME, Document::Number(_)) => {
            let ms = integer_32(name, json)?;
            if !(0..=86_400_000).contains(&ms) {
                return Err(ConnectError::data(format!(
                    "the time {ms} ms is not within a day"
                )));
            }
            Value::Time(ms)
        }
        (logical::TIMESTAMP, Document::Number(text)) if is_integral(text) => {
            Value::Timestamp(integer(json))
        }
        (logical::DECIMAL | logical::DATE | logical::TIME | logical::TIMESTAMP, other) => {
            return Err(ConnectError::data(format!(
                "{} is not of the logical type {name}",
                other.kind()
            )));
        }
        _ => return Ok(None),
    }))
}

fn integer_32(name: &str, json: &Document<'_>) -> Result<i32, ConnectError> {
    number(json)
        .parse()
        .map_err(|_| ConnectError::data(format!("{} is no integer of {name}", number(json))))
}

fn decode(text: &str) -> Result<Vec<u8>, ConnectError> {
    STANDARD.decode(text).map_err(|error| {
        ConnectError::data("cannot read bytes that are not base64").caused_by(error)
    })
}

/// The text of a number; of everything else 0.
fn number<'a>(json: &Document<'a>) -> &'a str {
    match json {
        Document::Number(text) => text,
        _ => "0",
    }
}

fn is_integral(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}

/// The low 64 bits of a number, its fraction cut off.
pub(crate) fn integer(json: &Document<'_>) -> i64 {
    let text = number(json);
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
