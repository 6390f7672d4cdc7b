//! What the bytes of a record are.

use std::borrow::Cow;
use std::sync::Arc;

use millrace_api::{Datum, Schema, Value};

use crate::config::Format;
use crate::csv;

/// How records are read.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) format: Format,
    pub(crate) separator: u8,
}

/// A record's contents.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// There is none: an empty line between records.
    Nothing,
    Text(Cow<'a, [u8]>),
    Bytes(&'a [u8]),
    Owned(Datum),
}

impl Reading {
    /// What a record is, whose bytes have their line end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn content<'a>(
        &self,
        bytes: &'a [u8],
        schema: Option<&Arc<Schema>>,
    ) -> Result<Content<'a>, String> {
        let line = line(bytes);
        match self.format {
            Format::File => Ok(Content::Bytes(bytes)),
            Format::Lines => Ok(Content::Text(match std::str::from_utf8(line) {
                Ok(_) => Cow::Borrowed(line),
                Err(_) => Cow::Owned(String::from_utf8_lossy(line).into_owned().into_bytes()),
            })),
            _ if line.trim_ascii().is_empty() => Ok(Content::Nothing),
            Format::Json => {
                let json = serde_json::from_slice(line).map_err(|error| error.to_string())?;
                Ok(Content::Owned(Datum::schemaless(value(json))))
            }
            Format::Csv => {
                let schema = schema.ok_or("the file has no first row with names")?;
                csv::datum(line, self.separator, schema).map(Content::Owned)
            }
        }
    }
}

/// A record without its line end.
pub(crate) fn line(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
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
        serde_json::Value::Object(members) => {
            let members = members.into_iter();
            Value::Map(
                members
                    .map(|(name, member)| (Value::String(name), value(member)))
                    .collect(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(format: Format) -> Reading {
        Reading {
            format,
            separator: b',',
        }
    }

    #[test]
    fn lines_lose_their_ends_and_bytes_that_are_no_text() {
        let lines = reading(Format::Lines);
        for (bytes, expected) in [
            (&b"a\r\n"[..], "a"),
            (b"a", "a"),
            (b"\n", ""),
            (b"\xff\n", "\u{FFFD}"),
        ] {
            let Ok(Content::Text(text)) = lines.content(bytes, None) else {
                panic!("{bytes:?}")
            };
            assert_eq!(&*text, expected.as_bytes());
        }
    }

    #[test]
    fn json_is_parsed_and_empty_lines_are_none() {
        let json = reading(Format::Json);
        let Ok(Content::Owned(datum)) = json.content(b"{\"a\":[1,1.5,null]}\n", None) else {
            panic!("no datum")
        };
        let items = vec![Value::Int64(1), Value::Float64(1.5), Value::Null];
        let members = vec![(Value::String("a".into()), Value::Array(items))];
        assert_eq!(datum, Datum::schemaless(Value::Map(members)));
        assert!(matches!(json.content(b" \r\n", None), Ok(Content::Nothing)));
        assert!(json.content(b"{", None).is_err());
        assert!(matches!(
            reading(Format::File).content(b"\n", None),
            Ok(Content::Bytes(b"\n"))
        ));
    }
}
