//! What can be said of keys together where others are wrong, so that all errors of a configuration are told at once.

use std::collections::BTreeSet;
use std::fmt;

use crate::{Config, Properties};

/// The typed configuration, where neither a key by itself nor `contradictions`, each a key with a message, says against it.
///
/// # Errors
/// Everything that is wrong with it: with keys by themselves, else with keys together, a line each.
pub fn read_sound<C: Config>(
    properties: &Properties,
    contradictions: impl FnOnce(&Properties) -> Vec<(String, String)>,
) -> Result<C, String> {
    let config = C::parse(properties).map_err(|errors| errors.to_string())?;
    let wrong = contradictions(properties);
    if wrong.is_empty() {
        return Ok(config);
    }
    let why: Vec<_> = wrong.into_iter().map(|(_, why)| why).collect();
    Err(why.join("\n"))
}

/// A configuration as far as it is sound: keys that are wrong have their defaults.
#[derive(Debug)]
pub struct Sound<C> {
    config: C,
    wrong: BTreeSet<String>,
}

/// What is wrong with keys together.
#[derive(Debug)]
pub struct Refusals<'a, C> {
    sound: &'a Sound<C>,
    found: Vec<(String, String)>,
}

/// A key with the message that refuses its value.
pub fn refused(key: &str, value: impl fmt::Display, why: &str) -> (String, String) {
    let message = format!("Invalid value {value} for configuration {key}: {why}");
    (key.to_owned(), message)
}

impl<C: Config> Refusals<'_, C> {
    /// Refuses `value` of the first of these keys, because of the others. Nothing where one of them is wrong by itself.
    pub fn refuse(&mut self, keys: &[&str], value: &str, why: &str) {
        if let Some(key) = keys.first()
            && self.sound.are_sound(keys)
        {
            self.found.push(refused(key, value, why));
        }
    }
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

    /// What is wrong with keys together, as `find` refuses them: each key with a message.
    pub fn contradictions(
        &self,
        find: impl FnOnce(&C, &mut Refusals<'_, C>),
    ) -> Vec<(String, String)> {
        let mut refusals = Refusals {
            sound: self,
            found: Vec::new(),
        };
        find(&self.config, &mut refusals);
        refusals.found
    }
}
