//! MaskField: fields without their contents.

use std::sync::Arc;

use bigdecimal::{BigDecimal, ToPrimitive};
use millrace_api::config::{Config, Value as Given};
use millrace_api::{
    ConnectError, Datum, Needs, Properties, Records, Side, Struct, Transform, Value,
};

use super::support::{
    apply_defaults, class_of, copied, entry, map_of, not_empty, put_entry, struct_of,
};
use crate::converters::parse;

const PURPOSE: &str = "mask fields";

/// What MaskField needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct MaskFieldConfig {
    /// The fields to mask.
    #[config(name = "fields", importance = high, validator = not_empty)]
    pub(crate) fields: Vec<String>,
    /// What all of them hold afterwards; only for numbers and strings. Without it they hold 0, an empty string and the
    /// like.
    #[config(name = "replacement", importance = low, validator = not_blank)]
    pub(crate) replacement: Option<String>,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
}

fn not_blank(_key: &str, value: &Given) -> Result<(), String> {
    match value.as_str() {
        Some("") => Err("String must be non-empty".to_owned()),
        _ => Ok(()),
    }
}

/// Masks fields.
#[derive(Debug)]
pub(crate) struct MaskField {
    side: Side,
    fields: Vec<String>,
    replacement: Option<String>,
    replace_null: bool,
}

impl MaskField {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            fields: Vec::new(),
            replacement: None,
            replace_null: true,
        }
    }

    fn change(&self, datum: &mut Datum) -> Result<(), ConnectError> {
        let value = std::mem::take(&mut datum.value);
        if datum.schema.is_none() {
            let mut entries = map_of(value, PURPOSE)?;
            for field in &self.fields {
                let old = entry(&entries, field).cloned().unwrap_or_default();
                put_entry(&mut entries, field, self.mask(old)?);
            }
            datum.value = Value::Map(entries);
            return Ok(());
        }
        let value = struct_of(value, PURPOSE)?;
        let schema = Arc::clone(value.schema());
        let mut values = value.into_values();
        apply_defaults(&schema, &mut values, self.replace_null);
        for (field, value) in schema.fields().iter().zip(&mut values) {
            let old = std::mem::take(value);
            let new = match self.fields.contains(&field.name) {
                true => self.mask(old)?,
                false => old,
            };
            *value = copied(&field.name, &field.schema, new)?;
        }
        datum.value = Value::Struct(Struct::from_values(schema, values));
        Ok(())
    }

    fn mask(&self, value: Value) -> Result<Value, ConnectError> {
        match (&self.replacement, value) {
            (_, Value::Null) => Ok(Value::Null),
            (None, value) => emptied(&value),
            (Some(replacement), value) => replaced(&value, replacement),
        }
    }
}

/// The value of the same class that says least.
fn emptied(value: &Value) -> Result<Value, ConnectError> {
    Ok(match value {
        Value::Int8(_) => Value::Int8(0),
        Value::Int16(_) => Value::Int16(0),
        Value::Int32(_) => Value::Int32(0),
        Value::Int64(_) => Value::Int64(0),
        Value::Float32(_) => Value::Float32(0.0),
        Value::Float64(_) => Value::Float64(0.0),
        Value::Boolean(_) => Value::Boolean(false),
        Value::String(_) => Value::String(String::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Map(_) => Value::Map(Vec::new()),
        Value::Decimal(_) => Value::Decimal(BigDecimal::from(0)),
        Value::Date(_) => Value::Date(0),
        Value::Time(_) => Value::Time(0),
        Value::Timestamp(_) => Value::Timestamp(0),
        Value::Null | Value::Bytes(_) | Value::Struct(_) => {
            let class = class_of(value);
            return Err(ConnectError::data(format!(
                "Cannot mask value of type: {class}"
            )));
        }
    })
}

/// The replacement as a value of the same class; integers keep their low bits.
fn replaced(value: &Value, replacement: &str) -> Result<Value, ConnectError> {
    let number = || {
        let parsed: Result<BigDecimal, _> = replacement.parse();
        parsed.map_err(|_| {
            ConnectError::data(format!(
                "Unable to convert {replacement} (class java.lang.String) to a number"
            ))
        })
    };
    let long = || number().map(|number| number.with_scale(0).to_i64().unwrap_or(0));
    Ok(match value {
        Value::Int8(_) => Value::Int8(long()? as i8),
        Value::Int16(_) => Value::Int16(long()? as i16),
        Value::Int32(_) => Value::Int32(long()? as i32),
        Value::Int64(_) => Value::Int64(long()?),
        Value::Float32(_) => Value::Float32(number()?.to_f32().unwrap_or_default()),
        Value::Float64(_) => Value::Float64(number()?.to_f64().unwrap_or_default()),
        Value::String(_) => Value::String(replacement.to_owned()),
        Value::Decimal(_) => Value::Decimal(number()?),
        other => {
            let class = class_of(other);
            return Err(ConnectError::data(format!(
                "Cannot mask value of type {class} with custom replacement."
            )));
        }
    })
}

impl Transform for MaskField {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: MaskFieldConfig = parse(settings)?;
        self.fields = config.fields;
        self.replacement = config.replacement;
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::only(self.side), |mut record| {
            self.change(record.side(self.side))
        });
    }
}
