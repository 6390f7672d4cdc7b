//! Values to JSON, as JsonSchemaConverter has it: unions as the member that is set, maps without text keys as lists of
//! objects with a key and a value.

use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value};

use super::super::json::{Writer, write_string};
use super::config::{JsonSchemaConfig, is_union};
use super::from_connect::is_map_key;

/// Appends `value`.
pub(super) fn value(
    config: &JsonSchemaConfig,
    schema: Option<&Schema>,
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    match (schema.map(|schema| &schema.ty), value) {
        (_, Value::Null) => null(config, schema, out),
        (Some(SchemaType::Array(element)), Value::Array(values)) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                separate(index, out);
                self::value(config, element.as_deref(), value, out)?;
            }
            out.push(b']');
            Ok(())
        }
        (Some(SchemaType::Map(key, member)), Value::Map(entries)) => {
            map(config, (key.as_deref(), member.as_deref()), entries, out)
        }
        (Some(SchemaType::Struct(_)), Value::Struct(fields)) => match schema {
            Some(schema) if is_union(schema) => union(config, fields, out),
            _ => structure(config, fields, out),
        },
        _ => {
            let mut writer = Writer {
                out,
                decimal_format: config.decimal_format,
                replace_null_with_default: !config.ignore_default,
            };
            writer.value(schema, value)
        }
    }
}

fn null(
    config: &JsonSchemaConfig,
    schema: Option<&Schema>,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    match schema.and_then(|schema| schema.default.as_ref().map(|default| (schema, default))) {
        Some((schema, default)) if !config.ignore_default && *default != Value::Null => {
            value(config, Some(schema), default, out)
        }
        _ => {
            out.extend_from_slice(b"null");
            Ok(())
        }
    }
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn map(
    config: &JsonSchemaConfig,
    (key_schema, member): (Option<&Schema>, Option<&Schema>),
    entries: &[(Value, Value)],
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    let is_object = key_schema.is_some_and(is_map_key);
    out.push(if is_object { b'{' } else { b'[' });
    for (index, (key, entry)) in entries.iter().enumerate() {
        separate(index, out);
        if is_object {
            let Value::String(key) = key else {
                return Err(ConnectError::data(
                    "a key of a map is no text, though its schema is one",
                ));
            };
            write_string(out, key);
            out.push(b':');
            value(config, member, entry, out)?;
        } else {
            out.extend_from_slice(b"{\"key\":");
            value(config, key_schema, key, out)?;
            out.extend_from_slice(b",\"value\":");
            value(config, member, entry, out)?;
            out.push(b'}');
        }
    }
    out.push(if is_object { b'}' } else { b']' });
    Ok(())
}

fn union(
    config: &JsonSchemaConfig,
    fields: &Struct,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    match fields.iter().find(|(_, value)| **value != Value::Null) {
        Some((field, value)) => self::value(config, Some(&field.schema), value, out),
        None => null(config, None, out),
    }
}

/// Writes an object. A required field that is null and has no default is left out, as in Java.
fn structure(
    config: &JsonSchemaConfig,
    fields: &Struct,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    out.push(b'{');
    let mut written = 0;
    for (field, value) in fields.iter() {
        let schema = &field.schema;
        let has_default = schema.default.is_some() && !config.ignore_default;
        if *value == Value::Null && !schema.optional && !has_default {
            continue;
        }
        separate(written, out);
        written += 1;
        write_string(out, &field.name);
        out.push(b':');
        self::value(config, Some(schema), value, out).map_err(|error| {
            ConnectError::data(format!("field {}: {error}", field.name)).caused_by(error)
        })?;
    }
    out.push(b'}');
    Ok(())
}
