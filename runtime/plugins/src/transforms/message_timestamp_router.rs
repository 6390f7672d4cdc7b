//! MessageTimestampRouter: another topic by a time that stands in the record's value.

use std::sync::Arc;

use millrace_api::config::{Config, Value as Given};
use millrace_api::{Cell, ConnectError, Properties, RecordView, Records, Transform, Value};

use super::dates::DateFormat;
use super::support::{FieldPath, FieldSyntax, not_empty, simple_class_of};
use crate::converters::parse;

const DAY_MS: i64 = 86_400_000;

/// What MessageTimestampRouter needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct MessageTimestampRouterConfig {
    /// The new topic, in which ${topic} and ${timestamp} stand for the old one and the time.
    #[config(name = "topic.format", default = "${topic}-${timestamp}", importance = high)]
    pub(crate) topic: String,
    /// The form of the time in the topic, in Java's pattern letters.
    #[config(name = "topic.timestamp.format", default = "yyyyMMdd", importance = high, validator = is_pattern)]
    pub(crate) timestamp: String,
    /// The fields of the value that may hold the time, of which the first that is there counts.
    #[config(name = "message.timestamp.keys", importance = high, validator = not_empty)]
    pub(crate) fields: Vec<String>,
    /// The form of a time that is a string, in Java's pattern letters. A number is milliseconds since 1970.
    #[config(name = "message.timestamp.format", default = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", importance = high, validator = is_pattern)]
    pub(crate) format: String,
}

fn is_pattern(_key: &str, value: &Given) -> Result<(), String> {
    match value.as_str() {
        Some(pattern) => DateFormat::new(pattern).map(|_| ()),
        None => Ok(()),
    }
}

/// What a configured router knows.
#[derive(Debug)]
struct Rule {
    topic: String,
    timestamp: DateFormat,
    fields: Vec<FieldPath>,
    format: DateFormat,
}

/// Names topics by a time in the value.
#[derive(Debug, Default)]
pub(crate) struct MessageTimestampRouter {
    rule: Option<Rule>,
}

impl Rule {
    fn ms(&self, view: RecordView<'_>) -> Result<i64, ConnectError> {
        let Cell::Value(datum) = view.value() else {
            return Err(ConnectError::data(
                "cannot find a time in a value that is no struct or map",
            ));
        };
        for path in &self.fields {
            match path.in_value(&datum.value)? {
                Value::Null => {}
                found => return self.read(&found),
            }
        }
        Err(ConnectError::data(
            "the record has none of the fields in message.timestamp.keys",
        ))
    }

    fn read(&self, value: &Value) -> Result<i64, ConnectError> {
        match value {
            Value::Int64(ms) | Value::Timestamp(ms) => Ok(*ms),
            Value::Int32(ms) => Ok(i64::from(*ms)),
            Value::Date(days) => Ok(i64::from(*days) * DAY_MS),
            Value::String(text) => self.format.parse(text).ok_or_else(|| {
                ConnectError::data(format!(
                    "the time \"{text}\" is not of the form {}, which message.timestamp.format asks for",
                    self.format.pattern()
                ))
            }),
            other => Err(ConnectError::data(format!(
                "cannot read a time from a {}",
                simple_class_of(other)
            ))),
        }
    }
}

impl Transform for MessageTimestampRouter {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: MessageTimestampRouterConfig = parse(settings)?;
        let fields = config.fields.iter();
        let fields = fields.map(|field| FieldPath::parse(field, FieldSyntax::V2));
        self.rule = Some(Rule {
            topic: config.topic,
            timestamp: DateFormat::new(&config.timestamp).map_err(ConnectError::config)?,
            fields: fields.collect::<Result<_, _>>()?,
            format: DateFormat::new(&config.format).map_err(ConnectError::config)?,
        });
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        let Some(rule) = &self.rule else {
            return;
        };
        // Neighbours mostly go to the same topic, whose name is then held once.
        let mut last: Option<Arc<str>> = None;
        records.reroute(|view| {
            let ms = rule.ms(view)?;
            let name = rule
                .topic
                .replace("${topic}", view.topic())
                .replace("${timestamp}", &rule.timestamp.format(ms));
            let topic = match &last {
                Some(topic) if **topic == *name => Arc::clone(topic),
                _ => Arc::from(name),
            };
            last = Some(Arc::clone(&topic));
            Ok(Some(topic))
        });
    }
}
