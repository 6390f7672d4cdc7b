//! Records as JSON objects, one a line.
//!
//! Text is a string, bytes are base64, structs and maps with text keys are objects, other maps arrays of pairs. Members
//! come in the order topic, partition, offset, timestamp, headers, key, value; those not asked for are left out.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::{Cell, ConnectError, Header, SinkRow, Value, utf8_lossy};

use crate::config::StdoutConfig;

/// Appends one record and a newline.
pub(crate) fn append(
    config: &StdoutConfig,
    row: &SinkRow<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    let headers = if config.print_headers {
        row.headers()?
    } else {
        Vec::new()
    };
    write_record(config, row, &headers, out)
        .map_err(|error| ConnectError::data("cannot write a record as JSON").caused_by(error))
}

fn write_record(
    config: &StdoutConfig,
    row: &SinkRow<'_>,
    headers: &[Header],
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let mut object = Object::begin(out);
    if config.print_topic {
        string(object.member("topic")?, row.topic())?;
    }
    if config.print_partition {
        write!(object.member("partition")?, "{}", row.partition())?;
    }
    if config.print_offset {
        write!(object.member("offset")?, "{}", row.offset())?;
    }
    if config.print_timestamp {
        match row.timestamp() {
            Some(timestamp) => write!(object.member("timestamp")?, "{timestamp}")?,
            None => object.member("timestamp")?.extend_from_slice(b"null"),
        }
    }
    if config.print_headers {
        self::headers(object.member("headers")?, headers)?;
    }
    if config.print_key {
        cell(object.member("key")?, row.key())?;
    }
    if config.print_value {
        cell(object.member("value")?, row.value())?;
    }
    object.end();
    out.push(b'\n');
    Ok(())
}

/// An object being written.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    members: usize,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, members: 0 }
    }

    /// Writes a name; the value goes to what is returned.
    fn member(&mut self, name: &str) -> io::Result<&mut Vec<u8>> {
        if self.members > 0 {
            self.out.push(b',');
        }
        self.members += 1;
        string(self.out, name)?;
        self.out.push(b':');
        Ok(self.out)
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

/// Headers keep their order, and names may repeat: an array of objects.
fn headers(out: &mut Vec<u8>, headers: &[Header]) -> io::Result<()> {
    list(out, headers, |out, header| {
        let mut object = Object::begin(out);
        string(object.member("key")?, &header.name)?;
        value(object.member("value")?, &header.value)?;
        object.end();
        Ok(())
    })
}

fn cell(out: &mut Vec<u8>, cell: Cell<'_>) -> io::Result<()> {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => string(out, text)?,
            Err(_) => string(out, &utf8_lossy(text))?,
        },
        Cell::Bytes(bytes) => string(out, &STANDARD.encode(bytes))?,
        Cell::Value(datum) => value(out, &datum.value)?,
    }
    Ok(())
}

fn value(out: &mut Vec<u8>, given: &Value) -> io::Result<()> {
    match given {
        Value::String(text) => string(out, text),
        Value::Bytes(bytes) => string(out, &STANDARD.encode(bytes)),
        Value::Float32(number) if !number.is_finite() => string(out, &given.to_string()),
        Value::Float64(number) if !number.is_finite() => string(out, &given.to_string()),
        // A reader's number type might not hold it.
        Value::Decimal(_) => string(out, &given.to_string()),
        Value::Array(values) => list(out, values, value),
        Value::Struct(fields) => {
            let mut object = Object::begin(out);
            for (field, given) in fields.iter() {
                value(object.member(&field.name)?, given)?;
            }
            object.end();
            Ok(())
        }
        Value::Map(entries) => map(out, entries),
        plain => write!(out, "{plain}"),
    }
}

fn map(out: &mut Vec<u8>, entries: &[(Value, Value)]) -> io::Result<()> {
    if !entries
        .iter()
        .all(|(key, _)| matches!(key, Value::String(_)))
    {
        return list(out, entries, |out, (key, given)| {
            out.push(b'[');
            value(out, key)?;
            out.push(b',');
            value(out, given)?;
            out.push(b']');
            Ok(())
        });
    }
    let mut object = Object::begin(out);
    for (key, given) in entries {
        if let Value::String(name) = key {
            value(object.member(name)?, given)?;
        }
    }
    object.end();
    Ok(())
}

fn list<T>(
    out: &mut Vec<u8>,
    items: &[T],
    mut write: impl FnMut(&mut Vec<u8>, &T) -> io::Result<()>,
) -> io::Result<()> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    out.push(b']');
    Ok(())
}

fn string(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}
