//! Default values: Connect's as the JSON that an Avro schema holds, and back.

use std::sync::Arc;

use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value};
use serde_json::{Map, Value as Json};

use super::super::json::decimal_bytes;
use super::super::registry::scrub;
use super::config::{AvroConfig, is_union};
use super::from_connect::is_map_key;
use super::logical;

/// A default as JSON.
pub(super) fn to_json(
    config: &AvroConfig,
    schema: &Schema,
    value: &Value,
) -> Result<Json, ConnectError> {
    Ok(match (&schema.ty, value) {
        (_, Value::Null) => Json::Null,
        (_, Value::Int8(number)) => (*number).into(),
        (_, Value::Int16(number)) => (*number).into(),
        (_, Value::Int32(number) | Value::Date(number) | Value::Time(number)) => (*number).into(),
        (_, Value::Int64(number) | Value::Timestamp(number)) => (*number).into(),
        (_, Value::Float32(number)) => number.to_string().parse::<f64>().unwrap_or(0.0).into(),
        (_, Value::Float64(number)) => (*number).into(),
        (_, Value::Boolean(value)) => (*value).into(),
        (_, Value::String(text)) => text.clone().into(),
        (_, Value::Bytes(bytes)) => latin_1(bytes),
        (_, Value::Decimal(number)) => latin_1(&decimal_bytes(schema, number)?),
        (SchemaType::Array(Some(element)), Value::Array(values)) => {
            let values = values.iter().map(|value| to_json(config, element, value));
            values.collect::<Result<_, _>>()?
        }
        (SchemaType::Map(Some(key), Some(member)), Value::Map(entries)) => {
            map(config, (key, member), entries)?
        }
        (SchemaType::Struct(_), Value::Struct(fields)) => structure(config, schema, fields)?,
        _ => {
            return Err(ConnectError::data(
                "the default of a schema is not of its type",
            ));
        }
    })
}

fn latin_1(bytes: &[u8]) -> Json {
    bytes
        .iter()
        .map(|byte| char::from(*byte))
        .collect::<String>()
        .into()
}

fn map(
    config: &AvroConfig,
    (key, member): (&Schema, &Schema),
    entries: &[(Value, Value)],
) -> Result<Json, ConnectError> {
    if is_map_key(config, key) {
        let mut object = Map::new();
        for (name, value) in entries {
            if let Value::String(name) = name {
                object.insert(name.clone(), to_json(config, member, value)?);
            }
        }
        return Ok(object.into());
    }
    let pairs = entries.iter().map(|(name, value)| {
        Ok(Json::Array(vec![
            to_json(config, key, name)?,
            to_json(config, member, value)?,
        ]))
    });
    pairs.collect()
}

fn structure(config: &AvroConfig, schema: &Schema, fields: &Struct) -> Result<Json, ConnectError> {
    let mut object = Map::new();
    for (field, value) in fields.iter() {
        let value = match (value, &field.schema.default) {
            (Value::Null, Some(default)) => default,
            (value, _) => value,
        };
        let json = to_json(config, &field.schema, value)?;
        if is_union(schema) {
            return Ok(json);
        }
        let name = if config.scrub {
            scrub(&field.name, false)
        } else {
            field.name.clone()
        };
        object.insert(name, json);
    }
    Ok(object.into())
}

/// A default from JSON; none where it is not of the type.
pub(super) fn from_json(config: &AvroConfig, schema: &Arc<Schema>, json: &Json) -> Option<Value> {
    if json.is_null() {
        return Some(Value::Null);
    }
    let plain = match &schema.ty {
        SchemaType::Int8 => Value::Int8(json.as_i64()? as i8),
        SchemaType::Int16 => Value::Int16(json.as_i64()? as i16),
        SchemaType::Int32 => Value::Int32(i32::try_from(json.as_i64()?).ok()?),
        SchemaType::Int64 => Value::Int64(json.as_i64()?),
        SchemaType::Float32 => Value::Float32(json.as_f64()? as f32),
        SchemaType::Float64 => Value::Float64(json.as_f64()?),
        SchemaType::Boolean => Value::Boolean(json.as_bool()?),
        SchemaType::String => Value::String(json.as_str()?.to_owned()),
        SchemaType::Bytes => {
            let bytes = json
                .as_str()?
                .chars()
                .map(|c| u8::try_from(u32::from(c)).ok());
            Value::Bytes(bytes.collect::<Option<Vec<u8>>>()?.into())
        }
        SchemaType::Array(element) => {
            let element = element.as_ref()?;
            let values = json
                .as_array()?
                .iter()
                .map(|json| from_json(config, element, json));
            Value::Array(values.collect::<Option<_>>()?)
        }
        SchemaType::Map(key, member) => {
            return map_from_json(config, (key.as_ref()?, member.as_ref()?), json);
        }
        SchemaType::Struct(_) => return struct_from_json(config, schema, json),
    };
    logical::from_plain(schema, plain).ok()
}

fn map_from_json(
    config: &AvroConfig,
    (key, member): (&Arc<Schema>, &Arc<Schema>),
    json: &Json,
) -> Option<Value> {
    if let Some(object) = json.as_object() {
        let entries = object.iter().map(|(name, value)| {
            Some((
                Value::String(name.clone()),
                from_json(config, member, value)?,
            ))
        });
        return entries.collect::<Option<_>>().map(Value::Map);
    }
    let pairs = json
        .as_array()?
        .iter()
        .map(|pair| match pair.as_array()?.as_slice() {
            [name, value] => Some((
                from_json(config, key, name)?,
                from_json(config, member, value)?,
            )),
            _ => None,
        });
    pairs.collect::<Option<_>>().map(Value::Map)
}

fn struct_from_json(config: &AvroConfig, schema: &Arc<Schema>, json: &Json) -> Option<Value> {
    let object = json.as_object()?;
    let mut values = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = if config.scrub {
            scrub(&field.name, false)
        } else {
            field.name.clone()
        };
        let value = match (object.get(&name), &field.schema.default) {
            (Some(json), _) => from_json(config, &field.schema, json)?,
            (None, Some(default)) => default.clone(),
            (None, None) => Value::Null,
        };
        if value == Value::Null && !field.schema.optional {
            return None;
        }
        values.push(value);
    }
    Some(Value::Struct(Struct::from_values(
        Arc::clone(schema),
        values,
    )))
}
