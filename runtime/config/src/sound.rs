//! What can be said of keys together where others are wrong, so that all errors of a configuration are told at once.

use std::collections::BTreeSet;

use crate::{Config, Properties};

/// A configuration as far as it is sound: keys that are wrong have their defaults.
#[derive(Debug)]
pub struct Sound<C> {
    config: C,
    wrong: BTreeSet<String>,
}

impl<C: Config> Sound<C> {
    /// Reads what can be read. `stand_ins` are values of keys that have no default, for where they are missing or wrong.
    /// None if the configuration cannot be read even so.
    pub fn read(properties: &Properties, stand_ins: &[(&str, &str)]) -> Option<Self> {
        let mut rest = properties.clone();
        let mut wrong = BTreeSet::new();
        if let Err(errors) = C::parse(properties) {
            for error in errors.iter() {
                rest.remove(&error.key);
                wrong.insert(error.key.clone());
            }
            for (key, value) in stand_ins {
                rest.entry((*key).to_owned())
                    .or_insert_with(|| (*value).to_owned());
            }
        }
        let config = C::parse(&rest).ok()?;
        Some(Self { config, wrong })
    }

    /// The configuration, in which keys that are wrong have other values.
    pub fn config(&self) -> &C {
        &self.config
    }

    /// Whether each of these keys has the value that it was given, so that they may be held against one another.
    pub fn are_sound(&self, keys: &[&str]) -> bool {
        !keys.iter().any(|key| self.wrong.contains(*key))
    }
}
