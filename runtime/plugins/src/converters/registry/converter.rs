//! What the three registry converters have in common: subjects, ids, frames, and what is remembered.
//!
//! A frame is a zero byte, the schema's id (4 bytes, big-endian), and the payload. A null is no frame but null bytes.
//! Everything that a record needs of the registry is asked for once a schema and direction, and remembered: the steps
//! that write or read a record are built then, and records only walk through them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_api::{
    ConnectError, Converter, ConverterKind, Datum, Header, HeaderConverter, Properties, Schema,
    Value,
};

use super::client::{RegistryClient, prefix};
use super::config::RegistryConfig;
use super::memory::Memory;
use super::schema::{Registered, Resolved, SchemaFormat, SchemaText};
use super::subject::SubjectStrategy;

/// The first byte of a frame.
const MAGIC: u8 = 0;
/// Magic byte and id.
const FRAME_LEN: usize = 5;
/// The registry's own settings may be written with this prefix.
const NAMESPACE: &str = "schema.registry.";
/// Settings that become headers of each call.
const HEADERS: &str = "request.header.";

/// A way to write schemas and values: Avro, Protobuf or JSON Schema.
pub(crate) trait Format: Default + Send + Sync + fmt::Debug + 'static {
    /// What schemas are written in.
    const FORMAT: SchemaFormat;
    /// The steps that write values of one Connect schema with one registered schema.
    type Writer: Send + Sync + fmt::Debug;
    /// The steps that read values of one registered schema.
    type Reader: Send + Sync + fmt::Debug;

    /// Takes the settings; gives those of the registry.
    fn configure(&mut self, settings: &Properties) -> Result<RegistryConfig, ConnectError>;

    /// Whether a null under `schema` is written as a value, and not as null bytes.
    fn writes_null(&self, schema: Option<&Schema>) -> Result<bool, ConnectError>;

    /// The schema that values of a Connect schema are registered with, and its record's name.
    fn derive(&self, schema: Option<&Schema>)
    -> Result<(SchemaText, Option<String>), ConnectError>;

    /// The steps that write values of `connect` with a registered schema. `strict` refuses to leave fields out.
    fn writer(
        &self,
        connect: Option<&Schema>,
        target: &Resolved,
        strict: bool,
    ) -> Result<Self::Writer, ConnectError>;

    /// Appends a value's payload.
    fn write(
        &self,
        writer: &Self::Writer,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError>;

    /// The steps that read values of a registered schema, which is a `version` of its subject.
    fn reader(&self, schema: &Resolved, version: Option<i32>)
    -> Result<Self::Reader, ConnectError>;

    /// The name of a registered schema's record.
    fn record_name(&self, schema: &Resolved) -> Option<String>;

    /// The value of a payload.
    fn read(&self, reader: &Self::Reader, payload: &[u8]) -> Result<Datum, ConnectError>;
}

/// A converter that keeps its schemas in a registry.
pub(crate) struct RegistryConverter<F: Format> {
    format: F,
    kind: ConverterKind,
    registry: Option<Registry>,
    written: Mutex<Memory<WrittenKey, Arc<Written<F>>>>,
    read: Mutex<Memory<ReadKey, Arc<F::Reader>>>,
}

struct Registry {
    client: RegistryClient,
    config: RegistryConfig,
    strategy: SubjectStrategy,
}

struct Written<F: Format> {
    id: i32,
    writer: F::Writer,
}

/// A topic's schema; without a schema, values of all kinds are one.
struct WrittenKey {
    topic: Box<str>,
    schema: Option<Arc<Schema>>,
}

struct ReadKey {
    topic: Box<str>,
    id: i32,
}

impl<F: Format> Default for RegistryConverter<F> {
    fn default() -> Self {
        Self {
            format: F::default(),
            kind: ConverterKind::Value,
            registry: None,
            written: Mutex::default(),
            read: Mutex::default(),
        }
    }
}

impl<F: Format> RegistryConverter<F> {
    fn set_up(&mut self, settings: &Properties, kind: ConverterKind) -> Result<(), ConnectError> {
        let settings = without_namespace(settings);
        let config = self.format.configure(&settings)?;
        let class = match kind {
            ConverterKind::Key => &config.key_strategy,
            ConverterKind::Value | ConverterKind::Header => &config.value_strategy,
        };
        let size = usize::try_from(config.cache_size_too.unwrap_or(config.cache_size)).unwrap_or(1);
        let per_subject = usize::try_from(config.max_per_subject).unwrap_or(1);
        self.kind = kind;
        self.written = Mutex::new(Memory::new(size.min(per_subject)));
        self.read = Mutex::new(Memory::new(size));
        self.registry = Some(Registry {
            strategy: SubjectStrategy::from_class(class).unwrap_or_default(),
            client: RegistryClient::new(config.clone(), headers(&settings), kind)?,
            config,
        });
        Ok(())
    }

