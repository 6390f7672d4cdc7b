//! An appender's part of a log4rs file, before it is checked.

use std::collections::BTreeMap;

use log4rs::encode::EncoderConfig;
use millrace_config::{ConfigErrors, Properties};
use serde::Deserialize;
use serde_value::Value;

/// The configuration of an appender in a log4rs file: `encoder` as all appenders have it, or `layout` as log4j has it;
/// everything else are keys with one value each, or lists of values.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct AppenderConfig(BTreeMap<String, Value>);

/// The same, taken apart.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) encoder: Option<EncoderConfig>,
    /// log4j's ConversionPattern.
    pub(crate) pattern: Option<String>,
    pub(crate) properties: Properties,
}

/// Under these names log4j and its successors have the pattern of a layout.
const PATTERN: &[&str] = &["ConversionPattern", "conversionPattern", "pattern"];
/// The layouts that have such a pattern.
const PATTERN_LAYOUTS: &[&str] = &["PatternLayout", "EnhancedPatternLayout"];

impl AppenderConfig {
    pub(crate) fn take_apart(self, errors: &mut ConfigErrors) -> Given {
        let mut given = Given {
            encoder: None,
            pattern: None,
            properties: Properties::new(),
        };
        for (key, value) in self.0 {
            match (key.as_str(), value) {
                ("encoder", value) => match value.clone().deserialize_into() {
                    Ok(encoder) => given.encoder = Some(encoder),
                    Err(error) => errors.push(
                        "encoder",
                        format!(
                            "Invalid value {} for configuration encoder: {error}; write its keys below it, such as pattern: \"{{m}}{{n}}\"",
                            text(&value)
                        ),
                    ),
                },
                ("layout", Value::Map(map)) => {
                    for (key, value) in map {
                        let key = plain(key).unwrap_or_default();
                        given.layout(&key, value, errors);
                    }
                }
                ("layout", value) => given.layout("class", value, errors),
                ("producer", Value::Map(map)) => {
                    for (key, value) in map {
                        let key = plain(key).unwrap_or_default();
                        given.property(key, value, errors);
                    }
                }
                (_, value) => match key.strip_prefix("layout.") {
                    Some(key) => given.layout(key, value, errors),
                    None => given.property(key, value, errors),
                },
            }
        }
        if given.encoder.is_some() && given.pattern.is_some() {
            errors.push(
                "layout",
                "Configuration layout is given beside encoder; give one of them",
            );
        }
        given
    }
}

impl Given {
    fn layout(&mut self, key: &str, value: Value, errors: &mut ConfigErrors) {
        let Some(text) = plain(value) else {
            errors.push(
                "layout",
                format!("Invalid value for configuration layout.{key}: must be text"),
            );
            return;
        };
        if PATTERN.contains(&key) {
            self.pattern = Some(text);
            return;
        }
        let is_class = ["class", "type", "kind"].contains(&key);
        let short = text.rsplit('.').next().unwrap_or_default();
        if !is_class {
            errors.push(
                "layout",
                format!("Unknown configuration layout.{key}: a layout has a class and a ConversionPattern; leave it out"),
            );
        } else if !PATTERN_LAYOUTS.contains(&short) {
            errors.push(
                "layout",
                format!("Invalid value {text} for configuration layout: PatternLayout can be translated; for others use an encoder of log4rs"),
            );
        }
    }

    fn property(&mut self, key: String, value: Value, errors: &mut ConfigErrors) {
        match plain(value) {
            Some(text) => {
                self.properties.insert(key, text);
            }
            None => errors.push(&key, format!("Invalid value for configuration {key}: must be a single value or a list of values")),
        }
    }
}

/// An encoder as its user wrote it, or nearly so.
pub(crate) fn shown(encoder: &EncoderConfig) -> String {
    text(&encoder.config).replacen('{', &format!("{{kind: {}, ", encoder.kind), 1)
}

fn text(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let entries = map.iter();
            let entries: Vec<_> = entries
                .map(|(key, value)| format!("{}: {}", text(key), text(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        value => plain(value.clone()).unwrap_or_default(),
    }
}

/// A value as the text that a properties file would have.
fn plain(value: Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text,
        Value::Bool(flag) => flag.to_string(),
        Value::Char(character) => character.to_string(),
        Value::U8(number) => number.to_string(),
        Value::U16(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::I8(number) => number.to_string(),
        Value::I16(number) => number.to_string(),
        Value::I32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::F32(number) => number.to_string(),
        Value::F64(number) => number.to_string(),
        Value::Newtype(inner) => return plain(*inner),
        Value::Option(Some(inner)) => return plain(*inner),
        Value::Seq(items) => {
            let texts: Option<Vec<_>> = items.into_iter().map(plain).collect();
            texts?.join(",")
        }
        Value::Unit | Value::Option(None) => String::new(),
        Value::Map(_) | Value::Bytes(_) => return None,
    })
}
