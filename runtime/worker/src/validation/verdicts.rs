//! The answer to a validate call, in the shape of Connect's REST bodies.

use millrace_config::{ConfigDef, ConfigValue, KeyInfo, NullableProperties, Value};
use serde::Serialize;

/// Said of a null where a value must be.
pub(super) const NULL_VALUE: &str = "Null value can not be supplied as the configuration value.";

/// A key's definition and the verdict on its value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// What the key is; none for one that nobody defines.
    pub definition: Option<KeyInfo>,
    /// What was found out about its value.
    pub value: ConfigValue,
}

/// The verdict on a whole connector configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdicts {
    /// The connector's class as it was given.
    pub name: String,
    /// How many errors there are.
    pub error_count: usize,
    /// The groups of a form, in order.
    pub groups: Vec<String>,
    /// Every key, in order.
    pub configs: Vec<Verdict>,
}

impl Verdicts {
    /// All errors, in order.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.configs
            .iter()
            .flat_map(|verdict| &verdict.value.errors)
            .map(String::as_str)
    }

    /// Adds an error to a key that is there.
    pub(crate) fn add_error(&mut self, key: &str, message: String) {
        let mut values = self.configs.iter_mut().map(|verdict| &mut verdict.value);
        if let Some(value) = values.find(|value| value.name == key) {
            value.errors.push(message);
            self.error_count += 1;
        }
    }

    /// The message with which a create or update of this configuration is refused; none if nothing is wrong.
    pub fn refusal(&self) -> Option<String> {
        if self.error_count == 0 {
            return None;
        }
        let mut text = format!(
            "Connector configuration is invalid and contains the following {} error(s):",
            self.error_count
        );
        for error in self.errors() {
            text.push('\n');
            text.push_str(error);
        }
        text.push_str(
            "\nYou can also find the above list of errors at the endpoint \
             `/connector-plugins/{connectorType}/config/validate`",
        );
        Some(text)
    }
}

/// A definition with the verdicts on its keys, to be refined before they are put together.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub(super) groups: Vec<String>,
    pub(super) verdicts: Vec<Verdict>,
}

impl Part {
    /// Judges `properties` by a definition.
    pub(super) fn judge(definition: &ConfigDef, properties: &NullableProperties) -> Self {
        let verdicts = definition
            .validate(properties)
            .into_iter()
            .map(|value| Verdict {
                definition: definition.find(&value.name).map(|key| key.info()),
                value,
            });
        Self {
            groups: definition.groups(),
            verdicts: verdicts.collect(),
        }
    }

    pub(super) fn find(&mut self, key: &str) -> Option<&mut ConfigValue> {
        self.verdicts
            .iter_mut()
            .map(|verdict| &mut verdict.value)
            .find(|value| value.name == key)
    }

    /// Whether nothing is wrong with a key.
    pub(super) fn has_no_error(&self, key: &str) -> bool {
        self.verdicts
            .iter()
            .filter(|verdict| verdict.value.name == key)
            .all(|verdict| verdict.value.errors.is_empty())
    }

    /// The parsed value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.verdicts
            .iter()
            .map(|verdict| &verdict.value)
            .find(|value| value.name == key)
            .map(|value| &value.value)
    }

    /// Adds an error to a key; one that nobody defines gets an entry of its own, at the front.
    pub(super) fn add_error(&mut self, key: &str, message: impl Into<String>) {
        if self.find(key).is_none() {
            self.verdicts.insert(0, undefined(key));
        }
        if let Some(value) = self.find(key) {
            value.errors.push(message.into());
        }
    }

    /// Puts the keys of another part over the own ones of the same name, and behind them otherwise.
    pub(super) fn overlay(&mut self, other: Part) {
        for verdict in other.verdicts {
            match self
                .verdicts
                .iter_mut()
                .find(|own| own.value.name == verdict.value.name)
            {
                Some(own) => *own = verdict,
                None => self.verdicts.push(verdict),
            }
        }
        self.add_groups(other.groups);
    }

    /// Appends another part whose keys are not of the same space of names.
    pub(super) fn append(&mut self, other: Part) {
        self.verdicts.extend(other.verdicts);
        self.add_groups(other.groups);
    }

    fn add_groups(&mut self, groups: Vec<String>) {
        for group in groups {
            if !self.groups.contains(&group) {
                self.groups.push(group);
            }
        }
    }

    /// Puts `prefix` before every key: those of a converter stand below the converter's own key.
    pub(super) fn prefixed(mut self, prefix: &str) -> Self {
        for verdict in &mut self.verdicts {
            verdict.value.name.insert_str(0, prefix);
            if let Some(definition) = &mut verdict.definition {
                definition.name.insert_str(0, prefix);
            }
        }
        self
    }

    pub(super) fn into_verdicts(mut self, name: String) -> Verdicts {
        // What nobody defines comes first; the sort is stable.
        self.verdicts.sort_by_key(|verdict| {
            verdict.definition.is_some() || is_override(&verdict.value.name)
        });
        let error_count = self
            .verdicts
            .iter()
            .map(|verdict| verdict.value.errors.len())
            .sum();
        Verdicts {
            name,
            error_count,
            groups: self.groups,
            configs: self.verdicts,
        }
    }
}

fn is_override(key: &str) -> bool {
    super::overrides::PREFIXES
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

/// The verdict on a key that no definition knows.
pub(super) fn undefined(key: &str) -> Verdict {
    Verdict {
        definition: None,
        value: ConfigValue::new(key, Value::Null),
    }
}
