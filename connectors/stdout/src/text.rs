//! Records as columns of text, in the order and the forms of Kafka's console consumer.

use std::io::{self, Write};

use millrace_api::{Cell, SinkRow, Value};

use crate::colors::{Palette, Part};
use crate::config::StdoutConfig;

/// Appends records as text lines.
#[derive(Debug)]
pub(crate) struct TextLines {
    config: StdoutConfig,
    key_separator: String,
    line_separator: String,
    headers_separator: String,
    palette: Palette,
}

impl TextLines {
    pub(crate) fn new(config: StdoutConfig, palette: Palette) -> Self {
        Self {
            key_separator: config.key_separator(),
            line_separator: config.line_separator(),
            headers_separator: config.headers_separator(),
            config,
            palette,
        }
    }

    /// Appends one record: its columns, and the line separator if there is any.
    pub(crate) fn append(&self, row: &SinkRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let mut columns = Columns {
            lines: self,
            out,
            count: 0,
        };
        self.append_around(row, &mut columns)?;
        let config = &self.config;
        columns.add(config.print_key, Part::Key, |out| {
            append_cell(row.key(), &config.null_literal, out)
        })?;
        columns.add(config.print_value, Part::Value, |out| {
            append_cell(row.value(), &config.null_literal, out)
        })?;
        if columns.count > 0 {
            out.extend_from_slice(self.line_separator.as_bytes());
        }
        Ok(())
    }

    /// Appends what stands before key and value.
    fn append_around(&self, row: &SinkRow<'_>, columns: &mut Columns<'_>) -> io::Result<()> {
        let config = &self.config;
        let around = Part::Around;
        columns.add(config.print_topic, around, |out| {
            out.write_all(row.topic().as_bytes())
        })?;
        columns.add(config.print_timestamp, around, |out| timestamp(row, out))?;
        columns.add(config.print_partition, around, |out| {
            write!(out, "Partition:{}", row.partition())
        })?;
        columns.add(config.print_offset, around, |out| {
            write!(out, "Offset:{}", row.offset())
        })?;
        // A sink is told neither; Kafka's tool has the same words where it is not.
        columns.add(config.print_delivery, around, |out| {
            out.write_all(b"Delivery:NOT_PRESENT")
        })?;
        columns.add(config.print_epoch, around, |out| {
            out.write_all(b"Epoch:NOT_PRESENT")
        })?;
        columns.add(config.print_headers, around, |out| {
            self.headers(row, out);
            Ok(())
        })
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
}

/// The columns of one record.
struct Columns<'a> {
    lines: &'a TextLines,
    out: &'a mut Vec<u8>,
    count: usize,
}

impl Columns<'_> {
    fn add(
        &mut self,
        is_asked_for: bool,
        part: Part,
        write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        if !is_asked_for {
            return Ok(());
        }
        if self.count > 0 {
            self.out
                .extend_from_slice(self.lines.key_separator.as_bytes());
        }
        self.count += 1;
        self.lines.palette.begin(part, self.out);
        write(self.out)?;
        self.lines.palette.end(part, self.out);
        Ok(())
    }
}

/// Appends a key or a value as text.
pub(crate) fn append_cell(cell: Cell<'_>, null: &str, out: &mut Vec<u8>) -> io::Result<()> {
    match cell {
        Cell::Text(bytes) | Cell::Bytes(bytes) => out.extend_from_slice(bytes),
        Cell::Null => out.extend_from_slice(null.as_bytes()),
        Cell::Value(datum) => match &datum.value {
            Value::Null => out.extend_from_slice(null.as_bytes()),
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            value => write!(out, "{value}")?,
        },
    }
    Ok(())
}

fn timestamp(row: &SinkRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    match row.timestamp() {
        None => out.extend_from_slice(b"NO_TIMESTAMP"),
        Some(timestamp) if row.log_append_time() => write!(out, "LogAppendTime:{timestamp}")?,
        Some(timestamp) => write!(out, "CreateTime:{timestamp}")?,
    }
    Ok(())
}
