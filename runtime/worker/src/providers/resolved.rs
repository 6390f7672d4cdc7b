//! A configuration with values in the place of its references, and the way back for what is shown.

use std::fmt;
use std::time::Duration;

use millrace_api::Properties;
use millrace_config::{NullableProperties, Value};

use super::{Found, reference};
use crate::validation::Verdicts;

/// Shorter values are not searched for in texts: they would be found everywhere.
const TELLING: usize = 4;

/// A configuration without references.
#[derive(Clone, Default)]
pub struct Resolved {
    /// The configuration.
    pub properties: Properties,
    /// After how long the first of its values is to be looked up again; none if all hold for ever.
    pub ttl: Option<Duration>,
    /// The entries that held references: key, text with references, text with values.
    replaced: Vec<Replaced>,
}

#[derive(Clone)]
struct Replaced {
    key: String,
    reference: String,
    value: String,
}

impl fmt::Debug for Resolved {
    /// Keys only: values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.replaced.iter().map(|replaced| &replaced.key);
        f.debug_struct("Resolved")
            .field("keys", &self.properties.keys().collect::<Vec<_>>())
            .field("replaced", &keys.collect::<Vec<_>>())
            .field("ttl", &self.ttl)
            .finish()
    }
}

impl Resolved {
    pub(super) fn new(raw: &Properties, found: &Found) -> Self {
        let mut replaced = Vec::new();
        let mut properties = raw.clone();
        for (key, text) in &mut properties {
            let value = filled(key, text, found);
            if value != *text {
                replaced.push(Replaced {
                    key: key.clone(),
                    reference: std::mem::replace(text, value.clone()),
                    value,
                });
            }
        }
        // The longest first, so that a value that holds another goes as a whole.
        replaced.sort_by_key(|replaced| std::cmp::Reverse(replaced.value.len()));
        Self {
            properties,
            ttl: found.values().filter_map(|data| data.ttl).min(),
            replaced,
        }
    }

    /// A configuration with explicit nulls, with values in the place of the references of its other entries.
    pub(crate) fn over(&self, mut raw: NullableProperties) -> NullableProperties {
        for (key, value) in &self.properties {
            raw.insert(key.clone(), Some(value.clone()));
        }
        raw
    }

    /// Whether any value came from a provider.
    pub(crate) fn has_values(&self) -> bool {
        !self.replaced.is_empty()
    }

    /// A text with references in the place of values, where a whole value stands in it.
    pub fn redact(&self, text: &str) -> String {
        let telling = self
            .replaced
            .iter()
            .filter(|replaced| replaced.value.len() >= TELLING);
        telling.fold(text.to_owned(), |text, replaced| {
            text.replace(&replaced.value, &replaced.reference)
        })
    }

    /// Verdicts as they may be shown: values that came from providers are references again.
    pub(crate) fn redact_verdicts(&self, verdicts: &mut Verdicts) {
        if self.replaced.is_empty() {
            return;
        }
        for verdict in &mut verdicts.configs {
            let value = &mut verdict.value;
            let own = self
                .replaced
                .iter()
                .find(|replaced| replaced.key == value.name);
            if let Some(own) = own {
                if !value.value.is_null() {
                    value.value = Value::from(own.reference.as_str());
                }
                let short = format!("Invalid value {} for", own.value);
                let shown = format!("Invalid value {} for", own.reference);
                for error in &mut value.errors {
                    *error = error.replace(&short, &shown);
                }
            }
            for error in &mut value.errors {
                *error = self.redact(error);
            }
        }
    }

    /// A task's configuration as it is kept and shown: keys that held references in the connector's hold them again.
    pub(crate) fn restore(&self, mut task: Properties) -> Properties {
        for replaced in &self.replaced {
            if let Some(value) = task.get_mut(&replaced.key) {
                value.clone_from(&replaced.reference);
            }
        }
        task
    }
}

/// A text with values in the place of the references whose values were found.
fn filled(key: &str, text: &str, found: &Found) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut end = 0;
    for reference in reference::find(text) {
        let place = (reference.provider.to_owned(), reference.path.to_owned());
        let Some(data) = found.get(&place) else {
            continue;
        };
        let Some(value) = data.values.get(reference.key) else {
            log::warn!(
                "configuration key {key}: config provider {} has no {} at path '{}', and the reference stays as it is",
                reference.provider,
                reference.key,
                reference.path
            );
            continue;
        };
        filled.push_str(&text[end..reference.at.start]);
        filled.push_str(value);
        end = reference.at.end;
    }
    filled.push_str(&text[end..]);
    filled
}