    fn registry(&self) -> Result<&Registry, ConnectError> {
        self.registry
            .as_ref()
            .ok_or_else(|| ConnectError::config("the converter is not configured"))
    }

    fn write(
        &self,
        topic: &str,
        schema: Option<&Arc<Schema>>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<bool, ConnectError> {
        let is_null = *value == Value::Null;
        if is_null && !self.format.writes_null(schema.map(AsRef::as_ref))? {
            return Ok(false);
        }
        let written = self.written(topic, schema)?;
        let start = out.len();
        out.push(MAGIC);
        out.extend_from_slice(&written.id.to_be_bytes());
        let outcome = self.format.write(&written.writer, value, out);
        if let Err(error) = outcome {
            out.truncate(start);
            return Err(self.explained(topic, "written", written.id, error));
        }
        Ok(true)
    }

    /// What writes values of `schema` to `topic`.
    fn written(
        &self,
        topic: &str,
        schema: Option<&Arc<Schema>>,
    ) -> Result<Arc<Written<F>>, ConnectError> {
        let known = self.lock_written().get(|key| key.is(topic, schema));
        if let Some(known) = known {
            return Ok(known);
        }
        let written = Arc::new(self.prepare(topic, schema.map(AsRef::as_ref))?);
        let key = WrittenKey {
            topic: topic.into(),
            schema: schema.cloned(),
        };
        self.lock_written().put(key, Arc::clone(&written));
        Ok(written)
    }

    fn lock_written(&self) -> std::sync::MutexGuard<'_, Memory<WrittenKey, Arc<Written<F>>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self, topic: &str, schema: Option<&Schema>) -> Result<Written<F>, ConnectError> {
        let Registry {
            client,
            config,
            strategy,
        } = self.registry()?;
        let (derived, name) = self.format.derive(schema)?;
        let subject = strategy.subject(topic, self.kind, name.as_deref())?;
        let (registered, strict) = if config.auto_register {
            let id = client.register(&subject, F::FORMAT, &derived)?;
            return self.written_with(schema, id, derived, true);
        } else if config.use_id >= 0 {
            (
                client.by_id(config.use_id, Some(&subject))?,
                config.id_strict,
            )
        } else if config.use_latest {
            (client.latest(&subject)?, config.latest_strict)
        } else {
            let id = client.look_up(&subject, F::FORMAT, &derived)?;
            return self.written_with(schema, id, derived, true);
        };
        self.check_format(&registered)?;
        self.written_with(schema, registered.id, registered.text, strict)
            .map_err(|error| {
                let prefix = prefix(self.kind);
                let key = if config.use_id >= 0 { "id" } else { "latest" };
                let text = format!(
                    "records do not fit the schema with id {} of subject {subject}: {error}; change the schema, or set {prefix}{key}.compatibility.strict=false to leave out what it does not have",
                    registered.id
                );
                ConnectError::data(text).caused_by(error)
            })
    }

    fn written_with(
        &self,
        schema: Option<&Schema>,
        id: i32,
        text: SchemaText,
        strict: bool,
    ) -> Result<Written<F>, ConnectError> {
        let target = Resolved {
            references: self.registry()?.client.referred(&text.references)?,
            text: text.text,
        };
        let writer = self.format.writer(schema, &target, strict)?;
        Ok(Written { id, writer })
    }

    fn check_format(&self, registered: &Registered) -> Result<(), ConnectError> {
        if registered.format == F::FORMAT.name() {
            return Ok(());
        }
        Err(ConnectError::data(format!(
            "the schema with id {} is {}, and the converter of {}class reads {}; choose the converter of that format",
            registered.id,
            registered.format,
            prefix(self.kind).trim_end_matches('.'),
            F::FORMAT.name()
        )))
    }

    fn read(&self, topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        let Some(bytes) = bytes else {
            return Ok(Datum::default());
        };
        let (id, payload) = self.frame(topic, bytes)?;
        let reader = self.reader(topic, id)?;
        self.format
            .read(&reader, payload)
            .map_err(|error| self.explained(topic, "read", id, error))
    }

