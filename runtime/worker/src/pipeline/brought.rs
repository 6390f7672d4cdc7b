//! A record of a source that failed, as reports name it and as a dead letter holds it.
//!
//! A source has no bytes before its converters: text and bytes go into a dead letter as they are, any other value as
//! JSON without a schema.

use millrace_api::{
    Cell, Converter as _, ConverterKind, Datum, EncodedHeaders, Header, Properties,
    SourcePartition, Value, encode_header, utf8_lossy,
};
use millrace_plugins::JsonConverter;

use super::Subject;

/// A failed record of a source, kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Brought {
    /// The topic that it was for.
    pub(crate) topic: String,
    /// The source partition as JSON.
    pub(crate) partition: String,
    /// The source offset behind it as JSON.
    pub(crate) offset: String,
    /// Milliseconds since the epoch, if it has a time.
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    /// The header section.
    pub(crate) headers: Vec<u8>,
    /// More than one if the contents of several are gone, of which this is the first.
    pub(crate) records: u64,
}

impl Brought {
    /// Where it was found.
    pub(super) fn place(&self) -> String {
        if self.partition.is_empty() {
            return String::new();
        }
        format!(
            "where the record for topic '{}' has source partition {} and offset {}",
            self.topic, self.partition, self.offset
        )
    }

    /// What it is, in Java's form.
    pub(super) fn content(&self) -> String {
        let shown = |bytes: &Option<Vec<u8>>| {
            bytes
                .as_deref()
                .map_or_else(|| "null".to_owned(), utf8_lossy)
        };
        if self.records > 1 {
            return format!(
                "{} records, the first for topic '{}' near source partition {} and offset {}",
                self.records, self.topic, self.partition, self.offset
            );
        }
        format!(
            "SourceRecord{{sourcePartition={}, sourceOffset={}}} ConnectRecord{{topic='{}', key={}, value={}}}",
            self.partition,
            self.offset,
            self.topic,
            shown(&self.key),
            shown(&self.value)
        )
    }
}

/// The headers of a record of a source.
pub(super) enum Heads<'a> {
    /// As the source has encoded them.
    Encoded(&'a [u8]),
    /// In Connect's data model.
    Owned(&'a [Header]),
}

/// A record of a source, lent.
pub(super) struct Lent<'a> {
    pub(super) topic: &'a str,
    pub(super) source: &'a SourcePartition,
    pub(super) mark: i64,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Cell<'a>,
    pub(super) value: Cell<'a>,
    pub(super) headers: Heads<'a>,
}

impl Lent<'_> {
    /// The record for reports.
    pub(super) fn subject(&self) -> Subject {
        let text = |map| serde_json::to_string(map).unwrap_or_default();
        Subject::Brought(Box::new(Brought {
            topic: self.topic.to_owned(),
            partition: text(self.source.partition()),
            offset: text(&self.source.offset(self.mark)),
            timestamp: self.timestamp,
            key: bytes(&self.key),
            value: bytes(&self.value),
            headers: match self.headers {
                Heads::Encoded(section) => section.to_vec(),
                Heads::Owned(headers) => section(headers),
            },
            records: 1,
        }))
    }
}

fn bytes(cell: &Cell<'_>) -> Option<Vec<u8>> {
    match cell {
        Cell::Null => None,
        Cell::Text(bytes) | Cell::Bytes(bytes) => Some(bytes.to_vec()),
        Cell::Value(datum) => of_datum(datum),
    }
}

fn of_datum(datum: &Datum) -> Option<Vec<u8>> {
    match &datum.value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Bytes(bytes) => Some(bytes.to_vec()),
        other => {
            let mut json = JsonConverter::default();
            let settings: Properties = [("schemas.enable".to_owned(), "false".to_owned())].into();
            let configured = json.configure(&settings, ConverterKind::Value);
            let mut text = Vec::new();
            // What is at fault may be just that the value does not fit its schema.
            let written = configured.and_then(|()| json.encode("", datum, &mut text));
            Some(match written {
                Ok(_) => text,
                Err(_) => other.to_string().into_bytes(),
            })
        }
    }
}

fn section(headers: &[Header]) -> Vec<u8> {
    let mut section = Vec::new();
    if headers.is_empty() {
        return section;
    }
    EncodedHeaders::begin(&mut section, headers.len());
    for header in headers {
        let datum = Datum {
            schema: header.schema.clone(),
            value: header.value.clone(),
        };
        encode_header(
            &mut section,
            header.name.as_bytes(),
            of_datum(&datum).as_deref(),
        );
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bytes_text_or_json() {
        let datum = |value| Datum {
            schema: None,
            value,
        };
        let map = Value::Map(vec![(Value::String("a".into()), Value::Int64(1))]);
        for (value, expected) in [
            (Value::Null, None),
            (Value::String("é".into()), Some("é")),
            (Value::Bytes("b".into()), Some("b")),
            (Value::Int64(7), Some("7")),
            (map, Some("{\"a\":1}")),
        ] {
            let found = of_datum(&datum(value));
            assert_eq!(found.as_deref(), expected.map(str::as_bytes));
        }
    }
}
