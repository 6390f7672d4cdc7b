//! ExtractField: one field in the place of the struct or map that it stands in.

use millrace_api::config::Config;
use millrace_api::{
    ConnectError, Datum, ErrorKind, Needs, Properties, Records, Side, Transform, Value,
};

use super::support::{FieldPath, FieldSyntax, map_of, struct_of};
use crate::converters::parse;

const PURPOSE: &str = "field extraction";

/// What ExtractField needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ExtractFieldConfig {
    /// The field to extract.
    #[config(name = "field")]
    pub(crate) field: String,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
    /// How the field is named. V1: a field of the struct or map itself. V2: dots lead to nested fields; a name with
    /// dots of its own stands between backticks, as in `a.b`.c.
    #[config(name = "field.syntax.version", default = "V1", importance = high)]
    pub(crate) syntax: FieldSyntax,
}

/// Replaces a key or value by one of its fields.
#[derive(Debug)]
pub(crate) struct ExtractField {
    side: Side,
    name: String,
    path: FieldPath,
    replace_null: bool,
}

impl ExtractField {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            name: String::new(),
            path: FieldPath::default(),
            replace_null: true,
        }
    }

    fn change(&self, datum: &mut Datum) -> Result<(), ConnectError> {
        let value = std::mem::take(&mut datum.value);
        let Some(schema) = datum.schema.take() else {
            if value != Value::Null {
                datum.value = self.path.in_map(&map_of(value, PURPOSE)?)?;
            }
            return Ok(());
        };
        let value = match value {
            Value::Null => None,
            value => Some(struct_of(value, PURPOSE)?),
        };
        let schema = self.path.schema(&schema)?.ok_or_else(|| {
            let text = format!("Unknown field: {}", self.name);
            ConnectError::new(ErrorKind::Argument, text)
        })?;
        let extracted = match value {
            None => Value::Null,
            Some(value) => self.path.in_struct(&value, self.replace_null)?,
        };
        *datum = Datum::new(schema, extracted);
        Ok(())
    }
}

impl Transform for ExtractField {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: ExtractFieldConfig = parse(settings)?;
        self.path = FieldPath::parse(&config.field, config.syntax)?;
        self.name = config.field;
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::only(self.side), |mut record| {
            self.change(record.side(self.side))
        });
    }
}
