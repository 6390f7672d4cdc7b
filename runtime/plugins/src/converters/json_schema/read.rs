//! JSON to values under a Connect schema, as JsonSchemaConverter reads them.

use std::sync::Arc;

use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value};

use super::super::json::{Document, Reader};
use super::config::is_union;
use super::from_connect::is_map_key;

/// Reads what has no form of its own here.
const READER: Reader = Reader {
    replace_null_with_default: true,
};

/// The value of `json`; of one that is missing, null, which the schema then need not allow.
pub(super) fn value(
    schema: &Arc<Schema>,
    json: Option<&Document<'_>>,
) -> Result<Value, ConnectError> {
    let json = match (json, &schema.default) {
        (Some(Document::Null) | None, Some(default)) => return Ok(default.clone()),
        (None, None) => return Ok(Value::Null),
        (Some(Document::Null), None) if schema.optional => return Ok(Value::Null),
        (Some(json), _) => json,
    };
    match &schema.ty {
        SchemaType::Array(Some(element)) => match json {
            Document::Array(values) => {
                let values = values.iter().map(|json| value(element, Some(json)));
                Ok(Value::Array(values.collect::<Result<_, _>>()?))
            }
            other => Err(misfit("Arrays", "arrays", other)),
        },
        SchemaType::Map(Some(key), Some(member)) => map((key, member), json),
        SchemaType::Struct(_) if is_union(schema) => union(schema, json),
        SchemaType::Struct(_) => structure(schema, json),
        _ => READER.value(Some(schema), json),
    }
}

fn misfit(what: &str, wanted: &str, found: &Document<'_>) -> ConnectError {
    ConnectError::data(format!(
        "{what} should be encoded as JSON {wanted}, but found {}",
        found.kind()
    ))
}

fn map(
    (key, member): (&Arc<Schema>, &Arc<Schema>),
    json: &Document<'_>,
) -> Result<Value, ConnectError> {
    let entries: Result<_, ConnectError> = match json {
        Document::Object(members) if is_map_key(key) => members
            .iter()
            .map(|(name, json)| Ok((Value::String(name.clone()), value(member, Some(json))?)))
            .collect(),
        Document::Array(entries) if !is_map_key(key) => entries
            .iter()
            .map(|entry| match entry {
                Document::Object(parts) if parts.len() == 2 => Ok((
                    value(key, entry.get("key"))?,
                    value(member, entry.get("value"))?,
                )),
                other => Err(misfit("Map entries", "objects with key and value", other)),
            })
            .collect(),
        other if is_map_key(key) => Err(misfit("Maps with string fields", "objects", other)),
        other => Err(misfit(
            "Maps with non-string fields",
            "array of objects",
            other,
        )),
    };
    entries.map(Value::Map)
}

fn structure(schema: &Arc<Schema>, json: &Document<'_>) -> Result<Value, ConnectError> {
    if !matches!(json, Document::Object(_)) {
        return Err(misfit("Structs", "objects", json));
    }
    let mut values = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let value = value(&field.schema, json.get(&field.name)).map_err(|error| {
            ConnectError::data(format!("field {}: {error}", field.name)).caused_by(error)
        })?;
        values.push(value);
    }
    Ok(Value::Struct(Struct::from_values(
        Arc::clone(schema),
        values,
    )))
}

/// A value of a union: of its first member of that simple type, or of the struct that shares the most names with it.
fn union(schema: &Arc<Schema>, json: &Document<'_>) -> Result<Value, ConnectError> {
    let fields = schema.fields();
    let simple = fields
        .iter()
        .position(|field| is_simple(&field.schema, json));
    let place = simple.or_else(|| {
        let likeness = fields.iter().map(|field| shared_names(&field.schema, json));
        let mut best = None;
        for (place, count) in likeness.enumerate() {
            if count > best.map_or(0, |(_, most)| most) {
                best = Some((place, count));
            }
        }
        best.map(|(place, _)| place)
    });
    let place =
        place.ok_or_else(|| ConnectError::data("Did not find matching oneof field for data"))?;
    let mut values = vec![Value::Null; fields.len()];
    values[place] = value(&fields[place].schema, Some(json))?;
    Ok(Value::Struct(Struct::from_values(
        Arc::clone(schema),
        values,
    )))
}

fn is_simple(schema: &Schema, json: &Document<'_>) -> bool {
    match (&schema.ty, json) {
        (
            SchemaType::Int8 | SchemaType::Int16 | SchemaType::Int32 | SchemaType::Int64,
            Document::Number(text),
        ) => !text.contains(['.', 'e', 'E']),
        (SchemaType::Float32 | SchemaType::Float64, Document::Number(_))
        | (SchemaType::Boolean, Document::Boolean(_))
        | (SchemaType::String, Document::String(_))
        | (SchemaType::Array(_), Document::Array(_))
        | (SchemaType::Map(..), Document::Object(_) | Document::Array(_)) => true,
        _ => false,
    }
}

/// How many names a struct and an object share, those within them too.
fn shared_names(schema: &Schema, json: &Document<'_>) -> usize {
    let shared = schema.fields().iter().filter_map(|field| {
        let json = json.get(&field.name)?;
        Some(1 + shared_names(&field.schema, json))
    });
    shared.sum()
}
