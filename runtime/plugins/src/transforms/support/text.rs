//! What the steps share that read a text: the whole key or value, or one field of it.

use millrace_api::config::ConfigEnum;
use millrace_api::{ConnectError, Datum, Value, utf8_lossy};

use super::fields::entry;
use super::names::simple_class_of;

/// What becomes of a record that a step cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
pub(crate) enum Unreadable {
    /// It is a failed record, for errors.tolerance to judge.
    #[default]
    Fail,
    /// It goes on as it is.
    Keep,
    /// It goes no further.
    Drop,
}

impl Unreadable {
    /// The outcome for a record that `error` was met at; says whether it is kept.
    pub(crate) fn settle(self, error: ConnectError) -> Result<bool, ConnectError> {
        match self {
            Self::Fail => Err(error),
            Self::Keep => Ok(true),
            Self::Drop => Ok(false),
        }
    }
}

/// The value of a field, or of the whole datum where `field` is empty.
pub(crate) fn part<'a>(datum: &'a Datum, field: &str) -> Result<&'a Value, ConnectError> {
    if field.is_empty() {
        return Ok(&datum.value);
    }
    let found = match &datum.value {
        Value::Struct(value) => value.get(field).ok(),
        Value::Map(entries) => entry(entries, field),
        other => {
            return Err(ConnectError::data(format!(
                "cannot look for the field {field} in a {}, which has no fields",
                simple_class_of(other)
            )));
        }
    };
    found.ok_or_else(|| ConnectError::data(format!("the record has no field {field}")))
}

/// The text of a value, none for null.
pub(crate) fn text_of(value: &Value) -> Result<Option<std::borrow::Cow<'_, str>>, ConnectError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.into())),
        Value::Bytes(bytes) => Ok(Some(utf8_lossy(bytes).into())),
        other => Err(ConnectError::data(format!(
            "cannot read a {} as text",
            simple_class_of(other)
        ))),
    }
}
