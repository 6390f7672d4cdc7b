//! ProtobufConverter: values as Protocol Buffers messages, their .proto texts in a registry.
//!
//! The payload begins with the path to the message in its text: the number of steps and each step, zigzag numbers all,
//! or a single zero for the first message. Texts are read by a parser of its own, since what a converter needs of them is
//! a fraction of the language, and messages straight into Connect's values.

mod config;
mod from_connect;
mod lexer;
mod logical;
mod model;
mod parser;
mod read;
mod to_connect;
mod well_known;
mod wire;
mod write;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use millrace_api::config::{Config, ConfigDef};
use millrace_api::{ConnectError, Datum, Properties, Schema, Value};

use self::config::ProtobufConfig;
use self::model::Model;
use self::to_connect::{Root, connect_schema};
use self::wire::{Input, put_varint, zigzag};
use self::write::{Kind, Planner};
use super::registry::{Format, RegistryConfig, Resolved, SchemaFormat, SchemaText};

/// The path to a message has no more steps than this.
const PATH_MAX: i64 = 100;

/// Protocol Buffers.
#[derive(Debug, Default)]
pub(crate) struct Protobuf {
    config: Option<ProtobufConfig>,
}

impl Protobuf {
    fn config(&self) -> Result<&ProtobufConfig, ConnectError> {
        self.config
            .as_ref()
            .ok_or_else(|| ConnectError::config("the converter is not configured"))
    }
}

/// How values of a registered schema are read: its messages, those that were met with their steps.
#[derive(Debug)]
pub(crate) struct ProtobufReader {
    model: Model,
    version: Option<i32>,
    met: Mutex<Vec<(Vec<i32>, Arc<Root>)>>,
}

/// How values of a Connect schema are written.
#[derive(Debug)]
pub(crate) struct ProtobufWriter {
    /// The path to the message, as it is written.
    path: Vec<u8>,
    root: Kind,
}

impl Format for Protobuf {
    const FORMAT: SchemaFormat = SchemaFormat::Protobuf;
    type Writer = ProtobufWriter;
    type Reader = ProtobufReader;

    fn configure(&mut self, settings: &Properties) -> Result<RegistryConfig, ConnectError> {
        let config: ProtobufConfig = super::parse(settings)?;
        let registry = config.registry.clone();
        self.config = Some(config);
        Ok(registry)
    }

    fn writes_null(&self, _: Option<&Schema>) -> Result<bool, ConnectError> {
        Ok(false)
    }

    fn derive(
        &self,
        schema: Option<&Schema>,
    ) -> Result<(SchemaText, Option<String>), ConnectError> {
        let (text, name) = from_connect::proto_text(self.config()?, known(schema)?)?;
        Ok((SchemaText::alone(text), Some(name)))
    }

    fn writer(
        &self,
        connect: Option<&Schema>,
        target: &Resolved,
        strict: bool,
    ) -> Result<Self::Writer, ConnectError> {
        let schema = known(connect)?;
        let config = self.config()?;
        let (_, name) = from_connect::proto_text(config, schema)?;
        let model = Model::parse(&target.text, &target.references)?;
        let (message, steps) = model.path_to(&name);
        if model.messages.get(message).is_none() {
            return Err(ConnectError::data("the Protobuf schema has no message"));
        }
        let planner = Planner {
            config,
            model: &model,
            strict,
        };
        Ok(ProtobufWriter {
            path: path(&steps),
            root: planner.root(schema, message)?,
        })
    }

    fn write(
        &self,
        writer: &Self::Writer,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        out.extend_from_slice(&writer.path);
        writer.root.root(value, out)
    }

    fn reader(
        &self,
        schema: &Resolved,
        version: Option<i32>,
    ) -> Result<Self::Reader, ConnectError> {
        Ok(ProtobufReader {
            model: Model::parse(&schema.text, &schema.references)?,
            version,
            met: Mutex::default(),
        })
    }

    fn record_name(&self, schema: &Resolved) -> Option<String> {
        let model = Model::parse(&schema.text, &schema.references).ok()?;
        let first = model.roots.first()?;
        Some(model.messages[*first].full_name.clone())
    }

    fn read(&self, reader: &Self::Reader, payload: &[u8]) -> Result<Datum, ConnectError> {
        let mut input = Input(payload);
        let steps = steps(&mut input)?;
        let root = reader.root(self.config()?, &steps)?;
        Ok(match &*root {
            Root::Message(message) => {
                Datum::new(Arc::clone(&message.schema), message.value(input.0)?)
            }
            Root::Wrapped(schema, kind) => Datum::new(Arc::clone(schema), kind.unwrapped(input.0)?),
        })
    }
}

impl ProtobufReader {
    fn root(&self, config: &ProtobufConfig, steps: &[i32]) -> Result<Arc<Root>, ConnectError> {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, root)) = met.iter().find(|(known, _)| known == steps) {
            return Ok(Arc::clone(root));
        }
        let message = self.model.at(steps)?;
        let root = Arc::new(connect_schema(config, &self.model, message, self.version)?);
        met.push((steps.to_vec(), Arc::clone(&root)));
        Ok(root)
    }
}

fn known(schema: Option<&Schema>) -> Result<&Schema, ConnectError> {
    schema.ok_or_else(|| {
        ConnectError::data(
            "a value without a schema has no Protobuf schema; give records one (JsonConverter with schemas.enable=true reads one), or write them with JsonConverter",
        )
    })
}

/// The path to a message, as it is written.
fn path(steps: &[i32]) -> Vec<u8> {
    let mut out = Vec::new();
    if steps == [0] {
        return vec![0];
    }
    put_varint(
        zigzag(i64::try_from(steps.len()).unwrap_or(PATH_MAX)),
        &mut out,
    );
    for step in steps {
        put_varint(zigzag((*step).into()), &mut out);
    }
    out
}

fn steps(input: &mut Input<'_>) -> Result<Vec<i32>, ConnectError> {
    let count = input.zigzag()?;
    if count == 0 {
        return Ok(vec![0]);
    }
    if !(0..=PATH_MAX).contains(&count) {
        return Err(ConnectError::data(format!(
            "the path to a message has {count} steps"
        )));
    }
    let step = |_| {
        let step = input.zigzag()?;
        i32::try_from(step).map_err(|_| ConnectError::data("a step to a message is out of range"))
    };
    (0..count).map(step).collect()
}

/// The keys of ProtobufConverter.
pub(crate) fn definition() -> ConfigDef {
    ProtobufConfig::definition()
}
