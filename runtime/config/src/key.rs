//! One key of a definition.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::validator::Validator;
use crate::value::{Type, Value};

/// How much a user needs to care about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Importance {
    /// Must be thought about.
    High,
    /// Worth knowing.
    #[default]
    Medium,
    /// Seldom touched.
    Low,
}

/// How wide an input field for the key should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Width {
    /// Unsaid.
    #[default]
    None,
    /// A number or a word.
    Short,
    /// A name.
    Medium,
    /// A path, a list.
    Long,
}

/// Suggests values of a key, given all parsed values.
pub trait Recommender: Send + Sync {
    /// The values a user may choose from.
    fn valid_values(&self, key: &str, parsed: &BTreeMap<String, Value>) -> Vec<String>;

    /// Whether the key matters under these values.
    fn visible(&self, _key: &str, _parsed: &BTreeMap<String, Value>) -> bool {
        true
    }
}

/// One key: what it is called, what it holds, what it means, and how a form would lay it out.
#[derive(Clone)]
pub struct ConfigKey {
    /// The key.
    pub name: String,
    /// The type of its value.
    pub kind: Type,
    /// What it is when not given; `None` makes the key required.
    pub default: Option<Value>,
    /// A check of the parsed value.
    pub validator: Option<Validator>,
    /// How much it matters.
    pub importance: Importance,
    /// What it means.
    pub documentation: String,
    /// The group of the form it is shown in.
    pub group: Option<String>,
    /// The place in its group, -1 without a group.
    pub order_in_group: i32,
    /// The width of its input field.
    pub width: Width,
    /// What a form calls it.
    pub display_name: String,
    /// Keys whose validity depends on this one.
    pub dependents: Vec<String>,
    /// Suggests values.
    pub recommender: Option<Arc<dyn Recommender>>,
}

impl ConfigKey {
    /// A required key of medium importance without layout.
    pub fn new(name: impl Into<String>, kind: Type) -> Self {
        let name = name.into();
        Self {
            display_name: name.clone(),
            name,
            kind,
            default: None,
            validator: None,
            importance: Importance::default(),
            documentation: String::new(),
            group: None,
            order_in_group: -1,
            width: Width::default(),
            dependents: Vec::new(),
            recommender: None,
        }
    }

    /// Makes the key optional with a default given as the text a user would write.
    ///
    /// # Panics
    /// When the text is not of the key's type: a mistake in the definition, not in any input.
    #[must_use]
    pub fn default(mut self, text: impl fmt::Display) -> Self {
        match self.kind.parse(&text.to_string()) {
            Ok(value) => self.default = Some(value),
            Err(why) => panic!("the default \"{text}\" of the key {}: {why}", self.name),
        }
        self
    }

    /// Makes the key optional without a value.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.default = Some(Value::Null);
        self
    }

    /// Adds a check of the value.
    #[must_use]
    pub fn validator(mut self, validator: Validator) -> Self {
        self.validator = Some(validator);
        self
    }

    /// Sets the importance.
    #[must_use]
    pub fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// Sets the documentation.
    #[must_use]
    pub fn doc(mut self, documentation: impl Into<String>) -> Self {
        self.documentation = documentation.into();
        self
    }

    /// Puts the key into a group of the form, at a place.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>, order_in_group: i32) -> Self {
        self.group = Some(group.into());
        self.order_in_group = order_in_group;
        self
    }

    /// Sets the width of the input field.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Sets what a form calls the key.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = name.into();
        self
    }

    /// Names keys whose validity depends on this one.
    #[must_use]
    pub fn dependents<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.dependents = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what suggests values.
    #[must_use]
    pub fn recommender(mut self, recommender: Arc<dyn Recommender>) -> Self {
        self.recommender = Some(recommender);
        self
    }

    /// The key as REST describes it.
    pub fn info(&self) -> KeyInfo {
        KeyInfo {
            name: self.name.clone(),
            kind: self.kind,
            required: self.default.is_none(),
            default_value: self.default.as_ref().and_then(Value::to_text),
            importance: self.importance,
            documentation: self.documentation.clone(),
            group: self.group.clone(),
            width: self.width,
            display_name: self.display_name.clone(),
            dependents: self.dependents.clone(),
            order: self.order_in_group,
        }
    }
}

impl fmt::Debug for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigKey")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("default", &self.default)
            .field("validator", &self.validator)
            .finish_non_exhaustive()
    }
}

/// The definition of a key in the shape of Connect's REST bodies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// The key.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Whether it has no default.
    pub required: bool,
    /// The default as text, `None` if null or required.
    pub default_value: Option<String>,
    /// How much it matters.
    pub importance: Importance,
    /// What it means.
    pub documentation: String,
    /// The group of the form.
    pub group: Option<String>,
    /// The width of the input field.
    pub width: Width,
    /// What a form calls it.
    pub display_name: String,
    /// Keys that depend on it.
    pub dependents: Vec<String>,
    /// The place in its group.
    pub order: i32,
}
