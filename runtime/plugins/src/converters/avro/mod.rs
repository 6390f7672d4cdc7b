//! AvroConverter: values in Avro's binary encoding, their schemas in a registry.
//!
//! The codec is written over Connect's values: an Avro value in between would cost more than the encoding. What Avro has
//! no place for (names of simple types, versions, parameters, defaults) goes into properties of the Avro schema, as
//! Confluent's converter has it, so that either side reads what the other wrote.

mod config;
mod defaults;
mod from_connect;
mod logical;
mod node;
mod read;
mod to_connect;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{ConnectError, Datum, Properties, Schema, Value};

pub(crate) use self::config::AvroConfig;
use self::node::{Document, Name, to_json};
use self::read::{Input, Read};
use self::to_connect::{connect_schema, is_anything};
use self::write::{Planner, Write};
use super::registry::{Format, RegistryConfig, Resolved, SchemaFormat, SchemaText};

/// The record that holds a value of any type.
const ANYTHING_TEXT: &str = r#"{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":[{"name":"boolean","type":["null","boolean"],"default":null},{"name":"bytes","type":["null","bytes"],"default":null},{"name":"double","type":["null","double"],"default":null},{"name":"float","type":["null","float"],"default":null},{"name":"int","type":["null","int"],"default":null},{"name":"long","type":["null","long"],"default":null},{"name":"string","type":["null","string"],"default":null},{"name":"array","type":["null",{"type":"array","items":"Anything"}],"default":null},{"name":"map","type":["null",{"type":"array","items":{"type":"record","name":"MapEntry","fields":[{"name":"key","type":"Anything"},{"name":"value","type":"Anything"}]}}],"default":null}]}"#;

/// Avro.
#[derive(Debug, Default)]
pub(crate) struct Avro {
    config: Option<AvroConfig>,
}

impl Avro {
    fn config(&self) -> Result<&AvroConfig, ConnectError> {
        self.config
            .as_ref()
            .ok_or_else(|| ConnectError::config("the converter is not configured"))
    }
}

/// How values of a registered schema are read, and the Connect schema that they have then.
#[derive(Debug)]
pub(crate) struct AvroReader {
    schema: Option<Arc<Schema>>,
    read: Read,
}

/// How values of a Connect schema are written.
#[derive(Debug)]
pub(crate) struct AvroWriter(Write);

impl Format for Avro {
    const FORMAT: SchemaFormat = SchemaFormat::Avro;
    type Writer = AvroWriter;
    type Reader = AvroReader;

    fn configure(&mut self, settings: &Properties) -> Result<RegistryConfig, ConnectError> {
        let config: AvroConfig = super::parse(settings)?;
        let registry = config.registry.clone();
        self.config = Some(config);
        Ok(registry)
    }

    fn writes_null(&self, schema: Option<&Schema>) -> Result<bool, ConnectError> {
        match schema {
            Some(schema) if !schema.optional => Err(ConnectError::data(
                "Found null value for non-optional schema",
            )),
            _ => Ok(false),
        }
    }

    fn derive(
        &self,
        schema: Option<&Schema>,
    ) -> Result<(SchemaText, Option<String>), ConnectError> {
        let node = from_connect::avro_schema(self.config()?, schema)?;
        let text = to_json(&node, None, &mut Vec::new()).to_string();
        Ok((SchemaText::alone(text), record_name(&node)))
    }

    fn writer(
        &self,
        connect: Option<&Schema>,
        target: &Resolved,
        strict: bool,
    ) -> Result<Self::Writer, ConnectError> {
        let document = Document::parse(&target.text, &target.references)?;
        let planner = Planner {
            config: self.config()?,
            document: &document,
            strict,
        };
        planner.plan(connect, &document.root).map(AvroWriter)
    }

    fn write(
        &self,
        writer: &Self::Writer,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        writer.0.value(value, out)
    }

    fn reader(
        &self,
        schema: &Resolved,
        version: Option<i32>,
    ) -> Result<Self::Reader, ConnectError> {
        let document = Document::parse(&schema.text, &schema.references)?;
        if is_anything(&document.root) {
            return Ok(AvroReader {
                schema: None,
                read: Read::Anything,
            });
        }
        let (schema, read) = connect_schema(self.config()?, &document, version)?;
        Ok(AvroReader {
            schema: Some(schema),
            read,
        })
    }

    fn record_name(&self, schema: &Resolved) -> Option<String> {
        let document = Document::parse(&schema.text, &schema.references).ok()?;
        record_name(&document.root)
    }

    fn read(&self, reader: &Self::Reader, payload: &[u8]) -> Result<Datum, ConnectError> {
        Ok(Datum {
            schema: reader.schema.clone(),
            value: reader.read.value(&mut Input(payload))?,
        })
    }
}

/// The name that subjects are called by; that of the record in a union with null too.
fn record_name(node: &node::Node) -> Option<String> {
    match &node.kind {
        node::Kind::Union(branches) => branches.iter().find_map(record_name),
        node::Kind::Reference(name) => Some(name.clone()),
        _ => node.name().map(Name::full),
    }
}

/// The keys of AvroConverter.
pub(crate) fn definition() -> millrace_api::config::ConfigDef {
    AvroConfig::definition()
}
