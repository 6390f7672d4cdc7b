//! Converters: between the bytes in a topic and Connect's data model.

use std::fmt;

use crate::{Column, ConnectError, Datum, Header, Properties};

/// What a converter instance is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConverterKind {
    /// Record keys.
    Key,
    /// Record values.
    Value,
    /// Header values.
    Header,
}

/// Converts keys or values, both ways. Calls are synchronous and must not block.
pub trait Converter: Send + Sync + fmt::Debug {
    /// Takes the settings below the converter's prefix.
    ///
    /// # Errors
    /// When a setting cannot be used.
    fn configure(&mut self, settings: &Properties, kind: ConverterKind)
    -> Result<(), ConnectError>;

    /// Whether the ranges of `column` are already the bytes this converter would make of them. The worker then passes
    /// them on untouched.
    fn passes(&self, _column: &Column) -> bool {
        false
    }

    /// Appends the bytes of `datum` to `out`; false means a null, and nothing is appended.
    ///
    /// # Errors
    /// When the value does not fit its schema or this converter.
    fn encode(&self, topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError>;

    /// Appends the bytes of a text value; a converter that can write text without owning it overrides this.
    ///
    /// # Errors
    /// As [`Converter::encode`].
    fn encode_text(
        &self,
        topic: &str,
        column: &Column,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<bool, ConnectError> {
        let datum = Datum {
            schema: column.schema().cloned(),
            value: crate::Value::String(text.to_owned()),
        };
        self.encode(topic, &datum, out)
    }

    /// The column that raw bytes are without any conversion: [`Column::Text`] for one whose values are the bytes as
    /// UTF-8, [`Column::Bytes`] for one that hands bytes on. None where every value must be decoded.
    fn reads_as(&self) -> Option<Column> {
        None
    }

    /// The value of `bytes`.
    ///
    /// # Errors
    /// When the bytes are not what this converter reads.
    fn decode(&self, topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError>;
}

/// Converts header values, both ways.
pub trait HeaderConverter: Send + Sync + fmt::Debug {
    /// Takes the settings below the converter's prefix.
    ///
    /// # Errors
    /// When a setting cannot be used.
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError>;

    /// Whether a text header value is its own bytes, so that encoded header sections pass untouched.
    fn passes_text(&self) -> bool {
        false
    }

    /// The bytes of a header, or none for null.
    ///
    /// # Errors
    /// When the value does not fit this converter.
    fn encode(&self, topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError>;

    /// The value of a header.
    ///
    /// # Errors
    /// When the bytes are not what this converter reads.
    fn decode(&self, topic: &str, name: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError>;
}
