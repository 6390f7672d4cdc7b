//! The lines of records: text, JSON or CSV.

use std::io;

use millrace_api::config;
use millrace_api::{Cell, ConnectError, SinkRow};

use crate::config::{Format, JsonText, text};
use crate::json;
use crate::place::{Found, Place, View};

/// What stands for nothing in text.
const NULL: &[u8] = b"null";

/// How a record becomes a line.
#[derive(Debug)]
pub(crate) struct Shape {
    format: Format,
    columns: Vec<(String, Place)>,
    json_text: JsonText,
    separator: u8,
    /// What each file begins with.
    head: Vec<u8>,
    /// The line is the value alone.
    is_value: bool,
}

impl Shape {
    /// Lines with these columns.
    ///
    /// # Errors
    /// Which column there is not.
    pub(crate) fn new(
        format: Format,
        columns: &[String],
        json_text: JsonText,
        has_head: bool,
        separator: u8,
    ) -> Result<Self, String> {
        let columns = columns
            .iter()
            .map(|name| {
                let place = Place::read(name).ok_or_else(|| unknown(name))?;
                Ok((name.clone(), place))
            })
            .collect::<Result<Vec<_>, String>>()?;
        let mut head = Vec::new();
        if format == Format::Csv && has_head {
            for (index, (name, _)) in columns.iter().enumerate() {
                if index > 0 {
                    head.push(separator);
                }
                quote(&mut head, name.as_bytes(), separator);
            }
            head.extend_from_slice(b"\r\n");
        }
        Ok(Self {
            is_value: matches!(columns.as_slice(), [(_, Place::Value)]),
            format,
            columns,
            json_text,
            separator,
            head,
        })
    }

    /// What each file begins with.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Appends the line of a record; on an error nothing.
    ///
    /// # Errors
    /// When the record cannot be written in this form.
    pub(crate) fn append(&self, row: SinkRow<'_>, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        if self.is_value
            && self.format == Format::Text
            && let Cell::Text(value) | Cell::Bytes(value) = row.value()
        {
            out.extend_from_slice(value);
            out.push(b'\n');
            return Ok(());
        }
        let before = out.len();
        let outcome = self.write(&View::new(row), out);
        if outcome.is_err() {
            out.truncate(before);
        }
        outcome
    }

    fn write(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        let failed = |error: io::Error| {
            ConnectError::data("cannot write a record as a line").caused_by(error)
        };
        let is_object = self.format == Format::Json && !self.is_value;
        for (index, (name, place)) in self.columns.iter().enumerate() {
            let found = view.find(place)?;
            match self.format {
                Format::Text if index > 0 => out.push(b'\t'),
                Format::Csv if index > 0 => out.push(self.separator),
                Format::Json if is_object => out.push(if index > 0 { b',' } else { b'{' }),
                Format::Text | Format::Csv | Format::Json => {}
            }
            if is_object {
                json::string(out, name).map_err(failed)?;
                out.push(b':');
            }
            self.column(&found, out).map_err(failed)?;
        }
        if is_object {
            out.push(b'}');
        }
        match self.format {
            Format::Csv => out.extend_from_slice(b"\r\n"),
            Format::Text | Format::Json => out.push(b'\n'),
        }
        Ok(())
    }

    fn column(&self, found: &Found<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        match self.format {
            Format::Json => json::found(out, found, self.json_text)?,
            Format::Text => {
                if !found.text(out)? {
                    out.extend_from_slice(NULL);
                }
            }
            Format::Csv => {
                let start = out.len();
                // Nothing is an empty field, an empty text a quoted one.
                if found.text(out)? {
                    let field = out.split_off(start);
                    quote(out, &field, self.separator);
                }
            }
        }
        Ok(())
    }
}

/// Appends a field of CSV, quoted where RFC 4180 needs it.
fn quote(out: &mut Vec<u8>, field: &[u8], separator: u8) {
    let needs = field.is_empty()
        || field
            .iter()
            .any(|&byte| matches!(byte, b'"' | b'\n' | b'\r') || byte == separator);
    if !needs {
        out.extend_from_slice(field);
        return;
    }
    out.push(b'"');
    for &byte in field {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn unknown(name: &str) -> String {
    format!(
        "there is no column '{name}'; choose of topic, partition, offset, timestamp, key, value, headers, key.FIELD, \
         value.FIELD and header.NAME"
    )
}

/// Checks the columns, for the definition of the keys.
pub(crate) fn check_columns(_key: &str, value: &config::Value) -> Result<(), String> {
    let names = value.as_list().unwrap_or_default();
    if names.is_empty() {
        return Err("name at least one column, such as value".to_owned());
    }
    match names.iter().find(|name| Place::read(name).is_none()) {
        Some(name) => Err(unknown(name)),
        None => Ok(()),
    }
}

/// A column that is named more than once.
pub(crate) fn twice(columns: &[String]) -> Option<&String> {
    let mut named = columns.iter().enumerate();
    let found = named.find(|(index, name)| columns[..*index].contains(name));
    found.map(|(_, name)| name)
}

/// Checks the separator, for the definition of the keys.
pub(crate) fn check_separator(_key: &str, value: &config::Value) -> Result<(), String> {
    separator(text(value)).map(drop)
}

/// The separator of CSV.
///
/// # Errors
/// Why the text is none.
pub(crate) fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii_graphic() && *byte != b'"' => Ok(*byte),
        _ => Err("write one character such as , or ; or |, or \\t for a tab".to_owned()),
    }
}

#[cfg(test)]
mod tests;
