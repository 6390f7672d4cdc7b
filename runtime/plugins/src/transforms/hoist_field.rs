//! HoistField: the key or value as the one field of a new struct or map.

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{
    ConnectError, Field, Needs, Properties, Records, Schema, Side, Struct, Transform, Value,
};

use super::support::{SchemaCache, copied};
use crate::converters::parse;

/// What HoistField needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct HoistFieldConfig {
    /// The name of the only field of the new struct or map.
    #[config(name = "field")]
    pub(crate) field: String,
}

/// Wraps keys or values.
#[derive(Debug)]
pub(crate) struct HoistField {
    side: Side,
    field: String,
    schemas: SchemaCache,
}

impl HoistField {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            field: String::new(),
            schemas: SchemaCache::default(),
        }
    }
}

impl Transform for HoistField {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.field = parse::<HoistFieldConfig>(settings)?.field;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::only(self.side), |mut record| {
            let datum = record.side(self.side);
            let value = std::mem::take(&mut datum.value);
            let Some(schema) = &datum.schema else {
                datum.value = Value::Map(vec![(Value::String(self.field.clone()), value)]);
                return Ok(());
            };
            let inner = Arc::clone(schema);
            let made = self.schemas.get(schema, |_| {
                Schema::structure(vec![Field {
                    name: self.field.clone(),
                    schema: Arc::clone(&inner),
                }])
            })?;
            let value = copied(&self.field, &inner, value)?;
            datum.value = Value::Struct(Struct::from_values(Arc::clone(&made), vec![value]));
            datum.schema = Some(made);
            Ok(())
        });
    }
}
