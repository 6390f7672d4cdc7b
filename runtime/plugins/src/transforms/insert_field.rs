//! InsertField: what is known of a record, and a fixed text, as fields of its key or value.

use std::sync::{Arc, LazyLock};

use millrace_api::config::Config;
use millrace_api::{
    ConnectError, Datum, Field, Needs, Properties, RecordMut, Records, Schema, SchemaType, Side,
    Struct, Transform, Value,
};

use super::support::{SchemaCache, apply_defaults, basics, copied, map_of, put_entry, struct_of};
use crate::converters::parse;

const PURPOSE: &str = "field insertion";

/// What InsertField needs to know. A name may end in `!` for a required field, or in `?` for an optional one.
#[derive(Debug, Clone, Config)]
pub(crate) struct InsertFieldConfig {
    /// The field for the topic. A name that ends in ! makes a required field, one that ends in ? or in neither an
    /// optional one.
    #[config(name = "topic.field")]
    pub(crate) topic: Option<String>,
    /// The field for the partition, required or optional as with topic.field.
    #[config(name = "partition.field")]
    pub(crate) partition: Option<String>,
    /// The field for the offset, of sinks only; required or optional as with topic.field.
    #[config(name = "offset.field")]
    pub(crate) offset: Option<String>,
    /// The field for the timestamp, required or optional as with topic.field.
    #[config(name = "timestamp.field")]
    pub(crate) timestamp: Option<String>,
    /// The field for a fixed text, required or optional as with topic.field.
    #[config(name = "static.field")]
    pub(crate) static_field: Option<String>,
    /// The fixed text.
    #[config(name = "static.value")]
    pub(crate) static_value: Option<String>,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
}

#[derive(Debug)]
enum Source {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Static(String),
}

#[derive(Debug)]
struct Inserted {
    name: String,
    optional: bool,
    source: Source,
}

/// Adds fields.
#[derive(Debug)]
pub(crate) struct InsertField {
    side: Side,
    inserted: Vec<Inserted>,
    replace_null: bool,
    schemas: SchemaCache,
}

impl InsertField {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            inserted: Vec::new(),
            replace_null: true,
            schemas: SchemaCache::default(),
        }
    }

    fn change(&self, mut record: RecordMut<'_>) -> Result<(), ConnectError> {
        let datum = std::mem::take(record.side(self.side));
        if datum.value == Value::Null {
            *record.side(self.side) = datum;
            return Ok(());
        }
        let changed = match datum.schema {
            None => {
                let mut entries = map_of(datum.value, PURPOSE)?;
                entries.reserve(self.inserted.len());
                for inserted in &self.inserted {
                    match inserted.source.value(&record)? {
                        Value::Null => {}
                        Value::Timestamp(ms) => {
                            put_entry(&mut entries, &inserted.name, Value::Int64(ms));
                        }
                        value => put_entry(&mut entries, &inserted.name, value),
                    }
                }
                Datum::schemaless(Value::Map(entries))
            }
            Some(schema) => {
                let made = self.schemas.get(&schema, |schema| self.schema(schema))?;
                let old = struct_of(datum.value, PURPOSE)?;
                let from = Arc::clone(old.schema());
                let mut values = old.into_values();
                apply_defaults(&from, &mut values, self.replace_null);
                for (field, value) in from.fields().iter().zip(&mut values) {
                    *value = copied(&field.name, &field.schema, std::mem::take(value))?;
                }
                for inserted in &self.inserted {
                    values.push(inserted.source.value(&record)?);
                }
                let value = Struct::from_values(Arc::clone(&made), values);
                Datum::new(made, Value::Struct(value))
            }
        };
        *record.side(self.side) = changed;
        Ok(())
    }

    fn schema(&self, schema: &Schema) -> Result<Schema, ConnectError> {
        let mut fields = schema.fields().to_vec();
        fields.extend(self.inserted.iter().map(|inserted| Field {
            name: inserted.name.clone(),
            schema: inserted.source.schema(inserted.optional),
        }));
        Ok(basics(schema, Schema::structure(fields)?.ty))
    }
}

impl Source {
    /// The value to insert; null for what the record does not have.
    fn value(&self, record: &RecordMut<'_>) -> Result<Value, ConnectError> {
        Ok(match self {
            Self::Topic => Value::String(record.topic.to_string()),
            Self::Partition => record.partition.map_or(Value::Null, Value::Int32),
            Self::Offset => Value::Int64(record.offset.ok_or_else(|| {
                ConnectError::data(
                    "Only SinkRecord supported for [field insertion], found: org.apache.kafka.connect.source.SourceRecord",
                )
            })?),
            Self::Timestamp => record.timestamp.map_or(Value::Null, Value::Timestamp),
            Self::Static(text) => Value::String(text.clone()),
        })
    }

    fn schema(&self, optional: bool) -> Arc<Schema> {
        static SCHEMAS: LazyLock<[[Arc<Schema>; 2]; 4]> = LazyLock::new(|| {
            [
                Schema::new(SchemaType::String),
                Schema::new(SchemaType::Int32),
                Schema::new(SchemaType::Int64),
                Schema::timestamp(),
            ]
            .map(|schema| [Arc::new(schema.clone()), Arc::new(schema.optional())])
        });
        let index = match self {
            Self::Topic | Self::Static(_) => 0,
            Self::Partition => 1,
            Self::Offset => 2,
            Self::Timestamp => 3,
        };
        Arc::clone(&SCHEMAS[index][usize::from(optional)])
    }
}

impl Transform for InsertField {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: InsertFieldConfig = parse(settings)?;
        let text = match (&config.static_field, config.static_value) {
            (Some(field), None) => {
                return Err(ConnectError::config(format!(
                    "No value specified for static field: {field}"
                )));
            }
            (_, text) => text.unwrap_or_default(),
        };
        let fields = [
            (config.topic, Source::Topic),
            (config.partition, Source::Partition),
            (config.offset, Source::Offset),
            (config.timestamp, Source::Timestamp),
            (config.static_field, Source::Static(text)),
        ];
        let inserted = fields
            .into_iter()
            .filter_map(|(field, source)| Some(named(&field?, source)));
        self.inserted = inserted.collect();
        if self.inserted.is_empty() {
            return Err(ConnectError::config("No field insertion configured"));
        }
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::only(self.side), |record| self.change(record));
    }
}

fn named(field: &str, source: Source) -> Inserted {
    let (name, optional) = match field.strip_suffix('!') {
        Some(name) => (name, false),
        None => (field.strip_suffix('?').unwrap_or(field), true),
    };
    Inserted {
        name: name.to_owned(),
        optional,
        source,
    }
}
