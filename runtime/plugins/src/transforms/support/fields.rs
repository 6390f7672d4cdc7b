//! Reaching the fields of structs and maps, with Java's refusals.

use std::sync::Arc;

use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value};

use super::names::{simple_class_of, type_name};

/// The entries of a schemaless map.
pub(crate) type Entries = Vec<(Value, Value)>;

/// The struct that a value with a schema has to be.
pub(crate) fn struct_of(value: Value, purpose: &str) -> Result<Struct, ConnectError> {
    match value {
        Value::Struct(value) => Ok(value),
        other => Err(ConnectError::data(format!(
            "Only Struct objects supported for [{purpose}], found: {}",
            simple_class_of(&other)
        ))),
    }
}

/// The map that a value without a schema has to be.
pub(crate) fn map_of(value: Value, purpose: &str) -> Result<Entries, ConnectError> {
    match value {
        Value::Map(entries) => Ok(entries),
        other => Err(ConnectError::data(format!(
            "Only Map objects supported in absence of schema for [{purpose}], found: {}",
            simple_class_of(&other)
        ))),
    }
}

/// What a refusal says that a value was needed for.
pub(crate) fn purpose_of(operation: &str) -> String {
    format!("header {operation}")
}

/// The value under `name`.
pub(crate) fn entry<'a>(entries: &'a Entries, name: &str) -> Option<&'a Value> {
    let found = entries.iter().find(|(key, _)| is(key, name));
    found.map(|(_, value)| value)
}

/// Sets the value under `name`; a new name goes to the end.
pub(crate) fn put_entry(entries: &mut Entries, name: &str, value: Value) {
    match entries.iter_mut().find(|(key, _)| is(key, name)) {
        Some((_, old)) => *old = value,
        None => entries.push((Value::String(name.to_owned()), value)),
    }
}

fn is(key: &Value, name: &str) -> bool {
    matches!(key, Value::String(key) if key == name)
}

/// A schema of another type with the name, version, documentation and parameters of `from`.
pub(crate) fn basics(from: &Schema, ty: SchemaType) -> Schema {
    Schema {
        ty,
        optional: false,
        default: None,
        name: from.name.clone(),
        version: from.version,
        doc: from.doc.clone(),
        parameters: from.parameters.clone(),
    }
}

/// Puts the defaults of fields in the place of nulls, where asked for.
pub(crate) fn apply_defaults(schema: &Arc<Schema>, values: &mut [Value], replace: bool) {
    if !replace {
        return;
    }
    for (field, value) in schema.fields().iter().zip(values) {
        if let (Value::Null, Some(default)) = (&*value, &field.schema.default) {
            *value = default.clone();
        }
    }
}

/// A value that is put into a field: a required one takes no null.
pub(crate) fn copied(name: &str, schema: &Schema, value: Value) -> Result<Value, ConnectError> {
    if value == Value::Null && !schema.optional {
        return Err(ConnectError::data(format!(
            "Invalid value: null used for required field: \"{name}\", schema type: {}",
            type_name(&schema.ty)
        )));
    }
    Ok(value)
}
