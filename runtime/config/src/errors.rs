//! What is wrong with a configuration, all of it at once.

use std::fmt;

/// One problem of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError {
    /// The key's name.
    pub key: String,
    /// The full sentence, which names the key.
    pub message: String,
}

/// Every problem found in a configuration, in the order of the definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    errors: Vec<KeyError>,
}

impl ConfigErrors {
    /// A single problem.
    pub fn one(key: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.push(key, message);
        errors
    }

    /// Adds a problem.
    pub fn push(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.errors.push(KeyError {
            key: key.into(),
            message: message.into(),
        });
    }

    /// Adds all problems of another configuration.
    pub fn extend(&mut self, other: ConfigErrors) {
        self.errors.extend(other.errors);
    }

    /// The problems, in order.
    pub fn iter(&self) -> impl Iterator<Item = &KeyError> {
        self.errors.iter()
    }

    /// The number of problems.
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// Whether there is nothing wrong.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// `value` if there is nothing wrong, else these errors.
    pub fn into_result<T>(self, value: T) -> Result<T, ConfigErrors> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&error.message)?;
        }
        Ok(())
    }
}
