//! Parsed values by key.

use std::collections::BTreeMap;

use crate::errors::ConfigErrors;
use crate::field::FieldType;
use crate::value::Value;

/// The values of every key of a definition, defaults filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(pub(crate) BTreeMap<String, Value>);

impl Values {
    /// The value of a key; null for one that the definition does not have.
    pub fn value(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or(&Value::Null)
    }

    /// The value of a key as a Rust type. It fails when the definition has the key in another
    /// type, or when a null is asked for as a type that has none.
    pub fn field<T: FieldType>(&self, key: &str) -> Result<T, ConfigErrors> {
        T::from_value(self.value(key)).ok_or_else(|| {
            let value = self.value(key);
            let message = format!(
                "Invalid value {value} for configuration {key}: Expected a value of type {}",
                T::KIND.name()
            );
            ConfigErrors::one(key, message)
        })
    }
}
