//! In which form converters and transforms get what an HTTP body holds.

use bytes::Bytes;
use millrace_api::config::ConfigEnum;
use millrace_api::{Datum, Schema, Value};

/// What converters and transforms get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum ValueForm {
    /// The text as it came.
    #[default]
    Text,
    /// The bytes as they came.
    Bytes,
    /// JSON's objects and numbers.
    Parsed,
}

impl ValueForm {
    /// Checks what is to be given as a range.
    ///
    /// # Errors
    /// When text is asked for and this is none.
    pub(crate) fn check(self, bytes: &[u8]) -> Result<(), String> {
        match std::str::from_utf8(bytes) {
            Err(error) if self == Self::Text => Err(format!(
                "the bytes from {} on are not UTF-8, and value.form=text",
                error.valid_up_to()
            )),
            _ => Ok(()),
        }
    }
}

/// An owned value of `value.form=parsed`.
///
/// # Errors
/// When JSON is expected and this is none.
pub(crate) fn parsed(bytes: &[u8], is_json: bool) -> Result<Datum, String> {
    if is_json {
        let json = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        return Ok(Datum::schemaless(value(json)));
    }
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Datum::new(Schema::string(), Value::String(text.to_owned())),
        Err(_) => Datum::schemaless(Value::Bytes(Bytes::copy_from_slice(bytes))),
    })
}

/// JSON in Connect's data model, without schemas: whole numbers of 64 bits are INT64, others FLOAT64.
fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Boolean(flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int64(whole),
            None => Value::Float64(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::String(text),
        serde_json::Value::Array(items) => Value::Array(items.into_iter().map(value).collect()),
        serde_json::Value::Object(fields) => Value::Map(
            fields
                .into_iter()
                .map(|(name, field)| (Value::String(name), value(field)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_connects_terms() {
        let datum = parsed(br#"{"a":[1,1.5,null,"x",18446744073709551615]}"#, true).unwrap();
        let items = vec![
            Value::Int64(1),
            Value::Float64(1.5),
            Value::Null,
            Value::String("x".into()),
            Value::Float64(18_446_744_073_709_551_615.0),
        ];
        let map = vec![(Value::String("a".into()), Value::Array(items))];
        assert_eq!(datum, Datum::schemaless(Value::Map(map)));
        assert!(parsed(b"x", true).is_err());
        assert_eq!(
            parsed(b"x", false).unwrap().value,
            Value::String("x".into())
        );
        assert!(ValueForm::Text.check(b"\xff").is_err());
        assert!(ValueForm::Bytes.check(b"\xff").is_ok());
    }
}
