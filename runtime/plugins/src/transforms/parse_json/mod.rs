//! ParseJson: the JSON text in a field, or in the whole key or value, becomes what it says.

mod infer;

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{
    ConnectError, Datum, Field, Needs, Properties, Records, Side, Transform, Value,
};

use self::infer::{infer, under};
use super::support::{
    SharedSchemas, Unreadable, part, put_entry, put_values, text_of, with_fields,
};
use crate::converters::{parse, parse_json};

/// What ParseJson needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ParseJsonConfig {
    /// The field that holds the text; empty if the whole key or value is the text.
    #[config(name = "field", default = "", importance = high)]
    pub(crate) field: String,
    /// The field that gets what was read; the one that held the text if empty.
    #[config(name = "target.field", default = "")]
    pub(crate) target: String,
    /// Whether a whole key or value gets a schema, told from what was read. A field of a struct always does.
    #[config(name = "schemas.enable", default = false)]
    pub(crate) schemas: bool,
    /// What becomes of a record whose text is no JSON: fail it, keep it as it is, or drop it.
    #[config(name = "behavior.on.malformed", default = "fail")]
    pub(crate) malformed: Unreadable,
}

/// Reads JSON.
#[derive(Debug)]
pub(crate) struct ParseJson {
    side: Side,
    field: String,
    target: String,
    schemas: bool,
    malformed: Unreadable,
    made: SharedSchemas,
}

impl ParseJson {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            field: String::new(),
            target: String::new(),
            schemas: false,
            malformed: Unreadable::default(),
            made: SharedSchemas::default(),
        }
    }

    /// What the text says, none where there is no text.
    fn read(&self, datum: &Datum) -> Result<Option<Value>, ConnectError> {
        match text_of(part(datum, &self.field)?)? {
            Some(text) => parse_json(&text).map(Some),
            None => Ok(None),
        }
    }

    fn put(&self, datum: &mut Datum, value: Value) -> Result<(), ConnectError> {
        if self.field.is_empty() && self.target.is_empty() {
            *datum = match self.schemas {
                false => Datum::schemaless(value),
                true => {
                    let schema = self.made.share(infer(&value)?);
                    let value = under(&schema, value);
                    Datum::new(schema, value)
                }
            };
            return Ok(());
        }
        match &mut datum.value {
            Value::Map(entries) => put_entry(entries, &self.target, value),
            Value::Struct(old) => {
                let added = Field {
                    name: self.target.clone(),
                    schema: Arc::new(infer(&value)?),
                };
                let made = self.made.share(with_fields(old.schema(), &[added])?);
                let value = match made.field(&self.target) {
                    Some((_, field)) => under(&field.schema, value),
                    None => value,
                };
                let new = put_values(old.clone(), &made, [(&self.target, value)]);
                *datum = Datum::new(made, Value::Struct(new));
            }
            _ => {}
        }
        Ok(())
    }

    fn change(&self, datum: &mut Datum) -> Result<bool, ConnectError> {
        let read = match self.read(datum) {
            Ok(Some(value)) => self.put(datum, value),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        read.map_or_else(|error| self.malformed.settle(error), |()| Ok(true))
    }
}

impl Transform for ParseJson {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: ParseJsonConfig = parse(settings)?;
        if config.field.is_empty() && !config.target.is_empty() {
            return Err(ConnectError::config(
                "target.field needs a field to be read: set field, or leave target.field out",
            ));
        }
        self.target = match config.target.is_empty() {
            true => config.field.clone(),
            false => config.target,
        };
        self.field = config.field;
        self.schemas = config.schemas;
        self.malformed = config.malformed;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each_kept(Needs::only(self.side), |mut record| {
            self.change(record.side(self.side))
        });
    }
}
