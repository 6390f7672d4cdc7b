//! TimestampConverter: points in time as text, number or one of Connect's own types.

mod kind;

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{
    ConnectError, Datum, Needs, Properties, Records, Schema, SchemaType, Side, Struct, Transform,
    Value,
};

use self::kind::{Clockwork, Kind, Precision};
use super::dates::DateFormat;
use super::support::{
    SchemaCache, apply_defaults, basics, copied, entry, map_of, put_entry, struct_of,
};
use crate::converters::parse;

const PURPOSE: &str = "converting timestamp formats";

/// What TimestampConverter needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct TimestampConverterConfig {
    /// The field that holds the time; empty if the whole key or value is one.
    #[config(name = "field", default = "", importance = high)]
    pub(crate) field: String,
    /// The form that the time shall have: string, unix, Date, Time or Timestamp.
    #[config(name = "target.type", importance = high)]
    pub(crate) target: Kind,
    /// The form of a time that is a string, in Java's pattern letters; both to read and to write it.
    #[config(name = "format", default = "")]
    pub(crate) format: String,
    /// The unit of a time that is a number; both to read and to write it. What is finer than a millisecond is cut.
    #[config(name = "unix.precision", default = "milliseconds", importance = low)]
    pub(crate) precision: Precision,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
}

/// Converts times.
#[derive(Debug)]
pub(crate) struct TimestampConverter {
    side: Side,
    field: String,
    target: Kind,
    clockwork: Clockwork,
    replace_null: bool,
    schemas: SchemaCache,
}

impl TimestampConverter {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            field: String::new(),
            target: Kind::Timestamp,
            clockwork: Clockwork::default(),
            replace_null: true,
            schemas: SchemaCache::default(),
        }
    }

    fn change(&self, datum: &mut Datum) -> Result<(), ConnectError> {
        let value = std::mem::take(&mut datum.value);
        match datum.schema.clone() {
            None => datum.value = self.schemaless(value)?,
            Some(schema) if self.field.is_empty() => {
                datum.value = self.convert(value, Kind::of_schema(&schema)?)?;
                datum.schema = Some(self.target.schema(schema.optional));
            }
            Some(schema) => *datum = self.in_struct(&schema, value)?,
        }
        Ok(())
    }

    fn schemaless(&self, value: Value) -> Result<Value, ConnectError> {
        if value == Value::Null || self.field.is_empty() {
            return self.infer(value);
        }
        let mut entries = map_of(value, PURPOSE)?;
        let old = entry(&entries, &self.field).cloned().unwrap_or_default();
        put_entry(&mut entries, &self.field, self.infer(old)?);
        Ok(Value::Map(entries))
    }

    fn infer(&self, value: Value) -> Result<Value, ConnectError> {
        match value {
            Value::Null => Ok(Value::Null),
            value => {
                let from = Kind::of_value(&value)?;
                self.convert(value, from)
            }
        }
    }

    fn in_struct(&self, schema: &Arc<Schema>, value: Value) -> Result<Datum, ConnectError> {
        let made = self.schemas.get(schema, |schema| self.schema(schema))?;
        if value == Value::Null {
            return Ok(Datum::new(made, Value::Null));
        }
        let value = self.convert_struct(struct_of(value, PURPOSE)?, &made)?;
        Ok(Datum::new(made, Value::Struct(value)))
    }

    fn convert_struct(&self, value: Struct, made: &Arc<Schema>) -> Result<Struct, ConnectError> {
        let from = Arc::clone(value.schema());
        let mut values = value.into_values();
        apply_defaults(&from, &mut values, self.replace_null);
        for (field, value) in from.fields().iter().zip(&mut values) {
            let old = std::mem::take(value);
            let new = match field.name == self.field {
                true => self.convert(old, Kind::of_schema(&field.schema)?)?,
                false => old,
            };
            *value = copied(&field.name, &field.schema, new)?;
        }
        Ok(Struct::from_values(Arc::clone(made), values))
    }

    fn schema(&self, schema: &Schema) -> Result<Schema, ConnectError> {
        let mut fields = schema.fields().to_vec();
        for field in fields.iter_mut().filter(|field| field.name == self.field) {
            field.schema = self.target.schema(field.schema.optional);
        }
        let made = Schema {
            optional: schema.optional,
            ..basics(schema, SchemaType::Struct(fields))
        };
        let default = match schema.default.clone() {
            Some(Value::Struct(default)) => {
                let default = self.convert_struct(default, &Arc::new(made.clone()))?;
                Some(Value::Struct(default))
            }
            _ => None,
        };
        Ok(Schema { default, ..made })
    }

    fn convert(&self, value: Value, from: Kind) -> Result<Value, ConnectError> {
        if value == Value::Null {
            return Ok(value);
        }
        let ms = self.clockwork.read(&value, from)?;
        Ok(self.clockwork.write(ms, self.target))
    }
}

impl Transform for TimestampConverter {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: TimestampConverterConfig = parse(settings)?;
        let has_format = !config.format.trim().is_empty();
        if config.target == Kind::String && !has_format {
            return Err(ConnectError::config(
                "TimestampConverter requires format option to be specified when using string timestamps",
            ));
        }
        let format = has_format.then(|| DateFormat::new(&config.format));
        let format = format.transpose().map_err(|why| {
            let text = "TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps";
            ConnectError::config(format!("{text}: {}", config.format)).caused_by(why)
        })?;
        self.clockwork = Clockwork {
            format,
            precision: config.precision,
        };
        self.field = config.field;
        self.target = config.target;
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::only(self.side), |mut record| {
            self.change(record.side(self.side))
        });
    }
}
