//! StringConverter: the text form of any value, in UTF-8.

use millrace_api::config::{Config, Value as ConfigText};
use millrace_api::{
    Column, ConnectError, Converter, ConverterKind, Datum, Header, HeaderConverter, Properties,
    Schema, Value, utf8_lossy,
};

use super::parse;

/// Writes the text of values and reads every value as text; ranges of text pass untouched.
#[derive(Debug, Default)]
pub struct StringConverter;

/// What StringConverter needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct StringConverterConfig {
    /// The character encoding of the text.
    #[config(name = "converter.encoding", default = "UTF-8", importance = high, width = medium, display = "Encoding", validator = is_utf8)]
    pub(crate) _encoding: String,
}

fn is_utf8(_key: &str, value: &ConfigText) -> Result<(), String> {
    let known = |name: &str| ["utf-8", "utf8"].contains(&name.to_ascii_lowercase().as_str());
    match value.as_str() {
        Some(name) if !known(name) => Err("Only UTF-8 is supported".to_owned()),
        _ => Ok(()),
    }
}

impl StringConverter {
    fn write(value: &Value, out: &mut Vec<u8>) -> bool {
        match value {
            Value::Null => return false,
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
        true
    }

    fn read(bytes: Option<&[u8]>) -> Datum {
        Datum::new(
            Schema::optional_string(),
            bytes.map_or(Value::Null, |bytes| Value::String(utf8_lossy(bytes))),
        )
    }
}

impl Converter for StringConverter {
    fn configure(
        &mut self,
        settings: &Properties,
        _kind: ConverterKind,
    ) -> Result<(), ConnectError> {
        parse::<StringConverterConfig>(settings).map(drop)
    }

    fn passes(&self, column: &Column) -> bool {
        matches!(column, Column::Text(_) | Column::Null)
    }

    fn encode(&self, _topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        Ok(Self::write(&datum.value, out))
    }

    fn encode_text(
        &self,
        _topic: &str,
        _column: &Column,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<bool, ConnectError> {
        out.extend_from_slice(text.as_bytes());
        Ok(true)
    }

    fn reads_as(&self) -> Option<Column> {
        Some(Column::Text(Some(Schema::optional_string())))
    }

    fn decode(&self, _topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        Ok(Self::read(bytes))
    }
}

impl HeaderConverter for StringConverter {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        parse::<StringConverterConfig>(settings).map(drop)
    }

    fn passes_text(&self) -> bool {
        true
    }

    fn encode(&self, _topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        let mut bytes = Vec::new();
        Ok(Self::write(&header.value, &mut bytes).then_some(bytes))
    }

    fn decode(
        &self,
        _topic: &str,
        _name: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Datum, ConnectError> {
        Ok(Self::read(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_their_text() {
        let map = Value::Map(vec![(Value::String("k".into()), Value::Int8(1))]);
        for (value, expected) in [
            (Value::String("é".into()), Some("é")),
            (Value::Float64(1e10), Some("1.0E10")),
            (map, Some("{k=1}")),
            (Value::Null, None),
        ] {
            let mut out = Vec::new();
            let written =
                Converter::encode(&StringConverter, "t", &Datum::schemaless(value), &mut out)
                    .unwrap();
            assert_eq!(written.then_some(str::from_utf8(&out).unwrap()), expected);
        }
    }

    #[test]
    fn bytes_become_optional_text() {
        let read = |bytes| Converter::decode(&StringConverter, "t", bytes).unwrap();
        assert_eq!(
            read(Some(b"a\xFF")),
            Datum::new(Schema::optional_string(), Value::String("a\u{FFFD}".into()))
        );
        assert_eq!(
            read(None),
            Datum::new(Schema::optional_string(), Value::Null)
        );
    }

    #[test]
    fn other_encodings_are_refused() {
        let settings =
            |name: &str| Properties::from([("converter.encoding".to_owned(), name.to_owned())]);
        let mut converter = StringConverter;
        assert!(
            Converter::configure(&mut converter, &settings("utf-8"), ConverterKind::Value).is_ok()
        );
        let error = Converter::configure(&mut converter, &settings("UTF-16"), ConverterKind::Value)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid value UTF-16 for configuration converter.encoding: Only UTF-8 is supported"
        );
    }
}
