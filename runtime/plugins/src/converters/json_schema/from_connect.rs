//! Connect schemas as JSON Schemas (draft 7, which Confluent's converter writes).

use millrace_api::{ConnectError, Schema, SchemaType, Value, logical};
use serde_json::{Map, Value as Json, json};

use super::super::json::DecimalFormat;
use super::config::{JsonSchemaConfig, is_union, props};
use super::write;

/// The JSON Schema of a Connect schema.
pub(super) fn json_schema(
    config: &JsonSchemaConfig,
    schema: &Schema,
) -> Result<Json, ConnectError> {
    part(config, schema, None, false)
}

/// The JSON Schema of a part, which is the field of an `index`. `required` leaves out that it may be null.
fn part(
    config: &JsonSchemaConfig,
    schema: &Schema,
    index: Option<usize>,
    required: bool,
) -> Result<Json, ConnectError> {
    let with_index = |mut json: Map<String, Json>| {
        if let Some(index) = index {
            json.insert(props::CONNECT_INDEX.into(), index.into());
        }
        Json::Object(json)
    };
    if let SchemaType::Struct(fields) = &schema.ty {
        if is_union(schema) {
            let mut members = Vec::with_capacity(fields.len() + 1);
            if schema.optional {
                members.push(json!({ "type": "null" }));
            }
            for (index, field) in fields.iter().enumerate() {
                members.push(part(config, &field.schema, Some(index), true)?);
            }
            return Ok(with_index(one_of(members)));
        }
        if schema.optional && !required {
            let mut inner = schema.clone();
            inner.optional = false;
            let members = vec![
                json!({ "type": "null" }),
                part(config, &inner, None, false)?,
            ];
            return Ok(with_index(one_of(members)));
        }
    }
    let mut json = simple(config, schema)?;
    describe(config, schema, &mut json)?;
    if schema.optional && !required {
        let members = vec![json!({ "type": "null" }), Json::Object(json)];
        return Ok(with_index(one_of(members)));
    }
    Ok(with_index(json))
}

fn one_of(members: Vec<Json>) -> Map<String, Json> {
    Map::from_iter([("oneOf".to_owned(), Json::Array(members))])
}

fn simple(config: &JsonSchemaConfig, schema: &Schema) -> Result<Map<String, Json>, ConnectError> {
    let typed = |ty: &str, exact: Option<&str>| {
        let mut json = Map::new();
        json.insert("type".into(), ty.into());
        if let Some(exact) = exact {
            json.insert(props::CONNECT_TYPE.into(), exact.into());
        }
        json
    };
    Ok(match &schema.ty {
        SchemaType::Int8 => typed("integer", Some("int8")),
        SchemaType::Int16 => typed("integer", Some("int16")),
        SchemaType::Int32 => typed("integer", Some("int32")),
        SchemaType::Int64 => typed("integer", Some("int64")),
        SchemaType::Float32 => typed("number", Some("float32")),
        SchemaType::Float64 => typed("number", Some("float64")),
        SchemaType::Boolean => typed("boolean", None),
        SchemaType::String => match enumeration(config, schema) {
            Some(symbols) => Map::from_iter([("enum".to_owned(), symbols)]),
            None => typed("string", None),
        },
        SchemaType::Bytes => {
            let is_decimal = schema.name.as_deref() == Some(logical::DECIMAL);
            let is_number = is_decimal && config.decimal_format == DecimalFormat::Numeric;
            typed(if is_number { "number" } else { "string" }, Some("bytes"))
        }
        SchemaType::Array(element) => {
            let mut json = typed("array", None);
            json.insert("items".into(), known(config, element.as_deref(), None)?);
            json
        }
        SchemaType::Map(key, value) => map(config, key.as_deref(), value.as_deref())?,
        SchemaType::Struct(fields) => {
            let mut properties = Map::new();
            for (index, field) in fields.iter().enumerate() {
                properties.insert(
                    field.name.clone(),
                    part(config, &field.schema, Some(index), false)?,
                );
            }
            let mut json = typed("object", None);
            json.insert("properties".into(), properties.into());
            if !config.additional {
                json.insert("additionalProperties".into(), false.into());
            }
            json
        }
    })
}

fn known(
    config: &JsonSchemaConfig,
    schema: Option<&Schema>,
    index: Option<usize>,
) -> Result<Json, ConnectError> {
    match schema {
        Some(schema) => part(config, schema, index, false),
        None => Err(ConnectError::data(
            "a list or map whose elements have no common type has no JSON Schema",
        )),
    }
}

fn map(
    config: &JsonSchemaConfig,
    key: Option<&Schema>,
    value: Option<&Schema>,
) -> Result<Map<String, Json>, ConnectError> {
    let is_object = key.is_some_and(is_map_key);
    let json = if is_object {
        json!({ "type": "object", "additionalProperties": known(config, value, None)? })
    } else {
        json!({ "type": "array", "items": { "type": "object", "properties": {
            "key": known(config, key, Some(0))?,
            "value": known(config, value, Some(1))?,
        } } })
    };
    let Json::Object(mut json) = json else {
        return Ok(Map::new());
    };
    json.insert(props::CONNECT_TYPE.into(), "map".into());
    Ok(json)
}

/// Whether maps with such keys are JSON objects.
pub(super) fn is_map_key(key: &Schema) -> bool {
    key.ty == SchemaType::String && !key.optional
}

/// The symbols of an enum, in the order of their numbers where they have some.
fn enumeration(config: &JsonSchemaConfig, schema: &Schema) -> Option<Json> {
    let is_enum = schema.parameters.contains_key(props::GENERAL_ENUM)
        || schema.parameters.contains_key(props::ENUM);
    if !is_enum {
        return None;
    }
    let prefix = format!("{}.", config.enum_parameter());
    let symbols = schema
        .parameters
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value.parse::<i64>().ok())));
    let mut symbols: Vec<_> = symbols.collect();
    symbols.sort_by_key(|(_, number)| *number);
    let symbols = symbols.into_iter().map(|(symbol, _)| match symbol {
        props::NULL => Json::Null,
        symbol => symbol.into(),
    });
    Some(symbols.collect())
}

/// What the schema says beside its type.
fn describe(
    config: &JsonSchemaConfig,
    schema: &Schema,
    json: &mut Map<String, Json>,
) -> Result<(), ConnectError> {
    if let Some(name) = &schema.name {
        json.insert("title".into(), name.clone().into());
    }
    if let Some(doc) = &schema.doc {
        json.insert("description".into(), doc.clone().into());
    }
    if let Some(version) = schema.version {
        json.insert(props::CONNECT_VERSION.into(), version.into());
    }
    let own = schema
        .parameters
        .iter()
        .filter(|(key, _)| !key.starts_with(props::NAMESPACE));
    let own: Map<String, Json> = own
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect();
    if !own.is_empty() {
        json.insert(props::CONNECT_PARAMETERS.into(), own.into());
    }
    match &schema.default {
        Some(default) if *default != Value::Null => {
            let mut out = Vec::new();
            write::value(config, Some(schema), default, &mut out)?;
            let default = serde_json::from_slice(&out).map_err(|error| {
                ConnectError::data("cannot write the default of a schema as JSON").caused_by(error)
            })?;
            json.insert("default".into(), default);
        }
        _ => {}
    }
    Ok(())
}
