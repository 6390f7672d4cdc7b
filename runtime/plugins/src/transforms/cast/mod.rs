//! Cast: fields, or the whole key or value, in another primitive type.

mod convert;

use millrace_api::config::{Config, Value as Given};
use millrace_api::{
    ConnectError, Datum, Properties, Records, Schema, SchemaType, Side, Struct, Transform, Value,
};

use self::convert::{Target, cast};
use super::support::{
    SchemaCache, apply_defaults, basics, copied, each_present, entry, map_of, put_entry, struct_of,
};
use crate::converters::parse;

const PURPOSE: &str = "cast types";

/// What Cast needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct CastConfig {
    /// Fields of a struct or map with the type of each, as field1:type,field2:type; or one type for the whole key or
    /// value. Types are int8, int16, int32, int64, float32, float64, boolean and string; bytes become strings only.
    #[config(name = "spec", importance = high, validator = is_spec)]
    pub(crate) spec: Vec<String>,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
}

/// Casts fields or whole keys or values.
#[derive(Debug)]
pub(crate) struct Cast {
    side: Side,
    spec: Spec,
    replace_null: bool,
    schemas: SchemaCache,
}

#[derive(Debug)]
enum Spec {
    Whole(Target),
    Fields(Vec<(String, Target)>),
}

impl Cast {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            spec: Spec::Fields(Vec::new()),
            replace_null: true,
            schemas: SchemaCache::default(),
        }
    }

    fn change(&self, datum: &mut Datum) -> Result<(), ConnectError> {
        let value = std::mem::take(&mut datum.value);
        match (&datum.schema, &self.spec) {
            (None, Spec::Whole(target)) => datum.value = cast(None, value, *target)?,
            (None, Spec::Fields(casts)) => {
                let mut entries = map_of(value, PURPOSE)?;
                for (field, target) in casts {
                    let old = entry(&entries, field).cloned().unwrap_or_default();
                    put_entry(&mut entries, field, cast(None, old, *target)?);
                }
                datum.value = Value::Map(entries);
            }
            (Some(schema), Spec::Whole(target)) => {
                let made = self.schemas.get(schema, |schema| whole(schema, *target))?;
                datum.value = cast(Some(schema), value, *target)?;
                datum.schema = Some(made);
            }
            (Some(schema), Spec::Fields(casts)) => {
                let made = self
                    .schemas
                    .get(schema, |schema| of_fields(schema, casts))?;
                let old = struct_of(value, PURPOSE)?;
                let from = std::sync::Arc::clone(old.schema());
                let mut values = old.into_values();
                apply_defaults(&from, &mut values, self.replace_null);
                for (field, value) in from.fields().iter().zip(&mut values) {
                    let old = std::mem::take(value);
                    *value = match target_of(casts, &field.name) {
                        Some(target) => cast(Some(&field.schema), old, target)?,
                        None => old,
                    };
                    *value = copied(&field.name, &field.schema, std::mem::take(value))?;
                }
                datum.value =
                    Value::Struct(Struct::from_values(std::sync::Arc::clone(&made), values));
                datum.schema = Some(made);
            }
        }
        Ok(())
    }
}

impl Transform for Cast {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: CastConfig = parse(settings)?;
        self.spec = spec(&config.spec).map_err(ConnectError::config)?;
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        each_present(records, self.side, |datum| self.change(datum));
    }
}

fn target_of(casts: &[(String, Target)], field: &str) -> Option<Target> {
    let found = casts.iter().find(|(name, _)| name == field);
    found.map(|(_, target)| *target)
}

fn whole(schema: &Schema, target: Target) -> Result<Schema, ConnectError> {
    Ok(Schema {
        optional: schema.optional,
        default: cast_default(schema, target)?,
        ..basics(schema, target.schema_type())
    })
}

fn of_fields(schema: &Schema, casts: &[(String, Target)]) -> Result<Schema, ConnectError> {
    let mut fields = schema.fields().to_vec();
    for field in &mut fields {
        if let Some(target) = target_of(casts, &field.name) {
            let old = &field.schema;
            field.schema = std::sync::Arc::new(Schema {
                optional: old.optional,
                default: cast_default(old, target)?,
                ..Schema::new(target.schema_type())
            });
        }
    }
    if let Some(default) = &schema.default {
        // Java casts the default as a whole, which no struct survives.
        cast(Some(schema), default.clone(), Target::String)?;
    }
    Ok(Schema {
        optional: schema.optional,
        ..basics(schema, SchemaType::Struct(fields))
    })
}

fn cast_default(schema: &Schema, target: Target) -> Result<Option<Value>, ConnectError> {
    let default = schema.default.clone();
    default
        .map(|default| cast(Some(schema), default, target))
        .transpose()
}

fn is_spec(_key: &str, value: &Given) -> Result<(), String> {
    spec(value.as_list().unwrap_or_default()).map(|_| ())
}

fn spec(items: &[String]) -> Result<Spec, String> {
    let mut casts: Vec<(String, Target)> = Vec::new();
    let mut whole = None;
    for item in items {
        match item.trim_end_matches(':').split(':').collect::<Vec<_>>()[..] {
            [name] => whole = Some(Target::named(name)?),
            [field, name] => {
                let (field, target) = (field.trim(), Target::named(name)?);
                casts.retain(|(known, _)| known != field);
                casts.push((field.to_owned(), target));
            }
            _ => return Err(format!("Invalid rename mapping: {item}")),
        }
    }
    match whole {
        _ if items.is_empty() => Err("Must specify at least one field to cast.".to_owned()),
        Some(_) if items.len() > 1 => Err(
            "Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec"
                .to_owned(),
        ),
        Some(target) => Ok(Spec::Whole(target)),
        None => Ok(Spec::Fields(casts)),
    }
}
