//! StringConverter: the text form of any value, in UTF-8 or the encoding that `converter.encoding` names.

use millrace_api::config::{Config, Value as ConfigText};
use millrace_api::{
    Column, ConnectError, Converter, ConverterKind, Datum, Header, HeaderConverter, Properties,
    Schema, Value,
};

use super::charset::Charset;
use super::parse;

/// Writes the text of values and reads every value as text. In UTF-8, ranges of text pass untouched.
#[derive(Debug, Default)]
pub struct StringConverter {
    charset: Charset,
}

/// What StringConverter needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct StringConverterConfig {
    /// The character encoding of the text.
    #[config(name = "converter.encoding", default = "UTF-8", importance = high, width = medium, display = "Encoding", validator = is_known)]
    pub(crate) encoding: String,
}

fn is_known(_key: &str, value: &ConfigText) -> Result<(), String> {
    match value.as_str() {
        Some(name) if Charset::named(name).is_none() => {
            Err(format!("Unknown encoding, known are: {}", Charset::all()))
        }
        _ => Ok(()),
    }
}

impl StringConverter {
    fn set_up(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config = parse::<StringConverterConfig>(settings)?;
        self.charset = Charset::named(&config.encoding).unwrap_or_default();
        Ok(())
    }

    fn is_utf8(&self) -> bool {
        self.charset == Charset::Utf8
    }

    fn write(&self, value: &Value, out: &mut Vec<u8>) -> bool {
        match value {
            Value::Null => return false,
            Value::String(text) => self.charset.encode(text, out),
            other => self.charset.encode(&other.to_string(), out),
        }
        true
    }

    fn read(&self, bytes: Option<&[u8]>) -> Datum {
        Datum::new(
            Schema::optional_string(),
            bytes.map_or(Value::Null, |bytes| {
                Value::String(self.charset.decode(bytes))
            }),
        )
    }
}

impl Converter for StringConverter {
    fn configure(
        &mut self,
        settings: &Properties,
        _kind: ConverterKind,
    ) -> Result<(), ConnectError> {
        self.set_up(settings)
    }

    fn passes(&self, column: &Column) -> bool {
        match column {
            Column::Null => true,
            Column::Text(_) => self.is_utf8(),
            _ => false,
        }
    }

    fn encode(&self, _topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        Ok(self.write(&datum.value, out))
    }

    fn encode_text(
        &self,
        _topic: &str,
        _column: &Column,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<bool, ConnectError> {
        self.charset.encode(text, out);
        Ok(true)
    }

    fn reads_as(&self) -> Option<Column> {
        self.is_utf8()
            .then(|| Column::Text(Some(Schema::optional_string())))
    }

    fn decode(&self, _topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        Ok(self.read(bytes))
    }
}

impl HeaderConverter for StringConverter {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.set_up(settings)
    }

    fn passes_text(&self) -> bool {
        self.is_utf8()
    }

    fn encode(&self, _topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        let mut bytes = Vec::new();
        Ok(self.write(&header.value, &mut bytes).then_some(bytes))
    }

    fn decode(
        &self,
        _topic: &str,
        _name: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Datum, ConnectError> {
        Ok(self.read(bytes))
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
            let written = Converter::encode(
                &StringConverter::default(),
                "t",
                &Datum::schemaless(value),
                &mut out,
            )
            .unwrap();
            assert_eq!(written.then_some(str::from_utf8(&out).unwrap()), expected);
        }
    }

    #[test]
    fn bytes_become_optional_text() {
        let read = |bytes| Converter::decode(&StringConverter::default(), "t", bytes).unwrap();
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
    fn encodings_have_names() {
        let settings =
            |name: &str| Properties::from([("converter.encoding".to_owned(), name.to_owned())]);
        let mut converter = StringConverter::default();
        Converter::configure(&mut converter, &settings("utf-8"), ConverterKind::Value).unwrap();
        assert!(converter.passes(&Column::Text(None)) && converter.reads_as().is_some());
        Converter::configure(&mut converter, &settings("UTF-16"), ConverterKind::Value).unwrap();
        assert!(!converter.passes(&Column::Text(None)) && converter.reads_as().is_none());
        assert!(converter.passes(&Column::Null) && !converter.passes_text());
        let mut out = Vec::new();
        converter
            .encode_text("t", &Column::Text(None), "a", &mut out)
            .unwrap();
        assert_eq!(out, [0xfe, 0xff, 0, 0x61]);
        let read = Converter::decode(&converter, "t", Some(&out)).unwrap();
        assert_eq!(read.value, Value::String("a".into()));
        let error = Converter::configure(&mut converter, &settings("x-no"), ConverterKind::Value)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid value x-no for configuration converter.encoding: Unknown encoding, known are: UTF-8, ISO-8859-1, US-ASCII, UTF-16, UTF-16BE, UTF-16LE"
        );
    }
}
