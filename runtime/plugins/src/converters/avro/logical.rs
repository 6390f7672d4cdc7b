//! Logical values from what encodes them.

use millrace_api::{ConnectError, Schema, Value, logical};

use super::super::json::decimal_from_bytes;

/// The greatest time of day, which Java's classes take in.
const TIME_MAX: i32 = 86_400_000;

/// The value that `plain` encodes under a schema, which is itself where the schema is no logical one.
pub(super) fn from_plain(schema: &Schema, plain: Value) -> Result<Value, ConnectError> {
    Ok(match (schema.name.as_deref(), plain) {
        (Some(logical::DATE), Value::Int32(days)) => Value::Date(days),
        (Some(logical::TIME), Value::Int32(ms)) => Value::Time(time(ms)?),
        (Some(logical::TIMESTAMP), Value::Int64(ms)) => Value::Timestamp(ms),
        (Some(logical::DECIMAL), Value::Bytes(bytes)) => {
            Value::Decimal(decimal_from_bytes(schema, &bytes)?)
        }
        (_, plain) => plain,
    })
}

/// A time of day, if it is one.
pub(super) fn time(ms: i32) -> Result<i32, ConnectError> {
    if (0..=TIME_MAX).contains(&ms) {
        return Ok(ms);
    }
    Err(ConnectError::data(format!(
        "Time values must use number of milliseconds greater than 0 and less than 86400000, not {ms}"
    )))
}
