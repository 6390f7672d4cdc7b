//! ExtractTopic: the topic that a field, the whole key or value, or a header names.

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{
    Cell, ConnectError, Properties, RecordView, Records, Side, Transform, Value, utf8_lossy,
};

use super::support::{FieldPath, FieldSyntax, simple_class_of};
use crate::converters::parse;

/// The longest name of a topic.
const TOPIC_MAX: usize = 249;

/// What ExtractTopic needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ExtractTopicConfig {
    /// The field, or the header, that names the topic; empty if the whole key or value is the name.
    #[config(name = "field", default = "", importance = high)]
    pub(crate) field: String,
    /// Another name of the key field.
    #[config(name = "field.name", importance = low)]
    pub(crate) field_name: Option<String>,
    /// How the field is named. V1: a field of the struct or map itself. V2: dots lead to nested fields; a name with
    /// dots of its own stands between backticks, as in `a.b`.c.
    #[config(name = "field.syntax.version", default = "V1", importance = low)]
    pub(crate) syntax: FieldSyntax,
    /// Whether a record without a name for the topic keeps its topic; else it fails.
    #[config(name = "skip.missing.or.null", default = false, importance = low)]
    pub(crate) skip: bool,
}

/// Where the name of the topic stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// In the key or value.
    Side(Side),
    /// In the headers.
    Header,
}

/// Sends records to the topics that they name.
#[derive(Debug)]
pub(crate) struct ExtractTopic {
    place: Place,
    field: String,
    path: FieldPath,
    skip: bool,
}

impl ExtractTopic {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            field: String::new(),
            path: FieldPath::default(),
            skip: false,
        }
    }

    fn found(&self, view: RecordView<'_>) -> Result<Value, ConnectError> {
        let cell = match self.place {
            Place::Side(Side::Key) => view.key(),
            Place::Side(Side::Value) => view.value(),
            Place::Header => {
                let headers = view.headers()?.into_iter();
                let mut named = headers.filter(|header| header.name == self.field);
                return Ok(named.next_back().map_or(Value::Null, |header| header.value));
            }
        };
        let value = match cell {
            Cell::Null => return Ok(Value::Null),
            Cell::Value(datum) => &datum.value,
            Cell::Text(text) if self.field.is_empty() => {
                return Ok(Value::String(utf8_lossy(text)));
            }
            Cell::Text(_) => return Err(self.no_fields("java.lang.String")),
            Cell::Bytes(_) => return Err(self.no_fields("[B")),
        };
        match value {
            value if self.field.is_empty() => Ok(value.clone()),
            Value::Struct(_) | Value::Map(_) | Value::Null => self.path.in_value(value),
            other => Err(self.no_fields(simple_class_of(other))),
        }
    }

    fn no_fields(&self, class: &str) -> ConnectError {
        let field = &self.field;
        ConnectError::data(format!(
            "cannot find the topic in the field \"{field}\" of a {class}, which is no struct or map"
        ))
    }

    fn topic(&self, view: RecordView<'_>) -> Result<Option<String>, ConnectError> {
        let name = match self.found(view)? {
            Value::Null => String::new(),
            Value::String(name) => name,
            value @ (Value::Int8(_)
            | Value::Int16(_)
            | Value::Int32(_)
            | Value::Int64(_)
            | Value::Float32(_)
            | Value::Float64(_)
            | Value::Boolean(_)) => value.to_string(),
            other => {
                return Err(ConnectError::data(format!(
                    "cannot make a topic of a {}",
                    simple_class_of(&other)
                )));
            }
        };
        match name.is_empty() {
            true if self.skip => Ok(None),
            true => Err(ConnectError::data(format!(
                "the record names no topic in {}: set skip.missing.or.null=true to leave such records where they are",
                self.described()
            ))),
            false if is_topic(&name) => Ok(Some(name)),
            false => Err(ConnectError::data(format!(
                "\"{name}\" in {} cannot be a topic: a topic has up to {TOPIC_MAX} letters, digits, dots, underscores and hyphens",
                self.described()
            ))),
        }
    }

    fn described(&self) -> String {
        let field = &self.field;
        match (self.place, field.is_empty()) {
            (Place::Header, _) => format!("the header \"{field}\""),
            (Place::Side(Side::Key), true) => "its key".to_owned(),
            (Place::Side(Side::Value), true) => "its value".to_owned(),
            (Place::Side(Side::Key), false) => format!("the field \"{field}\" of its key"),
            (Place::Side(Side::Value), false) => format!("the field \"{field}\" of its value"),
        }
    }
}

fn is_topic(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !matches!(name, "" | "." | "..") && name.len() <= TOPIC_MAX && name.bytes().all(is_legal)
}

impl Transform for ExtractTopic {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: ExtractTopicConfig = parse(settings)?;
        self.field = match config.field_name {
            Some(name) if config.field.is_empty() => name,
            _ => config.field,
        };
        if self.field.is_empty() && matches!(self.place, Place::Header) {
            return Err(ConnectError::config(
                "field must name the header that holds the topic",
            ));
        }
        self.path = FieldPath::parse(&self.field, config.syntax)?;
        self.skip = config.skip;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        // Neighbours mostly go to the same topic, whose name is then held once.
        let mut last: Option<Arc<str>> = None;
        records.reroute(|view| {
            let Some(name) = self.topic(view)? else {
                return Ok(None);
            };
            let topic = match &last {
                Some(topic) if **topic == *name => Arc::clone(topic),
                _ => Arc::from(name),
            };
            last = Some(Arc::clone(&topic));
            Ok(Some(topic))
        });
    }
}
