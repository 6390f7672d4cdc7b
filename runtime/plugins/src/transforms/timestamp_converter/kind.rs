//! The forms that a point in time may have, and milliseconds between them.

use std::sync::{Arc, LazyLock};

use millrace_api::config::ConfigEnum;
use millrace_api::{ConnectError, Schema, SchemaType, Value, logical};

use crate::transforms::dates::DateFormat;
use crate::transforms::support::{class_of, type_name};

const DAY_MS: i64 = 86_400_000;

/// A form of a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
pub(crate) enum Kind {
    /// Text.
    #[config(name = "string")]
    String,
    /// A count since 1970.
    #[config(name = "unix")]
    Unix,
    /// A day.
    #[config(name = "Date")]
    Date,
    /// A time of the day.
    #[config(name = "Time")]
    Time,
    /// An instant.
    #[config(name = "Timestamp")]
    Timestamp,
}

/// The unit of a count since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
pub(crate) enum Precision {
    /// 10^-9 s.
    Nanoseconds,
    /// 10^-6 s.
    Microseconds,
    /// 10^-3 s.
    #[default]
    Milliseconds,
    /// 1 s.
    Seconds,
}

impl Kind {
    /// The form that values of a schema have.
    pub(super) fn of_schema(schema: &Schema) -> Result<Self, ConnectError> {
        match (schema.name.as_deref(), &schema.ty) {
            (Some(logical::TIMESTAMP), _) => Ok(Self::Timestamp),
            (Some(logical::DATE), _) => Ok(Self::Date),
            (Some(logical::TIME), _) => Ok(Self::Time),
            (_, SchemaType::String) => Ok(Self::String),
            (_, SchemaType::Int64) => Ok(Self::Unix),
            (name, ty) => {
                let shown = match name {
                    Some(name) => format!("Schema{{{name}:{}}}", type_name(ty)),
                    None => format!("Schema{{{}}}", type_name(ty)),
                };
                Err(ConnectError::connect(format!(
                    "Schema {shown} does not correspond to a known timestamp type format"
                )))
            }
        }
    }

    /// The form of a value without schema.
    pub(super) fn of_value(value: &Value) -> Result<Self, ConnectError> {
        match value {
            Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => Ok(Self::Timestamp),
            Value::Int64(_) => Ok(Self::Unix),
            Value::String(_) => Ok(Self::String),
            other => Err(ConnectError::data(format!(
                "TimestampConverter does not support {} objects as timestamps",
                class_of(other)
            ))),
        }
    }

    pub(super) fn schema(self, optional: bool) -> Arc<Schema> {
        static SCHEMAS: LazyLock<[[Arc<Schema>; 2]; 5]> = LazyLock::new(|| {
            [
                Schema::new(SchemaType::String),
                Schema::new(SchemaType::Int64),
                Schema::date(),
                Schema::time(),
                Schema::timestamp(),
            ]
            .map(|schema| [Arc::new(schema.clone()), Arc::new(schema.optional())])
        });
        Arc::clone(&SCHEMAS[self as usize][usize::from(optional)])
    }

    /// What a value of this form is in Java.
    fn class(self) -> (&'static str, &'static str) {
        match self {
            Self::String => ("string timestamp", "String"),
            Self::Unix => ("Unix timestamp", "Long"),
            Self::Date => ("Date", "java.util.Date"),
            Self::Time => ("Time", "java.util.Date"),
            Self::Timestamp => ("Timestamp", "java.util.Date"),
        }
    }
}

/// Reads and writes points in time.
#[derive(Debug, Default)]
pub(super) struct Clockwork {
    pub(super) format: Option<DateFormat>,
    pub(super) precision: Precision,
}

impl Clockwork {
    /// The milliseconds since 1970 of a value.
    pub(super) fn read(&self, value: &Value, from: Kind) -> Result<i64, ConnectError> {
        match (from, value) {
            (Kind::String, Value::String(text)) => self.read_text(text),
            (Kind::Unix, Value::Int64(count)) => Ok(match self.precision {
                Precision::Seconds => count.saturating_mul(1000),
                Precision::Milliseconds => *count,
                Precision::Microseconds => count / 1000,
                Precision::Nanoseconds => count / 1_000_000,
            }),
            (Kind::Date | Kind::Time | Kind::Timestamp, Value::Date(days)) => {
                Ok(i64::from(*days) * DAY_MS)
            }
            (Kind::Date | Kind::Time | Kind::Timestamp, Value::Time(ms)) => Ok(i64::from(*ms)),
            (Kind::Date | Kind::Time | Kind::Timestamp, Value::Timestamp(ms)) => Ok(*ms),
            (from, value) => {
                let (what, class) = from.class();
                Err(ConnectError::data(format!(
                    "Expected {what} to be a {class}, but found {}",
                    class_of(value)
                )))
            }
        }
    }

    fn read_text(&self, text: &str) -> Result<i64, ConnectError> {
        let Some(format) = &self.format else {
            return Err(ConnectError::data(format!(
                "cannot read the time \"{text}\" without a pattern: set format, in Java's pattern letters"
            )));
        };
        format.parse(text).ok_or_else(|| {
            ConnectError::data(format!(
                "Could not parse timestamp: value ({text}) does not match pattern ({})",
                format.pattern()
            ))
        })
    }

    /// The milliseconds in another form.
    pub(super) fn write(&self, ms: i64, to: Kind) -> Value {
        match to {
            Kind::String => match &self.format {
                Some(format) => Value::String(format.format(ms)),
                None => Value::Null,
            },
            Kind::Unix => Value::Int64(match self.precision {
                Precision::Seconds => ms / 1000,
                Precision::Milliseconds => ms,
                Precision::Microseconds => ms.saturating_mul(1000),
                Precision::Nanoseconds => ms.saturating_mul(1_000_000),
            }),
            // A day that has no 32-bit number is hundreds of millions of years away.
            Kind::Date => Value::Date(i32::try_from(ms.div_euclid(DAY_MS)).unwrap_or(i32::MAX)),
            Kind::Time => Value::Time(ms.rem_euclid(DAY_MS) as i32),
            Kind::Timestamp => Value::Timestamp(ms),
        }
    }
}