    fn frame<'a>(&self, topic: &str, bytes: &'a [u8]) -> Result<(i32, &'a [u8]), ConnectError> {
        match bytes.split_first_chunk::<FRAME_LEN>() {
            Some((&[MAGIC, a, b, c, d], payload)) => {
                Ok((i32::from_be_bytes([a, b, c, d]), payload))
            }
            other => {
                let found = match (other, bytes.first()) {
                    (Some(_), Some(first)) => format!("it begins with byte {first:#04x}"),
                    (None, _) | (_, None) => format!("it has {} bytes", bytes.len()),
                };
                Err(ConnectError::data(format!(
                    "Unknown magic byte! the {} of a record of topic {topic} was not written with a schema registry: {found} where a zero byte and the 4 bytes of a schema id belong; choose the converter that it was written with",
                    self.part()
                )))
            }
        }
    }

    fn reader(&self, topic: &str, id: i32) -> Result<Arc<F::Reader>, ConnectError> {
        let is = |key: &ReadKey| key.id == id && *key.topic == *topic;
        let known = self.lock_read().get(is);
        if let Some(known) = known {
            return Ok(known);
        }
        let Registry {
            client, strategy, ..
        } = self.registry()?;
        let by_topic = match strategy.needs_name() {
            true => None,
            false => Some(strategy.subject(topic, self.kind, None)?),
        };
        let registered = client.by_id(id, by_topic.as_deref())?;
        self.check_format(&registered)?;
        let schema = Resolved {
            references: client.referred(&registered.text.references)?,
            text: registered.text.text,
        };
        let subject = match by_topic {
            Some(subject) => subject,
            None => {
                let name = self.format.record_name(&schema);
                strategy.subject(topic, self.kind, name.as_deref())?
            }
        };
        let version = client.version_of(id, &subject)?;
        let reader = self
            .format
            .reader(&schema, version)
            .map_err(|error| self.explained(topic, "read", id, error))?;
        let reader = Arc::new(reader);
        let key = ReadKey {
            topic: topic.into(),
            id,
        };
        self.lock_read().put(key, Arc::clone(&reader));
        Ok(reader)
    }

    fn lock_read(&self) -> std::sync::MutexGuard<'_, Memory<ReadKey, Arc<F::Reader>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self) -> &'static str {
        match self.kind {
            ConverterKind::Key => "key",
            ConverterKind::Value => "value",
            ConverterKind::Header => "header",
        }
    }

    fn explained(&self, topic: &str, done: &str, id: i32, error: ConnectError) -> ConnectError {
        let text = format!(
            "the {} of a record of topic {topic} cannot be {done} with the {} schema of id {id}: {error}",
            self.part(),
            F::FORMAT.name()
        );
        ConnectError::new(error.kind(), text).caused_by(error)
    }
}

impl WrittenKey {
    fn is(&self, topic: &str, schema: Option<&Arc<Schema>>) -> bool {
        let same = match (&self.schema, schema) {
            (Some(known), Some(schema)) => Arc::ptr_eq(known, schema) || known == schema,
            (known, schema) => known.is_none() && schema.is_none(),
        };
        same && *self.topic == *topic
    }
}

/// The settings, with those that were given below `schema.registry.` under their own names too.
fn without_namespace(settings: &Properties) -> Properties {
    let mut all = settings.clone();
    for (key, value) in settings {
        if let Some(bare) = key.strip_prefix(NAMESPACE)
            && !bare.starts_with("url")
            && !bare.starts_with("ssl.")
        {
            all.insert(bare.to_owned(), value.clone());
        }
    }
    all
}

fn headers(settings: &Properties) -> BTreeMap<String, String> {
    let own = settings.iter().filter_map(|(key, value)| {
        let name = key.strip_prefix(HEADERS)?;
        Some((name.to_owned(), value.clone()))
    });
    own.collect()
}

impl<F: Format> Converter for RegistryConverter<F> {
    fn configure(
        &mut self,
        settings: &Properties,
        kind: ConverterKind,
    ) -> Result<(), ConnectError> {
        self.set_up(settings, kind)
    }

    fn encode(&self, topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        self.write(topic, datum.schema.as_ref(), &datum.value, out)
    }

    fn decode(&self, topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        self.read(topic, bytes)
    }
}

impl<F: Format> HeaderConverter for RegistryConverter<F> {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.set_up(settings, ConverterKind::Header)
    }

    fn encode(&self, topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        let mut out = Vec::new();
        Ok(self
            .write(topic, header.schema.as_ref(), &header.value, &mut out)?
            .then_some(out))
    }

    fn decode(&self, topic: &str, _: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        self.read(topic, bytes)
    }
}

impl<F: Format> fmt::Debug for RegistryConverter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryConverter")
            .field("format", &self.format)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
