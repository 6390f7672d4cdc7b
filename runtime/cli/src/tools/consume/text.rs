//! Columns of text, as Kafka's DefaultMessageFormatter prints them.
//!
//! Columns come in the order timestamp, partition, offset, delivery, epoch, headers, key, value, with the key separator
//! between them and the line separator at the end. Delivery and epoch are never there, in Kafka's tool neither.

use millrace_config::Properties;

use super::{
    format::{Format, decode},
    reading::Record,
};
use crate::tools::{
    decode::{Decode, Undecodable},
    run::Usage,
};

/// Which columns are printed, and what stands between them.
#[derive(Debug)]
pub(super) struct Text {
    timestamp: bool,
    partition: bool,
    offset: bool,
    delivery: bool,
    epoch: bool,
    headers: bool,
    key: bool,
    value: bool,
    key_separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
    key_decode: Decode,
    value_decode: Decode,
    headers_decode: Decode,
}

impl Text {
    /// Reads the properties; unknown ones are left alone, as there.
    pub(super) fn from_properties(properties: &Properties) -> Result<Self, Usage> {
        let shown = |key: &str, default: bool| {
            properties
                .get(key)
                .map_or(default, |value| value.trim().eq_ignore_ascii_case("true"))
        };
        let bytes = |key: &str, default: &str| {
            properties
                .get(key)
                .map_or(default, String::as_str)
                .as_bytes()
                .to_vec()
        };
        Ok(Self {
            timestamp: shown("print.timestamp", false),
            partition: shown("print.partition", false),
            offset: shown("print.offset", false),
            delivery: shown("print.delivery", false),
            epoch: shown("print.epoch", false),
            headers: shown("print.headers", false),
            key: shown("print.key", false),
            value: shown("print.value", true),
            key_separator: bytes("key.separator", "\t"),
            line_separator: bytes("line.separator", "\n"),
            headers_separator: bytes("headers.separator", ","),
            null_literal: bytes("null.literal", "null"),
            key_decode: decode("key.deserializer", properties)?,
            value_decode: decode("value.deserializer", properties)?,
            headers_decode: decode("headers.deserializer", properties)?,
        })
    }

    fn bytes(
        &self,
        decode: Decode,
        bytes: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        match bytes {
            Some(bytes) => decode.append(bytes, out),
            None => {
                out.extend_from_slice(&self.null_literal);
                Ok(())
            }
        }
    }

    fn headers(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Undecodable> {
        let headers = record.headers();
        if headers.is_empty() {
            out.extend_from_slice(b"NO_HEADERS");
        }
        for (index, header) in headers.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(&self.headers_separator);
            }
            out.extend_from_slice(header.key);
            out.push(b':');
            self.bytes(self.headers_decode, header.value, out)?;
        }
        Ok(())
    }
}

impl Format for Text {
    fn append(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Undecodable> {
        let mut line = Line {
            separator: &self.key_separator,
            columns: 0,
            out,
        };
        let (fetched, row) = (record.fetched, record.row);
        if self.timestamp {
            line.text(&match (row.timestamp, fetched.log_append_time) {
                (..0, _) => "NO_TIMESTAMP".to_owned(),
                (ms, false) => format!("CreateTime:{ms}"),
                (ms, true) => format!("LogAppendTime:{ms}"),
            });
        }
        if self.partition {
            line.text(&format!("Partition:{}", fetched.partition));
        }
        if self.offset {
            line.text(&format!("Offset:{}", row.offset));
        }
        if self.delivery {
            line.text("Delivery:NOT_PRESENT");
        }
        if self.epoch {
            line.text("Epoch:NOT_PRESENT");
        }
        if self.headers {
            self.headers(record, line.column())?;
        }
        if self.key {
            self.bytes(self.key_decode, record.key(), line.column())?;
        }
        if self.value {
            self.bytes(self.value_decode, record.value(), line.column())?;
        }
        if line.columns > 0 {
            out.extend_from_slice(&self.line_separator);
        }
        Ok(())
    }
}

/// A line being written.
struct Line<'a> {
    separator: &'a [u8],
    columns: usize,
    out: &'a mut Vec<u8>,
}

impl Line<'_> {
    /// Begins a column, after a separator where it is not the first.
    fn column(&mut self) -> &mut Vec<u8> {
        if self.columns > 0 {
            self.out.extend_from_slice(self.separator);
        }
        self.columns += 1;
        self.out
    }

    /// A column of its own.
    fn text(&mut self, text: &str) {
        self.column().extend_from_slice(text.as_bytes());
    }
}
