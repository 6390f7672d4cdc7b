//! Values of Connect's data model, owned. Only a step that asks for contents builds them.

use std::sync::Arc;

use bigdecimal::BigDecimal;
use bytes::Bytes;

use crate::{ConnectError, Schema};

/// One value, with or without a schema.
///
/// Logical values keep their own variants, as Java's runtime classes do: a date is not the integer that encodes it.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// INT8.
    Int8(i8),
    /// INT16.
    Int16(i16),
    /// INT32.
    Int32(i32),
    /// INT64.
    Int64(i64),
    /// FLOAT32.
    Float32(f32),
    /// FLOAT64.
    Float64(f64),
    /// BOOLEAN.
    Boolean(bool),
    /// STRING.
    String(String),
    /// BYTES.
    Bytes(Bytes),
    /// ARRAY.
    Array(Vec<Value>),
    /// MAP; entries in the order they came.
    Map(Vec<(Value, Value)>),
    /// STRUCT.
    Struct(Struct),
    /// Decimal, an exact number with a scale.
    Decimal(BigDecimal),
    /// Date: days since 1970-01-01.
    Date(i32),
    /// Time: milliseconds of the day, 0 to 86,400,000.
    Time(i32),
    /// Timestamp: milliseconds since the epoch.
    Timestamp(i64),
}

/// A value and the schema it comes with.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Datum {
    /// The schema; none for a schemaless value.
    pub schema: Option<Arc<Schema>>,
    /// The value.
    pub value: Value,
}

impl Datum {
    /// A value with a schema.
    pub fn new(schema: Arc<Schema>, value: Value) -> Self {
        Self {
            schema: Some(schema),
            value,
        }
    }

    /// A value without a schema.
    pub fn schemaless(value: Value) -> Self {
        Self {
            schema: None,
            value,
        }
    }
}

/// A struct: a schema and one value a field, in the schema's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    schema: Arc<Schema>,
    values: Vec<Value>,
}

impl Struct {
    /// A struct of `schema` whose fields are all unset.
    pub fn new(schema: Arc<Schema>) -> Self {
        let values = vec![Value::Null; schema.fields().len()];
        Self { schema, values }
    }

    /// A struct of `schema` with the values of its fields, in order; values that are missing are unset.
    pub fn from_values(schema: Arc<Schema>, mut values: Vec<Value>) -> Self {
        values.resize(schema.fields().len(), Value::Null);
        Self { schema, values }
    }

    /// The stored values, in the order of the fields; defaults are not applied.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The stored values, in the order of the fields.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// The struct's schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Fields and their stored values, in order; defaults are not applied.
    pub fn iter(&self) -> impl Iterator<Item = (&crate::Field, &Value)> {
        self.schema.fields().iter().zip(&self.values)
    }

    /// The value of `field`, or the field's default where it is null and has one.
    ///
    /// # Errors
    /// When the schema has no such field.
    pub fn get(&self, field: &str) -> Result<&Value, ConnectError> {
        let (index, definition) = self.lookup(field)?;
        match (&self.values[index], &definition.schema.default) {
            (Value::Null, Some(default)) => Ok(default),
            (value, _) => Ok(value),
        }
    }

    /// The stored value of `field`, without its default.
    ///
    /// # Errors
    /// When the schema has no such field.
    pub fn get_without_default(&self, field: &str) -> Result<&Value, ConnectError> {
        let (index, _) = self.lookup(field)?;
        Ok(&self.values[index])
    }

    /// Sets `field`.
    ///
    /// # Errors
    /// When the schema has no such field, or null is put into a required one (unset it instead).
    pub fn put(&mut self, field: &str, value: Value) -> Result<(), ConnectError> {
        let (index, definition) = self.lookup(field)?;
        if value == Value::Null && !definition.schema.optional {
            return Err(ConnectError::data(format!(
                "Invalid value: null used for required field: \"{field}\", schema type: {:?}",
                definition.schema.ty
            )));
        }
        self.values[index] = value;
        Ok(())
    }

    fn lookup(&self, field: &str) -> Result<(usize, &crate::Field), ConnectError> {
        self.schema
            .field(field)
            .ok_or_else(|| ConnectError::data(format!("{field} is not a valid field name")))
    }
}
