//! Grafana Loki's push API: records are lines of streams, and a stream is a set of labels.

use std::io::Write;

use millrace_api::{Cell, ConnectError, Value};

use super::config::PresetConfig;
use crate::sink::json::{self, DecimalFormat};
use crate::sink::view::{Place, View, cell_text};
use crate::template::{Escape, Template};

/// Writes entries of streams.
#[derive(Debug)]
pub(crate) struct Streams {
    labels: Vec<(String, Template<Place>)>,
}

/// Reads `name=value` items.
///
/// # Errors
/// Which item is wrong, and what is meant to be there.
pub(super) fn read_labels(items: &[String]) -> Result<Vec<(String, Template<Place>)>, String> {
    let labels: Vec<_> = items
        .iter()
        .filter(|item| !item.trim().is_empty())
        .map(|item| {
            let (name, value) = item
                .split_once('=')
                .ok_or_else(|| format!("'{item}' is not a label; write name=value, separated by commas"))?;
            let name = name.trim();
            if !is_label_name(name) {
                return Err(format!(
                    "'{name}' is not the name of a label; use letters, digits and underscores, and begin with a letter"
                ));
            }
            Ok((name.to_owned(), Template::read(value.trim(), Place::read)?))
        })
        .collect::<Result<_, _>>()?;
    match labels.is_empty() {
        true => Err(
            "a stream needs at least one label; write name=value, such as topic=${topic}"
                .to_owned(),
        ),
        false => Ok(labels),
    }
}

fn is_label_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|other| other.is_ascii_alphanumeric() || other == '_')
}

impl Streams {
    pub(super) fn new(config: &PresetConfig) -> Result<Self, String> {
        Ok(Self {
            labels: read_labels(&config.loki_labels)?,
        })
    }

    /// Appends `["nanoseconds","line"]` and returns the labels as a JSON object.
    pub(super) fn render(
        &self,
        view: &View<'_>,
        out: &mut Vec<u8>,
        decimals: DecimalFormat,
    ) -> Result<String, ConnectError> {
        let failed = |error: std::io::Error| {
            ConnectError::data("cannot write the record as a log line").caused_by(error)
        };
        let milliseconds = view.row.timestamp().unwrap_or_default();
        write!(out, "[\"{milliseconds}000000\",").map_err(failed)?;
        line(out, view, decimals).map_err(failed)?;
        out.push(b']');
        self.labels_of(view)
    }

    fn labels_of(&self, view: &View<'_>) -> Result<String, ConnectError> {
        let mut labels = Vec::new();
        let mut value = String::new();
        for (index, (name, template)) in self.labels.iter().enumerate() {
            value.clear();
            template
                .fill(&mut value, Escape::None, |place, text| {
                    view.fill(place, text)
                })
                .map_err(|error| {
                    ConnectError::data(format!("cannot set the label {name}")).caused_by(error)
                })?;
            labels.push(if index == 0 { b'{' } else { b',' });
            let written = json::string(&mut labels, name).and_then(|()| {
                labels.push(b':');
                json::string(&mut labels, &value)
            });
            written.map_err(|error| ConnectError::data("cannot write labels").caused_by(error))?;
        }
        labels.push(b'}');
        Ok(String::from_utf8_lossy(&labels).into_owned())
    }
}

/// The line as a JSON string: text as it is, other values as JSON.
fn line(out: &mut Vec<u8>, view: &View<'_>, decimals: DecimalFormat) -> std::io::Result<()> {
    let value = view.row.value();
    let structured = match value {
        Cell::Value(datum) => matches!(
            datum.value,
            Value::Struct(_) | Value::Map(_) | Value::Array(_)
        ),
        _ => false,
    };
    let mut text = String::new();
    if structured {
        let mut document = Vec::new();
        json::cell(&mut document, value, decimals)?;
        text = String::from_utf8_lossy(&document).into_owned();
    } else {
        cell_text(value, &mut text);
    }
    json::string(out, &text)
}
