//! Explode: a record for each element of a list.

use std::sync::Arc;

use millrace_api::config::{Config, ConfigEnum};
use millrace_api::{
    ConnectError, Datum, Field, Properties, Records, Schema, SchemaType, Side, Struct, Transform,
    Value,
};

use super::support::{
    Entries, SchemaCache, entry, put_entry, put_values, simple_class_of, type_name, with_fields,
};
use crate::converters::parse;

/// What becomes of a record whose list is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
pub(crate) enum Empty {
    /// It goes no further.
    #[default]
    Drop,
    /// It goes on with a null in the place of the list.
    Null,
}

/// What Explode needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ExplodeConfig {
    /// The field that holds the list, each element of which takes the list's place in a copy of the record; empty if
    /// the whole key or value is the list.
    #[config(name = "field", default = "", importance = high)]
    pub(crate) field: String,
    /// What becomes of a record whose list is empty: drop it, or let it go on with a null in the place of the list.
    #[config(name = "behavior.on.empty", default = "drop")]
    pub(crate) empty: Empty,
    /// The longest list. A record with a longer one fails, for all its copies are in memory at once.
    #[config(name = "max.elements", default = 10000, range(1..))]
    pub(crate) max: i32,
}

/// Makes several records of one.
#[derive(Debug)]
pub(crate) struct Explode {
    side: Side,
    field: String,
    empty: Empty,
    max: usize,
    schemas: SchemaCache,
}

impl Explode {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            field: String::new(),
            empty: Empty::default(),
            max: 0,
            schemas: SchemaCache::default(),
        }
    }

    /// The elements that take the list's place; none where there is no list to explode.
    fn elements(&self, value: &Value) -> Result<Option<Vec<Value>>, ConnectError> {
        let elements = match value {
            Value::Null => return Ok(None),
            Value::Array(elements) => elements,
            other => {
                return Err(ConnectError::data(format!(
                    "cannot explode a {}, which is no list",
                    simple_class_of(other)
                )));
            }
        };
        if elements.len() > self.max {
            return Err(ConnectError::data(format!(
                "cannot explode a list of {} elements: max.elements is {}",
                elements.len(),
                self.max
            )));
        }
        Ok(Some(match (elements.is_empty(), self.empty) {
            (true, Empty::Null) => vec![Value::Null],
            _ => elements.clone(),
        }))
    }

    fn whole(&self, datum: &Datum) -> Result<Option<Vec<Datum>>, ConnectError> {
        let Some(elements) = self.elements(&datum.value)? else {
            return Ok(None);
        };
        let schema = match &datum.schema {
            Some(schema) => Some(
                self.schemas
                    .get(schema, |schema| Ok((*self.element_schema(schema)?).clone()))?,
            ),
            None => None,
        };
        let datum = |value| Datum {
            schema: schema.clone(),
            value,
        };
        Ok(Some(elements.into_iter().map(datum).collect()))
    }

    /// The schema of a list's elements, which may be null where an empty list becomes one.
    fn element_schema(&self, list: &Schema) -> Result<Arc<Schema>, ConnectError> {
        match &list.ty {
            SchemaType::Array(Some(element)) if self.empty == Empty::Null => {
                Ok(Arc::new((**element).clone().optional()))
            }
            SchemaType::Array(Some(element)) => Ok(Arc::clone(element)),
            other => Err(ConnectError::data(format!(
                "cannot explode a {}, whose elements have no schema",
                type_name(other)
            ))),
        }
    }

    fn in_map(&self, entries: &Entries) -> Result<Option<Vec<Datum>>, ConnectError> {
        let list = entry(entries, &self.field).unwrap_or(&Value::Null);
        let Some(elements) = self.elements(list)? else {
            return Ok(None);
        };
        let mut rest = entries.clone();
        put_entry(&mut rest, &self.field, Value::Null);
        let datum = |element| {
            let mut entries = rest.clone();
            put_entry(&mut entries, &self.field, element);
            Datum::schemaless(Value::Map(entries))
        };
        Ok(Some(elements.into_iter().map(datum).collect()))
    }

    fn in_struct(
        &self,
        schema: &Arc<Schema>,
        value: &Struct,
    ) -> Result<Option<Vec<Datum>>, ConnectError> {
        let Some((_, field)) = schema.field(&self.field) else {
            return Ok(None);
        };
        let made = self.schemas.get(schema, |schema| {
            let element = Field {
                name: self.field.clone(),
                schema: self.element_schema(&field.schema)?,
            };
            with_fields(schema, &[element])
        })?;
        let Some(elements) = self.elements(value.get(&self.field)?)? else {
            return Ok(None);
        };
        let nothing = [(&self.field, Value::Null)];
        let rest = put_values(value.clone(), &made, nothing);
        let datum = |element| {
            let value = put_values(rest.clone(), &made, [(&self.field, element)]);
            Datum::new(Arc::clone(&made), Value::Struct(value))
        };
        Ok(Some(elements.into_iter().map(datum).collect()))
    }

    fn explode(&self, datum: &Datum) -> Result<Option<Vec<Datum>>, ConnectError> {
        if self.field.is_empty() {
            return self.whole(datum);
        }
        match (&datum.schema, &datum.value) {
            (_, Value::Null) => Ok(None),
            (None, Value::Map(entries)) => self.in_map(entries),
            (Some(schema), Value::Struct(value)) => self.in_struct(schema, value),
            (_, other) => Err(ConnectError::data(format!(
                "cannot look for the field {} in a {}, which has no fields",
                self.field,
                simple_class_of(other)
            ))),
        }
    }
}

impl Transform for Explode {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: ExplodeConfig = parse(settings)?;
        self.field = config.field;
        self.empty = config.empty;
        self.max = usize::try_from(config.max).unwrap_or(usize::MAX);
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.multiply(self.side, |datum| self.explode(datum));
    }
}
