//! The verdict on one key, as Connect's validate call shows it.

use serde::{Serialize, Serializer};

use crate::value::Value;

/// What was found out about one key: its value, what is wrong with it, what it might be instead.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigValue {
    /// The key.
    pub name: String,
    /// The parsed value; null where it could not be parsed.
    #[serde(serialize_with = "as_text")]
    pub value: Value,
    /// Values a user may choose from.
    pub recommended_values: Vec<String>,
    /// What is wrong, in full sentences.
    pub errors: Vec<String>,
    /// Whether the key matters under the other values.
    pub visible: bool,
}

impl ConfigValue {
    /// A verdict without findings.
    pub fn new(name: impl Into<String>, value: Value) -> Self {
        Self {
            name: name.into(),
            value,
            recommended_values: Vec::new(),
            errors: Vec::new(),
            visible: true,
        }
    }

    /// Adds the sentence `Invalid value … for configuration …: why`.
    pub fn refuse(&mut self, value: impl std::fmt::Display, why: &str) {
        self.errors.push(invalid(&self.name, value, why));
    }
}

/// Kafka's sentence about a wrong value.
pub(crate) fn invalid(key: &str, value: impl std::fmt::Display, why: &str) -> String {
    format!("Invalid value {value} for configuration {key}: {why}")
}

fn as_text<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_text().serialize(serializer)
}
