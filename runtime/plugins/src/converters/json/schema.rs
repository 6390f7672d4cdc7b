//! Schemas as JSON.

use std::sync::Arc;

use millrace_api::{ConnectError, ErrorKind, Field, Schema, SchemaType, Value};

use super::document::Document;
use super::read::{Reader, integer_member};
use super::write::{Writer, string};

/// Writes a schema; `field` is its name within a struct, which comes last.
pub(crate) fn write(
    writer: &mut Writer<'_>,
    schema: &Schema,
    field: Option<&str>,
) -> Result<(), ConnectError> {
    writer.raw("{\"type\":\"");
    writer.raw(type_name(&schema.ty));
    writer.raw("\"");
    write_contents(writer, &schema.ty)?;
    writer.raw(if schema.optional {
        ",\"optional\":true"
    } else {
        ",\"optional\":false"
    });
    write_text(writer, "name", schema.name.as_deref());
    if let Some(version) = schema.version {
        writer.raw(&format!(",\"version\":{version}"));
    }
    write_text(writer, "doc", schema.doc.as_deref());
    write_parameters(writer, schema);
    if let Some(default) = schema
        .default
        .as_ref()
        .filter(|default| **default != Value::Null)
    {
        writer.raw(",\"default\":");
        writer.value(Some(schema), default)?;
    }
    write_text(writer, "field", field);
    writer.raw("}");
    Ok(())
}

fn write_contents(writer: &mut Writer<'_>, ty: &SchemaType) -> Result<(), ConnectError> {
    match ty {
        SchemaType::Array(element) => write_part(writer, "items", element.as_deref()),
        SchemaType::Map(key, value) => {
            write_part(writer, "keys", key.as_deref())?;
            write_part(writer, "values", value.as_deref())
        }
        SchemaType::Struct(fields) => {
            writer.raw(",\"fields\":[");
            for (index, field) in fields.iter().enumerate() {
                writer.separate(index);
                write(writer, &field.schema, Some(&field.name))?;
            }
            writer.raw("]");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn write_part(
    writer: &mut Writer<'_>,
    name: &str,
    part: Option<&Schema>,
) -> Result<(), ConnectError> {
    writer.raw(&format!(",\"{name}\":"));
    match part {
        Some(part) => write(writer, part, None),
        None => {
            writer.raw("null");
            Ok(())
        }
    }
}

fn write_text(writer: &mut Writer<'_>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        writer.raw(&format!(",\"{name}\":"));
        string(writer.out, text);
    }
}

fn write_parameters(writer: &mut Writer<'_>, schema: &Schema) {
    if schema.parameters.is_empty() {
        return;
    }
    writer.raw(",\"parameters\":{");
    for (index, (key, value)) in schema.parameters.iter().enumerate() {
        writer.separate(index);
        string(writer.out, key);
        writer.raw(":");
        string(writer.out, value);
    }
    writer.raw("}");
}

fn type_name(ty: &SchemaType) -> &'static str {
    match ty {
        SchemaType::Int8 => "int8",
        SchemaType::Int16 => "int16",
        SchemaType::Int32 => "int32",
        SchemaType::Int64 => "int64",
        SchemaType::Float32 => "float",
        SchemaType::Float64 => "double",
        SchemaType::Boolean => "boolean",
        SchemaType::String => "string",
        SchemaType::Bytes => "bytes",
        SchemaType::Array(_) => "array",
        SchemaType::Map(..) => "map",
        SchemaType::Struct(_) => "struct",
    }
}

/// Reads a schema; none for null.
pub(crate) fn read(
    reader: &Reader,
    json: &Document<'_>,
) -> Result<Option<Arc<Schema>>, ConnectError> {
    if *json == Document::Null {
        return Ok(None);
    }
    let ty = json
        .get("type")
        .and_then(Document::text)
        .ok_or_else(|| ConnectError::data("Schema must contain 'type' field"))?;
    let mut schema = read_type(reader, ty, json)?;
    schema.optional = json.get("optional") == Some(&Document::Boolean(true));
    schema.name = json.get("name").and_then(Document::text).map(str::to_owned);
    schema.version = json.get("version").and_then(integer_member);
    schema.doc = json.get("doc").and_then(Document::text).map(str::to_owned);
    read_parameters(&mut schema, json)?;
    if let Some(default) = json.get("default") {
        schema.default = Some(read_default(reader, &schema, default)?);
    }
    Ok(Some(Arc::new(schema)))
}

fn read_type(reader: &Reader, ty: &str, json: &Document<'_>) -> Result<Schema, ConnectError> {
    Ok(Schema::new(match ty {
        "int8" => SchemaType::Int8,
        "int16" => SchemaType::Int16,
        "int32" => SchemaType::Int32,
        "int64" => SchemaType::Int64,
        "float" => SchemaType::Float32,
        "double" => SchemaType::Float64,
        "boolean" => SchemaType::Boolean,
        "string" => SchemaType::String,
        "bytes" => SchemaType::Bytes,
        "array" => SchemaType::Array(Some(read_part(
            reader,
            "items",
            json,
            "Array schema did not specify the element type",
        )?)),
        "map" => SchemaType::Map(
            Some(read_part(
                reader,
                "keys",
                json,
                "Map schema did not specify the key type",
            )?),
            Some(read_part(
                reader,
                "values",
                json,
                "Map schema did not specify the value type",
            )?),
        ),
        "struct" => return read_struct(reader, json),
        unknown => {
            return Err(ConnectError::data(format!(
                "Unknown schema type: {unknown}"
            )));
        }
    }))
}

fn read_part(
    reader: &Reader,
    name: &str,
    json: &Document<'_>,
    refusal: &str,
) -> Result<Arc<Schema>, ConnectError> {
    let part = json
        .get(name)
        .map(|part| read(reader, part))
        .transpose()?
        .flatten();
    part.ok_or_else(|| ConnectError::data(refusal))
}

fn read_struct(reader: &Reader, json: &Document<'_>) -> Result<Schema, ConnectError> {
    let Some(Document::Array(members)) = json.get("fields") else {
        return Err(ConnectError::data(
            "Struct schema's \"fields\" argument is not an array.",
        ));
    };
    let mut fields = Vec::with_capacity(members.len());
    for member in members {
        let name = member
            .get("field")
            .and_then(Document::text)
            .ok_or_else(|| {
                ConnectError::data("Struct schema's field name not specified properly")
            })?;
        let schema = read(reader, member)?
            .ok_or_else(|| ConnectError::data(format!("field {name} has no schema")))?;
        fields.push(Field {
            name: name.to_owned(),
            schema,
        });
    }
    Schema::structure(fields)
}

fn read_parameters(schema: &mut Schema, json: &Document<'_>) -> Result<(), ConnectError> {
    let Some(Document::Object(members)) = json.get("parameters") else {
        return Ok(());
    };
    for (key, value) in members {
        let value = value
            .text()
            .ok_or_else(|| ConnectError::data("Schema parameters must have string values."))?;
        schema.parameters.insert(key.clone(), value.to_owned());
    }
    Ok(())
}

fn read_default(
    reader: &Reader,
    schema: &Schema,
    json: &Document<'_>,
) -> Result<Value, ConnectError> {
    let value = reader.value(Some(&Arc::new(schema.clone())), json)?;
    // The schema of a struct that is a default is not yet the one that it is a default of, so that Java takes none.
    let is_struct = matches!(value, Value::Struct(_));
    if is_struct || (value == Value::Null && !schema.optional) {
        return Err(ConnectError::new(
            ErrorKind::Schema,
            "Invalid default value",
        ));
    }
    Ok(value)
}
