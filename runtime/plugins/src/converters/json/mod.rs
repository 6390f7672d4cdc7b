//! JsonConverter: values as JSON, with their schema in an envelope or bare (contract connectors-transforms, section
//! 2.2).
//!
//! Text is written straight into the output and read by a parser that keeps numbers as they stand, because Java's
//! rules for them (64-bit integers that wrap, decimals of any size) need every digit.

mod auto;
mod document;
mod logical;
mod plain;
mod read;
mod schema;
mod schemaless;
mod write;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_api::config::{Config, ConfigEnum};
use millrace_api::{
    Column, ConnectError, Converter, ConverterKind, Datum, Header, HeaderConverter, Properties,
    Schema, Value,
};

pub(crate) use self::document::Document;
pub(crate) use self::logical::{decimal_bytes, decimal_from_bytes};
pub(crate) use self::read::{Reader, last_of_each};
pub(crate) use self::write::{Writer, string as write_string};

/// How decimals are written; both forms are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum DecimalFormat {
    /// Base64 of the unscaled number.
    #[default]
    #[config(name = "BASE64")]
    Base64,
    /// A JSON number.
    #[config(name = "NUMERIC")]
    Numeric,
}

/// Where the schema of a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Schemas {
    /// In an envelope with the value.
    #[default]
    #[config(name = "true")]
    Envelope,
    /// Nowhere.
    #[config(name = "false")]
    None,
    /// Written where there is one; read as each text has it.
    #[config(name = "auto")]
    Auto,
}

/// What JsonConverter needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct JsonConverterConfig {
    /// Whether values are wrapped in an envelope with their schema: true, false, or auto, which reads both and says in the
    /// log what it saw.
    #[config(name = "schemas.enable", default = "true", importance = high, group = "Schemas", order = 0, width = medium, display = "Enable Schemas")]
    pub(crate) schemas_enable: Schemas,
    /// How many schemas are remembered in each direction.
    #[config(name = "schemas.cache.size", default = 1000, importance = high, group = "Schemas", order = 1, width = medium, display = "Schema Cache Size")]
    pub(crate) schemas_cache_size: i32,
    /// How decimals are written: BASE64 or NUMERIC.
    #[config(name = "decimal.format", default = "BASE64", importance = low, group = "Serialization", order = 0, width = medium, display = "Decimal Format")]
    pub(crate) decimal_format: DecimalFormat,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true, importance = low, group = "Serialization", order = 1, width = medium, display = "Replace null with default")]
    pub(crate) replace_null_with_default: bool,
}

/// The value of a JSON text without a schema, as the converter reads it without an envelope; nothing may follow.
pub(crate) fn parse_json(text: &str) -> Result<Value, ConnectError> {
    let reader = read::Reader {
        replace_null_with_default: false,
    };
    reader.value(None, &Document::parse_all(text)?)
}

/// Writes and reads values as JSON.
pub struct JsonConverter {
    schemas: Schemas,
    kind: ConverterKind,
    sightings: auto::Sightings,
    decimal_format: DecimalFormat,
    replace_null_with_default: bool,
    cache_size: usize,
    room: schemaless::Room,
    read_schemas: Mutex<HashMap<Box<str>, Option<Arc<Schema>>>>,
    written_schemas: Mutex<Vec<(Arc<Schema>, Arc<str>)>>,
}

impl Default for JsonConverter {
    fn default() -> Self {
        Self {
            schemas: Schemas::default(),
            kind: ConverterKind::Value,
            sightings: auto::Sightings::default(),
            decimal_format: DecimalFormat::default(),
            replace_null_with_default: true,
            cache_size: 1000,
            room: schemaless::Room::default(),
            read_schemas: Mutex::default(),
            written_schemas: Mutex::default(),
        }
    }
}

/// Schemas looked for one after the other; a converter meets few.
const WRITTEN_MAX: usize = 16;

impl JsonConverter {
    fn set_up(&mut self, settings: &Properties, kind: ConverterKind) -> Result<(), ConnectError> {
        let config: JsonConverterConfig = super::parse(settings)?;
        self.schemas = config.schemas_enable;
        self.kind = kind;
        self.decimal_format = config.decimal_format;
        self.replace_null_with_default = config.replace_null_with_default;
        self.cache_size = usize::try_from(config.schemas_cache_size).unwrap_or(0);
        Ok(())
    }

