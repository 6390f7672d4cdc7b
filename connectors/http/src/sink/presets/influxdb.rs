//! InfluxDB's line protocol: a point a record, its fields those of the value.
//!
//! Numbers of integer type have the suffix `i`, nested fields are joined with dots, nulls and arrays are left out. A value
//! that is no struct, map or JSON object becomes the field `value`. The time is the record's, in milliseconds.

use millrace_api::{Cell, ConnectError, Value, decimal_text};
use serde_json::Value as Json;

use super::config::PresetConfig;
use crate::refused::Refused;
use crate::sink::view::{Place, View, cell_text};
use crate::template::{Escape, Template, percent_encode};

/// Writes points.
#[derive(Debug)]
pub(crate) struct Lines {
    measurement: Template<Place>,
    tags: Vec<String>,
}

/// A point's tags and fields, in the order of the value.
#[derive(Debug, Default)]
struct Point {
    tags: Vec<(String, String)>,
    fields: Vec<(String, String)>,
}

impl Lines {
    pub(super) fn new(config: &PresetConfig) -> Result<Self, String> {
        let tags = config.influxdb_tags.iter().filter(|tag| !tag.is_empty());
        Ok(Self {
            measurement: Template::read(&config.influxdb_measurement, Place::read)?,
            tags: tags.cloned().collect(),
        })
    }

    pub(super) fn render(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        let mut measurement = String::new();
        self.measurement
            .fill(&mut measurement, Escape::None, |place, text| {
                view.fill(place, text)
            })
            .map_err(|error| ConnectError::data("cannot name the measurement").caused_by(error))?;
        let mut point = self.point(view);
        if point.fields.is_empty() {
            return Err(ConnectError::data(
                "the record has no field for a point; check influxdb.tags, or filter such records out",
            ));
        }
        // The server wants tags sorted.
        point.tags.sort();
        let mut line = escaped(&measurement, &[',', ' ']);
        for (name, value) in &point.tags {
            line.push_str(&format!(",{name}={value}"));
        }
        for (index, (name, value)) in point.fields.iter().enumerate() {
            line.push(if index == 0 { ' ' } else { ',' });
            line.push_str(name);
            line.push('=');
            line.push_str(value);
        }
        if let Some(timestamp) = view.row.timestamp() {
            line.push_str(&format!(" {timestamp}"));
        }
        out.extend_from_slice(line.as_bytes());
        Ok(())
    }

    fn point(&self, view: &View<'_>) -> Point {
        let mut point = Point::default();
        match view.row.value() {
            Cell::Value(datum) => self.add_value(&mut point, "", &datum.value),
            value => match view.value_json() {
                Some(json @ Json::Object(_)) => self.add_json(&mut point, "", json),
                _ => {
                    let mut text = String::new();
                    if cell_text(value, &mut text) {
                        self.add(&mut point, "", &text, quoted(&text));
                    }
                }
            },
        }
        point
    }

    fn add(&self, point: &mut Point, path: &str, text: &str, field: String) {
        let name = if path.is_empty() { "value" } else { path };
        let key = escaped(name, &[',', '=', ' ']);
        match self.tags.iter().any(|tag| tag == name) {
            // An empty tag is not allowed; it is the same as none.
            true if text.is_empty() => {}
            true => point.tags.push((key, escaped(text, &[',', '=', ' ']))),
            false => point.fields.push((key, field)),
        }
    }

    fn add_value(&self, point: &mut Point, path: &str, value: &Value) {
        let text = value.to_string();
        match value {
            Value::Null | Value::Array(_) => {}
            Value::Struct(fields) => {
                for (field, value) in fields.iter() {
                    self.add_value(point, &joined(path, &field.name), value);
                }
            }
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.add_value(point, &joined(path, &key.to_string()), value);
                }
            }
            Value::Int8(_)
            | Value::Int16(_)
            | Value::Int32(_)
            | Value::Int64(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Timestamp(_) => self.add(point, path, &text, format!("{text}i")),
            Value::Float32(number) if !number.is_finite() => {}
            Value::Float64(number) if !number.is_finite() => {}
            Value::Float32(_) | Value::Float64(_) | Value::Boolean(_) => {
                self.add(point, path, &text, text.clone())
            }
            Value::Decimal(number) => {
                let text = decimal_text(number);
                self.add(point, path, &text, text.clone());
            }
            Value::String(text) => self.add(point, path, text, quoted(text)),
            Value::Bytes(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                self.add(point, path, &text, quoted(&text));
            }
        }
    }

    fn add_json(&self, point: &mut Point, path: &str, value: &Json) {
        match value {
            Json::Null | Json::Array(_) => {}
            Json::Object(members) => {
                for (name, value) in members {
                    self.add_json(point, &joined(path, name), value);
                }
            }
            Json::String(text) => self.add(point, path, text, quoted(text)),
            // A number of JSON has no type, and a field keeps the type of its first point: a float takes them all.
            other => self.add(point, path, &other.to_string(), other.to_string()),
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}

/// Escapes what separates parts of a line. A line end ends a line wherever it stands, so it becomes a blank.
fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let character = if matches!(character, '\n' | '\r') {
            ' '
        } else {
            character
        };
        if special.contains(&character) {
            out.push('\\');
        }
        out.push(character);
    }
    // A backslash at the end would escape what follows.
    if out.ends_with('\\') {
        out.push(' ');
    }
    out
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The path of the write API: InfluxDB 2 with organisation and bucket, InfluxDB 1 with a database.
pub(super) fn path(config: &PresetConfig) -> String {
    let encoded = |text: &Option<String>| {
        let mut encoded = String::new();
        percent_encode(&mut encoded, text.as_deref().unwrap_or_default());
        encoded
    };
    match &config.influxdb_database {
        Some(_) => format!(
            "/write?db={}&precision=ms",
            encoded(&config.influxdb_database)
        ),
        None => {
            let (org, bucket) = (
                encoded(&config.influxdb_org),
                encoded(&config.influxdb_bucket),
            );
            format!("/api/v2/write?org={org}&bucket={bucket}&precision=ms")
        }
    }
}

pub(super) fn contradictions(config: &PresetConfig, refused: &mut Refused) {
    match (&config.influxdb_database, &config.influxdb_bucket) {
        (None, None) => {
            let why = "preset=influxdb needs a bucket of InfluxDB 2, or influxdb.database of InfluxDB 1; set one of them";
            refused.missing("influxdb.bucket", why);
        }
        (Some(database), Some(_)) => {
            let why =
                "a database is of InfluxDB 1 and a bucket of InfluxDB 2; leave one of them out";
            refused.add("influxdb.database", database, why);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(escaped("a b,c=d\ne", &[',', '=', ' ']), "a\\ b\\,c\\=d\\ e");
        assert_eq!(escaped("a b=c\\", &[',']), "a b=c\\ ");
        assert_eq!(quoted("a\"b\\"), "\"a\\\"b\\\\\"");
    }
}
