//! What a preview shows: records as they are between two steps, and what each step has made of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::{Cell, Datum, Header, RecordView, Schema, SchemaType, Side, Value};
use serde::Serialize;
use serde_json::{Value as Json, json};

/// The most records that are shown of one step: a step may make many of one.
const SHOWN_MAX: usize = 100;

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// The connector's name.
    pub connector: String,
    /// `source` or `sink`.
    pub kind: &'static str,
    /// Why no more was read: `records`, `bytes`, `time` or `end`.
    pub ended: &'static str,
    /// The records that were read.
    pub records: Vec<Trace>,
}

/// The way of one record.
#[derive(Debug, Clone, Serialize)]
pub struct Trace {
    /// Where it was found: a source partition and the offset behind it, or topic, partition and offset.
    pub origin: Json,
    /// What became of it: `sent`, `delivered`, `dropped` or `failed`.
    pub outcome: &'static str,
    /// The steps, in order.
    pub steps: Vec<StepShown>,
}

/// What one step has made of a record.
#[derive(Debug, Clone, Serialize)]
pub struct StepShown {
    /// `read`, `transform` or `convert`.
    pub step: &'static str,
    /// A transform's alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The class of a transform, or of the converter that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// `read`, `changed`, `unchanged`, `skipped` (its predicate did not choose the record), `dropped` or `failed`.
    pub outcome: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorShown>,
    /// The records before the step.
    pub before: Vec<RecordShown>,
    /// The records behind it.
    pub after: Vec<RecordShown>,
    /// How many further records the step has made, which are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_shown: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Why a step failed.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorShown {
    /// The stage by Kafka Connect's name, such as `VALUE_CONVERTER`.
    pub stage: &'static str,
    /// Java's class of the error.
    pub class: String,
    /// What went wrong.
    pub message: String,
}

/// A record between two steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordShown {
    /// The topic it goes to or comes from.
    pub topic: String,
    /// The partition, if it has one already.
    pub partition: Option<i32>,
    /// Milliseconds since the epoch, if it has a time.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: DatumShown,
    /// The value.
    pub value: DatumShown,
    /// The headers, in order.
    pub headers: Vec<HeaderShown>,
}

/// A value with its schema.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatumShown {
    /// The schema in short; none for a schemaless value.
    pub schema: Option<String>,
    /// The value. Bytes that are text are shown as text, others as `{"base64": …}`.
    pub value: Json,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeaderShown {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(flatten)]
    pub datum: DatumShown,
}

impl DatumShown {
    pub(super) fn new(datum: &Datum) -> Self {
        Self {
            schema: datum.schema.as_deref().map(schema_text),
            value: json_of(&datum.value),
        }
    }

    /// Bytes as they are in a topic.
    pub(super) fn raw(bytes: Option<&[u8]>) -> Self {
        Self {
            schema: None,
            value: bytes.map_or(Json::Null, bytes_json),
        }
    }
}

impl HeaderShown {
    pub(super) fn new(header: &Header) -> Self {
        let datum = Datum {
            schema: header.schema.clone(),
            value: header.value.clone(),
        };
        Self {
            name: header.name.clone(),
            datum: DatumShown::new(&datum),
        }
    }
}

impl RecordShown {
    pub(super) fn new(view: &RecordView<'_>) -> Self {
        let headers = view.headers().unwrap_or_default();
        Self {
            topic: view.topic().to_string(),
            partition: view.partition(),
            timestamp: view.timestamp(),
            key: shown(view, Side::Key),
            value: shown(view, Side::Value),
            headers: headers.iter().map(HeaderShown::new).collect(),
        }
    }
}

/// Some of the records, and how many more there are.
pub(super) fn bounded<'a>(
    views: impl Iterator<Item = RecordView<'a>>,
) -> (Vec<RecordShown>, usize) {
    let mut shown = Vec::new();
    let mut more = 0;
    for view in views {
        match shown.len() < SHOWN_MAX {
            true => shown.push(RecordShown::new(&view)),
            false => more += 1,
        }
    }
    (shown, more)
}

fn shown(view: &RecordView<'_>, side: Side) -> DatumShown {
    let cell = match side {
        Side::Key => view.key(),
        Side::Value => view.value(),
    };
    let datum = view.datum(side);
    match cell {
        Cell::Bytes(bytes) => DatumShown {
            schema: datum.schema.as_deref().map(schema_text),
            value: bytes_json(bytes),
        },
        _ => DatumShown::new(&datum),
    }
}

fn bytes_json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({"base64": STANDARD.encode(bytes)}),
    }
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int8(number) => (*number).into(),
        Value::Int16(number) => (*number).into(),
        Value::Int32(number) => (*number).into(),
        Value::Int64(number) => (*number).into(),
        Value::Float32(number) => float(f64::from(*number)),
        Value::Float64(number) => float(*number),
        Value::Boolean(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => bytes_json(bytes),
        Value::Array(values) => values.iter().map(json_of).collect(),
        Value::Map(entries) => map(entries),
        Value::Struct(record) => {
            let fields = record.iter();
            fields
                .map(|(field, value)| (field.name.clone(), json_of(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Value::Decimal(_) | Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => {
            value.to_string().into()
        }
    }
}

/// JSON has no infinities.
fn float(number: f64) -> Json {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Json::Number)
}

/// A map is an object where its keys are texts, else a list of pairs.
fn map(entries: &[(Value, Value)]) -> Json {
    let object: Option<serde_json::Map<String, Json>> = entries
        .iter()
        .map(|(key, value)| match key {
            Value::String(key) => Some((key.clone(), json_of(value))),
            _ => None,
        })
        .collect();
    object.map_or_else(
        || {
            let pairs = entries.iter();
            pairs
                .map(|(key, value)| json!([json_of(key), json_of(value)]))
                .collect()
        },
        Json::Object,
    )
}

/// A schema in short: `struct<a int32, b string?>`, a `?` behind what may be null.
pub(super) fn schema_text(schema: &Schema) -> String {
    let inner = |schema: &Option<std::sync::Arc<Schema>>| {
        schema.as_deref().map_or("any".to_owned(), schema_text)
    };
    let kind = match &schema.ty {
        SchemaType::Int8 => "int8".to_owned(),
        SchemaType::Int16 => "int16".to_owned(),
        SchemaType::Int32 => "int32".to_owned(),
        SchemaType::Int64 => "int64".to_owned(),
        SchemaType::Float32 => "float".to_owned(),
        SchemaType::Float64 => "double".to_owned(),
        SchemaType::Boolean => "boolean".to_owned(),
        SchemaType::String => "string".to_owned(),
        SchemaType::Bytes => "bytes".to_owned(),
        SchemaType::Array(of) => format!("array<{}>", inner(of)),
        SchemaType::Map(key, value) => format!("map<{}, {}>", inner(key), inner(value)),
        SchemaType::Struct(fields) => {
            let fields = fields
                .iter()
                .map(|field| format!("{} {}", field.name, schema_text(&field.schema)));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(", "))
        }
    };
    let name = schema.name.as_deref().map_or("", |name| name);
    let name = match name.is_empty() {
        true => String::new(),
        false => format!(" ({name})"),
    };
    let optional = if schema.optional { "?" } else { "" };
    format!("{kind}{optional}{name}")
}
