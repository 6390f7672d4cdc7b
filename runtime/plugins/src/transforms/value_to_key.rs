//! ValueToKey: fields of the value as the new key.

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{
    ConnectError, Datum, Field, Needs, Properties, Records, Schema, Struct, Transform, Value,
};

use super::support::{SchemaCache, copied, entry, not_empty, simple_class_of};
use crate::converters::parse;

const PURPOSE: &str = "copying fields from value to key";

/// What ValueToKey needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ValueToKeyConfig {
    /// The fields of the value that the key is made of, in this order.
    #[config(name = "fields", importance = high, validator = not_empty)]
    pub(crate) fields: Vec<String>,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
}

/// Makes keys.
#[derive(Debug, Default)]
pub(crate) struct ValueToKey {
    fields: Vec<String>,
    replace_null: bool,
    schemas: SchemaCache,
}

impl ValueToKey {
    fn key(&self, value: &Datum) -> Result<Datum, ConnectError> {
        let Some(schema) = &value.schema else {
            return self.schemaless(&value.value);
        };
        let Value::Struct(value) = &value.value else {
            return Err(refused("Only Struct objects supported for", &value.value));
        };
        let made = self.schemas.get(schema, |schema| {
            let field = |name: &String| match schema.field(name) {
                Some((_, field)) => Ok(field.clone()),
                None => Err(ConnectError::data(format!("Field does not exist: {name}"))),
            };
            let fields: Vec<Field> = self.fields.iter().map(field).collect::<Result<_, _>>()?;
            Schema::structure(fields)
        })?;
        let mut values = Vec::with_capacity(self.fields.len());
        for field in made.fields() {
            let stored = match self.replace_null {
                true => value.get(&field.name)?,
                false => value.get_without_default(&field.name)?,
            };
            values.push(copied(&field.name, &field.schema, stored.clone())?);
        }
        let key = Struct::from_values(Arc::clone(&made), values);
        Ok(Datum::new(made, Value::Struct(key)))
    }

    fn schemaless(&self, value: &Value) -> Result<Datum, ConnectError> {
        let Value::Map(entries) = value else {
            return Err(refused(
                "Only Map objects supported in absence of schema for",
                value,
            ));
        };
        let field = |name: &String| {
            let value = entry(entries, name).cloned().unwrap_or_default();
            (Value::String(name.clone()), value)
        };
        let key = self.fields.iter().map(field).collect();
        Ok(Datum::schemaless(Value::Map(key)))
    }
}

fn refused(what: &str, found: &Value) -> ConnectError {
    let found = simple_class_of(found);
    ConnectError::data(format!("{what} [{PURPOSE}], found: {found}"))
}

impl Transform for ValueToKey {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: ValueToKeyConfig = parse(settings)?;
        self.fields = config.fields;
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::KEY_AND_VALUE, |record| {
            *record.key = self.key(record.value)?;
            Ok(())
        });
    }
}
