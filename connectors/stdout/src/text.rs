//! Records as columns of text, in the order and the forms of Kafka's console consumer.

use std::io::{self, Write};

use millrace_api::{Cell, SinkRow, Value};

use crate::config::StdoutConfig;

/// Appends records as text lines.
#[derive(Debug)]
pub(crate) struct TextLines {
    config: StdoutConfig,
    key_separator: String,
    headers_separator: String,
}

impl TextLines {
    pub(crate) fn new(config: StdoutConfig) -> Self {
        let (key_separator, headers_separator) =
            (config.key_separator(), config.headers_separator());
        Self {
            config,
            key_separator,
            headers_separator,
        }
    }

    /// Appends one record and a newline.
    pub(crate) fn append(&self, row: &SinkRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let config = &self.config;
        let mut columns = 0;
        if config.print_topic {
            self.separate(&mut columns, out);
            out.extend_from_slice(row.topic().as_bytes());
        }
        if config.print_timestamp {
            self.separate(&mut columns, out);
            timestamp(row, out)?;
        }
        if config.print_partition {
            self.separate(&mut columns, out);
            write!(out, "Partition:{}", row.partition())?;
        }
        if config.print_offset {
            self.separate(&mut columns, out);
            write!(out, "Offset:{}", row.offset())?;
        }
        if config.print_headers {
            self.separate(&mut columns, out);
            self.headers(row, out);
        }
        if config.print_key {
            self.separate(&mut columns, out);
            self.cell(row.key(), out)?;
        }
        if config.print_value {
            self.separate(&mut columns, out);
            self.cell(row.value(), out)?;
        }
        out.push(b'\n');
        Ok(())
    }

    fn separate(&self, columns: &mut usize, out: &mut Vec<u8>) {
        if *columns > 0 {
            out.extend_from_slice(self.key_separator.as_bytes());
        }
        *columns += 1;
    }

    fn headers(&self, row: &SinkRow<'_>, out: &mut Vec<u8>) {
        let mut headers = row.encoded_headers().iter().peekable();
        if headers.peek().is_none() {
            out.extend_from_slice(b"NO_HEADERS");
        }
        while let Some((name, value)) = headers.next() {
            out.extend_from_slice(name);
            out.push(b':');
            out.extend_from_slice(value.unwrap_or(self.config.null_literal.as_bytes()));
            if headers.peek().is_some() {
                out.extend_from_slice(self.headers_separator.as_bytes());
            }
        }
    }

    fn cell(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        match cell {
            Cell::Text(bytes) | Cell::Bytes(bytes) => out.extend_from_slice(bytes),
            Cell::Null => out.extend_from_slice(self.config.null_literal.as_bytes()),
            Cell::Value(datum) => match &datum.value {
                Value::Null => out.extend_from_slice(self.config.null_literal.as_bytes()),
                Value::Bytes(bytes) => out.extend_from_slice(bytes),
                value => write!(out, "{value}")?,
            },
        }
        Ok(())
    }
}

fn timestamp(row: &SinkRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    match row.timestamp() {
        None => out.extend_from_slice(b"NO_TIMESTAMP"),
        Some(timestamp) if row.log_append_time() => write!(out, "LogAppendTime:{timestamp}")?,
        Some(timestamp) => write!(out, "CreateTime:{timestamp}")?,
    }
    Ok(())
}
