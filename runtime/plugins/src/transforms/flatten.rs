//! Flatten: the fields of nested structs or maps at the top, under names joined by a delimiter.

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{
    ConnectError, Datum, Field, Properties, Records, Schema, SchemaType, Side, Struct, Transform,
    Value,
};

use super::support::{
    Entries, SchemaCache, basics, class_of, copied, each_present, map_of, put_entry, struct_of,
    type_name,
};
use crate::converters::parse;

const PURPOSE: &str = "flattening";

/// What Flatten needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct FlattenConfig {
    /// What stands between the names of a field and of the fields around it.
    #[config(name = "delimiter", default = ".")]
    pub(crate) delimiter: String,
}

/// Takes nested fields to the top.
#[derive(Debug)]
pub(crate) struct Flatten {
    side: Side,
    delimiter: String,
    schemas: SchemaCache,
}

impl Flatten {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            delimiter: ".".to_owned(),
            schemas: SchemaCache::default(),
        }
    }

    fn change(&self, datum: &mut Datum) -> Result<(), ConnectError> {
        let value = std::mem::take(&mut datum.value);
        if datum.schema.is_none() {
            let mut flat = Entries::new();
            self.map(map_of(value, PURPOSE)?, "", &mut flat)?;
            datum.value = Value::Map(flat);
            return Ok(());
        }
        let value = struct_of(value, PURPOSE)?;
        let made = self.schemas.get(value.schema(), |schema| {
            let mut fields = Vec::new();
            let default = match &schema.default {
                Some(Value::Struct(default)) => Some(default),
                _ => None,
            };
            self.fields(schema, "", schema.optional, default, &mut fields)?;
            Ok(basics(schema, Schema::structure(fields)?.ty))
        })?;
        let mut values = Vec::with_capacity(made.fields().len());
        self.values(&value, &made, &mut values)?;
        datum.value = Value::Struct(Struct::from_values(Arc::clone(&made), values));
        datum.schema = Some(made);
        Ok(())
    }

    fn name(&self, prefix: &str, name: &str) -> String {
        match prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}{}{name}", self.delimiter),
        }
    }

    fn map(&self, entries: Entries, prefix: &str, flat: &mut Entries) -> Result<(), ConnectError> {
        for (key, value) in entries {
            let Value::String(key) = key else {
                return Err(ConnectError::data(format!(
                    "Flatten transformation does not support {} as the name of a field",
                    class_of(&key)
                )));
            };
            let name = self.name(prefix, &key);
            match value {
                Value::Map(nested) => self.map(nested, &name, flat)?,
                Value::Struct(_) => {
                    return Err(ConnectError::data(format!(
                        "Flatten transformation does not support {} for record without schemas (for field {name}).",
                        class_of(&value)
                    )));
                }
                Value::Decimal(_) | Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => {
                    return Err(ConnectError::data(format!(
                        "Flatten transformation was passed a value of type {} which is not supported by Connect's data API",
                        class_of(&value)
                    )));
                }
                value => put_entry(flat, &name, value),
            }
        }
        Ok(())
    }

    /// The fields of a flat schema. A leaf is optional if anything around it is; a default comes from the leaf or from
    /// the nearest default around it.
    fn fields(
        &self,
        schema: &Schema,
        prefix: &str,
        optional: bool,
        outer: Option<&Struct>,
        flat: &mut Vec<Field>,
    ) -> Result<(), ConnectError> {
        for field in schema.fields() {
            let name = self.name(prefix, &field.name);
            let optional = optional || field.schema.optional;
            let outer = match outer {
                Some(outer) => Some(outer.get(&field.name)?).filter(|value| **value != Value::Null),
                None => None,
            };
            let default = field.schema.default.as_ref().or(outer);
            match (&field.schema.ty, default) {
                (SchemaType::Struct(_), Some(Value::Struct(default))) => {
                    self.fields(&field.schema, &name, optional, Some(default), flat)?;
                }
                (SchemaType::Struct(_), _) => {
                    self.fields(&field.schema, &name, optional, None, flat)?;
                }
                (ty @ SchemaType::Map(..), _) => {
                    return Err(ConnectError::data(format!(
                        "Flatten transformation does not support {} for record with schemas (for field {name}).",
                        type_name(ty)
                    )));
                }
                (_, default) => {
                    let schema = Schema {
                        optional,
                        default: default.cloned(),
                        ..basics(&field.schema, field.schema.ty.clone())
                    };
                    flat.push(Field {
                        name,
                        schema: Arc::new(schema),
                    });
                }
            }
        }
        Ok(())
    }

    fn values(
        &self,
        value: &Struct,
        made: &Schema,
        flat: &mut Vec<Value>,
    ) -> Result<(), ConnectError> {
        for field in value.schema().fields() {
            let inner = value.get(&field.name)?;
            match (&field.schema.ty, inner) {
                (SchemaType::Struct(_), Value::Struct(inner)) => self.values(inner, made, flat)?,
                // The leaves of a struct that is not there stay unset.
                (SchemaType::Struct(_), _) => {
                    flat.resize(flat.len() + leaves(&field.schema), Value::Null);
                }
                (_, inner) => {
                    let field = made.fields().get(flat.len());
                    let (name, schema) = field
                        .map(|field| (field.name.as_str(), field.schema.as_ref()))
                        .ok_or_else(|| {
                            ConnectError::data("a struct has more fields than its schema")
                        })?;
                    flat.push(copied(name, schema, inner.clone())?);
                }
            }
        }
        Ok(())
    }
}

fn leaves(schema: &Schema) -> usize {
    let count = |field: &Field| match field.schema.ty {
        SchemaType::Struct(_) => leaves(&field.schema),
        _ => 1,
    };
    schema.fields().iter().map(count).sum()
}

impl Transform for Flatten {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.delimiter = parse::<FlattenConfig>(settings)?.delimiter;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        each_present(records, self.side, |datum| self.change(datum));
    }
}
