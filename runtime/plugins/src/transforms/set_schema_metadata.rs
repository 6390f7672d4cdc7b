//! SetSchemaMetadata: another name or version for the schema.

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{
    ConnectError, Datum, Needs, Properties, Records, Schema, Side, Struct, Transform, Value,
};

use super::support::{SchemaCache, apply_defaults, copied};
use crate::converters::parse;

/// What SetSchemaMetadata needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct SetSchemaMetadataConfig {
    /// The new name of the schema.
    #[config(name = "schema.name", importance = high)]
    pub(crate) name: Option<String>,
    /// The new version of the schema.
    #[config(name = "schema.version", importance = high)]
    pub(crate) version: Option<i32>,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
}

/// Names schemas.
#[derive(Debug)]
pub(crate) struct SetSchemaMetadata {
    side: Side,
    name: Option<String>,
    version: Option<i32>,
    replace_null: bool,
    schemas: SchemaCache,
}

impl SetSchemaMetadata {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            name: None,
            version: None,
            replace_null: true,
            schemas: SchemaCache::default(),
        }
    }

    fn change(&self, datum: &mut Datum) -> Result<(), ConnectError> {
        let Some(schema) = &datum.schema else {
            return match datum.value {
                Value::Null => Ok(()),
                _ => Err(ConnectError::data(
                    "Schema required for [updating schema metadata]",
                )),
            };
        };
        let made = self.schemas.get(schema, |schema| {
            Ok(Schema {
                name: self.name.clone().or_else(|| schema.name.clone()),
                version: self.version.or(schema.version),
                ..schema.clone()
            })
        })?;
        datum.value = match std::mem::take(&mut datum.value) {
            Value::Struct(value) => {
                let mut values = value.into_values();
                apply_defaults(&made, &mut values, self.replace_null);
                for (field, value) in made.fields().iter().zip(&mut values) {
                    *value = copied(&field.name, &field.schema, std::mem::take(value))?;
                }
                Value::Struct(Struct::from_values(Arc::clone(&made), values))
            }
            value => value,
        };
        datum.schema = Some(made);
        Ok(())
    }
}

impl Transform for SetSchemaMetadata {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: SetSchemaMetadataConfig = parse(settings)?;
        if config.name.is_none() && config.version.is_none() {
            return Err(ConnectError::config(
                "Neither schema name nor version configured",
            ));
        }
        self.name = config.name;
        self.version = config.version;
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::only(self.side), |mut record| {
            self.change(record.side(self.side))
        });
    }
}
