//! JsonSchemaConverter: values as JSON text, their schemas as JSON Schemas in a registry.

mod config;
mod from_connect;
mod read;
mod to_connect;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use millrace_api::config::{Config, ConfigDef};
use millrace_api::{ConnectError, Datum, Properties, Schema, Value};
use serde_json::Value as Json;

use self::config::JsonSchemaConfig;
use super::json::Document;
use super::registry::{Format, RegistryConfig, Resolved, SchemaFormat, SchemaText};

/// JSON Schema.
#[derive(Debug, Default)]
pub(crate) struct JsonSchema {
    config: Option<JsonSchemaConfig>,
}

impl JsonSchema {
    fn config(&self) -> Result<&JsonSchemaConfig, ConnectError> {
        self.config
            .as_ref()
            .ok_or_else(|| ConnectError::config("the converter is not configured"))
    }
}

impl Format for JsonSchema {
    const FORMAT: SchemaFormat = SchemaFormat::Json;
    type Writer = Option<Box<Schema>>;
    type Reader = Arc<Schema>;

    fn configure(&mut self, settings: &Properties) -> Result<RegistryConfig, ConnectError> {
        let config: JsonSchemaConfig = super::parse(settings)?;
        let registry = config.registry.clone();
        self.config = Some(config);
        Ok(registry)
    }

    fn writes_null(&self, schema: Option<&Schema>) -> Result<bool, ConnectError> {
        let ignore_default = self.config()?.ignore_default;
        Ok(schema
            .is_some_and(|schema| schema.optional || (schema.default.is_some() && !ignore_default)))
    }

    fn derive(
        &self,
        schema: Option<&Schema>,
    ) -> Result<(SchemaText, Option<String>), ConnectError> {
        let Some(schema) = schema else {
            return Err(ConnectError::data(
                "a value without a schema has no JSON Schema; give records one (JsonConverter with schemas.enable=true reads one), or write them with JsonConverter",
            ));
        };
        let json = from_connect::json_schema(self.config()?, schema)?;
        Ok((SchemaText::alone(json.to_string()), title(&json)))
    }

    fn writer(
        &self,
        connect: Option<&Schema>,
        target: &Resolved,
        strict: bool,
    ) -> Result<Self::Writer, ConnectError> {
        let json = parse(&target.text)?;
        let is_closed = json.get("additionalProperties") == Some(&Json::Bool(false));
        if let (Some(schema), true, true) = (connect, strict, is_closed) {
            let is_missing = |name: &&str| {
                json.pointer(&format!("/properties/{}", escaped(name)))
                    .is_none()
            };
            let mut names = schema.fields().iter().map(|field| field.name.as_str());
            if let Some(missing) = names.find(is_missing) {
                return Err(ConnectError::data(format!(
                    "the schema has no property {missing}"
                )));
            }
        }
        Ok(connect.cloned().map(Box::new))
    }

    fn write(
        &self,
        writer: &Self::Writer,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        write::value(self.config()?, writer.as_deref(), value, out)
    }

    fn reader(
        &self,
        schema: &Resolved,
        version: Option<i32>,
    ) -> Result<Self::Reader, ConnectError> {
        let references = schema.references.iter();
        let references = references.map(|(name, text)| Ok((name.clone(), parse(text)?)));
        let references: Vec<(String, Json)> = references.collect::<Result<_, ConnectError>>()?;
        to_connect::connect_schema(self.config()?, &parse(&schema.text)?, &references, version)
    }

    fn record_name(&self, schema: &Resolved) -> Option<String> {
        title(&parse(&schema.text).ok()?)
    }

    fn read(&self, reader: &Self::Reader, payload: &[u8]) -> Result<Datum, ConnectError> {
        let json = Document::parse(payload)?;
        Ok(Datum {
            schema: Some(Arc::clone(reader)),
            value: read::value(reader, Some(&json))?,
        })
    }
}

fn parse(text: &str) -> Result<Json, ConnectError> {
    serde_json::from_str(text).map_err(|error| {
        ConnectError::data(format!("the JSON Schema cannot be read: {error}")).caused_by(error)
    })
}

fn title(json: &Json) -> Option<String> {
    json.get("title").and_then(Json::as_str).map(str::to_owned)
}

/// A name as a step of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The keys of JsonSchemaConverter.
pub(crate) fn definition() -> ConfigDef {
    JsonSchemaConfig::definition()
}