    fn writer<'a>(&self, out: &'a mut Vec<u8>) -> write::Writer<'a> {
        write::Writer {
            out,
            decimal_format: self.decimal_format,
            replace_null_with_default: self.replace_null_with_default,
        }
    }

    fn write(
        &self,
        schema: Option<&Arc<Schema>>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<bool, ConnectError> {
        if schema.is_none() && *value == Value::Null {
            return Ok(false);
        }
        let start = out.len();
        let written = self.in_envelope(schema, out, |out| {
            self.writer(out).value(schema.map(AsRef::as_ref), value)
        });
        if written.is_err() {
            out.truncate(start);
        }
        written.map(|()| true)
    }

    fn in_envelope(
        &self,
        schema: Option<&Arc<Schema>>,
        out: &mut Vec<u8>,
        payload: impl FnOnce(&mut Vec<u8>) -> Result<(), ConnectError>,
    ) -> Result<(), ConnectError> {
        let is_bare = match self.schemas {
            Schemas::Envelope => false,
            Schemas::None => true,
            Schemas::Auto => schema.is_none(),
        };
        if is_bare {
            return payload(out);
        }
        out.extend_from_slice(b"{\"schema\":");
        match schema {
            Some(schema) => out.extend_from_slice(self.schema_text(schema)?.as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"payload\":");
        payload(out)?;
        out.push(b'}');
        Ok(())
    }

    /// The JSON of a schema, written once for each schema object.
    fn schema_text(&self, schema: &Arc<Schema>) -> Result<Arc<str>, ConnectError> {
        let mut known = self
            .written_schemas
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = known.iter().find(|(known, _)| Arc::ptr_eq(known, schema)) {
            return Ok(Arc::clone(text));
        }
        let mut out = Vec::new();
        schema::write(&mut self.writer(&mut out), schema, None)?;
        let text: Arc<str> = String::from_utf8(out)
            .map_err(|error| ConnectError::data("cannot write a schema as JSON").caused_by(error))?
            .into();
        if known.len() >= WRITTEN_MAX.min(self.cache_size.max(1)) {
            known.remove(0);
        }
        known.push((Arc::clone(schema), Arc::clone(&text)));
        Ok(text)
    }

    fn read(&self, topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        let Some(bytes) = bytes else {
            return Ok(Datum::default());
        };
        let enveloped = match self.schemas {
            Schemas::Envelope => Some(document::envelope(bytes)?),
            Schemas::None => None,
            Schemas::Auto => self.look(topic, bytes)?,
        };
        let Some((schema, payload)) = enveloped else {
            if bytes.is_empty() {
                return Ok(Datum::default());
            }
            return schemaless::read(bytes, &self.room).map(Datum::schemaless);
        };
        let reader = read::Reader {
            replace_null_with_default: self.replace_null_with_default,
        };
        let schema = self.schema_of(&reader, schema)?;
        let value = reader.value(schema.as_ref(), &payload)?;
        Ok(Datum { schema, value })
    }

    /// The parts of an envelope, if the text is one; says what it saw.
    fn look<'a>(
        &self,
        topic: &str,
        bytes: &'a [u8],
    ) -> Result<Option<(&'a str, Document<'a>)>, ConnectError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let part = auto::part(self.kind);
        if let Some(found) = auto::envelope(bytes) {
            self.sightings.note(topic, part, auto::Form::Envelope);
            return Ok(Some(found));
        }
        Document::parse(bytes).map_err(|error| auto::unreadable(topic, part, bytes, error))?;
        self.sightings.note(topic, part, auto::Form::Bare);
        Ok(None)
    }

    fn schema_of(
        &self,
        reader: &read::Reader,
        text: &str,
    ) -> Result<Option<Arc<Schema>>, ConnectError> {
        if let Some(schema) = self
            .read_schemas
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(text)
        {
            return Ok(schema.clone());
        }
        let schema = schema::read(reader, &Document::parse(text.as_bytes())?)?;
        let mut known = self
            .read_schemas
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.cache_size {
            known.clear();
        }
        known.insert(text.into(), schema.clone());
        Ok(schema)
    }
}

impl Converter for JsonConverter {
    fn configure(
        &mut self,
        settings: &Properties,
        kind: ConverterKind,
    ) -> Result<(), ConnectError> {
        self.set_up(settings, kind)
    }

    fn encode(&self, _topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        self.write(datum.schema.as_ref(), &datum.value, out)
    }

    fn encode_text(
        &self,
        _topic: &str,
        column: &Column,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<bool, ConnectError> {
        self.in_envelope(column.schema(), out, |out| {
            write::string(out, text);
            Ok(())
        })?;
        Ok(true)
    }

    fn decode(&self, topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        self.read(topic, bytes)
    }
}

impl HeaderConverter for JsonConverter {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.set_up(settings, ConverterKind::Header)
    }

    fn encode(&self, _topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        let mut out = Vec::new();
        Ok(self
            .write(header.schema.as_ref(), &header.value, &mut out)?
            .then_some(out))
    }

    fn decode(
        &self,
        topic: &str,
        _name: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Datum, ConnectError> {
        self.read(topic, bytes)
    }
}

impl fmt::Debug for JsonConverter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonConverter")
            .field("schemas", &self.schemas)
            .finish_non_exhaustive()
    }
}
