//! HeaderFrom: fields of the key or value as headers.

use std::sync::Arc;

use millrace_api::config::{Config, ConfigEnum};
use millrace_api::{
    ConnectError, Datum, Header, Headers, Needs, Properties, Records, Schema, SchemaType, Side,
    Struct, Transform, Value,
};

use super::support::{
    SchemaCache, apply_defaults, basics, copied, entry, map_of, not_empty, purpose_of, struct_of,
};
use crate::converters::parse;

/// Whether fields stay where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
pub(crate) enum Operation {
    /// The fields go.
    Move,
    /// The fields stay.
    #[default]
    Copy,
}

/// What HeaderFrom needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct HeaderFromConfig {
    /// The fields that become headers.
    #[config(name = "fields", importance = high, validator = not_empty)]
    pub(crate) fields: Vec<String>,
    /// The names of the headers, in the order of the fields.
    #[config(name = "headers", importance = high, validator = not_empty)]
    pub(crate) headers: Vec<String>,
    /// Whether the fields go from the key or value (move) or stay there as well (copy).
    #[config(name = "operation", importance = high)]
    pub(crate) operation: Operation,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
}

/// Makes headers of fields.
#[derive(Debug)]
pub(crate) struct HeaderFrom {
    side: Side,
    /// Fields with the names of their headers.
    pairs: Vec<(String, String)>,
    operation: Operation,
    purpose: String,
    replace_null: bool,
    schemas: SchemaCache,
}

impl HeaderFrom {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            pairs: Vec::new(),
            operation: Operation::default(),
            purpose: String::new(),
            replace_null: true,
            schemas: SchemaCache::default(),
        }
    }

    fn is_moved(&self, field: &str) -> bool {
        self.operation == Operation::Move && self.pairs.iter().any(|(name, _)| name == field)
    }

    fn change(&self, datum: &mut Datum, headers: &mut Headers) -> Result<(), ConnectError> {
        let value = std::mem::take(&mut datum.value);
        match datum.schema.clone() {
            None => self.schemaless(datum, value, headers),
            Some(schema) => self.with_schema(datum, &schema, value, headers),
        }
    }

    fn schemaless(
        &self,
        datum: &mut Datum,
        value: Value,
        headers: &mut Headers,
    ) -> Result<(), ConnectError> {
        let mut entries = map_of(value, &self.purpose)?;
        for (field, name) in &self.pairs {
            headers.push(Header {
                name: name.clone(),
                schema: None,
                value: entry(&entries, field).cloned().unwrap_or_default(),
            });
        }
        entries.retain(|(key, _)| !matches!(key, Value::String(key) if self.is_moved(key)));
        datum.value = Value::Map(entries);
        Ok(())
    }

    fn with_schema(
        &self,
        datum: &mut Datum,
        schema: &Arc<Schema>,
        value: Value,
        headers: &mut Headers,
    ) -> Result<(), ConnectError> {
        let value = struct_of(value, &self.purpose)?;
        for (field, name) in &self.pairs {
            let Some((_, found)) = schema.field(field) else {
                return Err(ConnectError::data(format!(
                    "cannot make header {name} of the field {field}, which the record does not have"
                )));
            };
            let value = match self.replace_null {
                true => value.get(field)?,
                false => value.get_without_default(field)?,
            };
            if *value == Value::Null && !found.schema.optional {
                return Err(ConnectError::data(format!(
                    "cannot make header {name} of the required field {field}, which is null"
                )));
            }
            headers.push(Header {
                name: name.clone(),
                schema: Some(Arc::clone(&found.schema)),
                value: value.clone(),
            });
        }
        if self.operation == Operation::Copy {
            datum.value = Value::Struct(value);
            return Ok(());
        }
        let made = self.schemas.get(schema, |schema| {
            let mut fields = schema.fields().to_vec();
            fields.retain(|field| !self.is_moved(&field.name));
            Ok(basics(schema, SchemaType::Struct(fields)))
        })?;
        let from = Arc::clone(value.schema());
        let mut values = value.into_values();
        apply_defaults(&from, &mut values, self.replace_null);
        let kept = from.fields().iter().zip(values);
        let kept = kept.filter(|(field, _)| !self.is_moved(&field.name));
        let kept = kept.map(|(field, value)| copied(&field.name, &field.schema, value));
        let values = kept.collect::<Result<_, _>>()?;
        datum.value = Value::Struct(Struct::from_values(Arc::clone(&made), values));
        datum.schema = Some(made);
        Ok(())
    }
}

impl Transform for HeaderFrom {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: HeaderFromConfig = parse(settings)?;
        if config.fields.len() != config.headers.len() {
            return Err(ConnectError::config(
                "'fields' config must have the same number of elements as 'headers' config.",
            ));
        }
        self.pairs = config.fields.into_iter().zip(config.headers).collect();
        self.operation = config.operation;
        self.purpose = purpose_of(match config.operation {
            Operation::Move => "move",
            Operation::Copy => "copy",
        });
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::with_headers(self.side), |mut record| {
            let mut headers = std::mem::take(record.headers);
            let changed = self.change(record.side(self.side), &mut headers);
            *record.headers = headers;
            changed
        });
    }
}
