//! The list of keys that a component knows.

use std::collections::BTreeMap;

use crate::errors::ConfigErrors;
use crate::key::ConfigKey;
use crate::suggest::{UnknownKey, nearest};
use crate::value::{Type, Value};
use crate::values::Values;
use crate::verdict::{ConfigValue, invalid};
use crate::{NullableProperties, Properties};

/// Keys in the order a user meets them, and how to judge what is given for them.
#[derive(Debug, Clone, Default)]
pub struct ConfigDef {
    keys: Vec<ConfigKey>,
    open_prefixes: Vec<String>,
}

impl ConfigDef {
    /// A definition without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; one of the same name is replaced in its place.
    #[must_use]
    pub fn key(mut self, key: ConfigKey) -> Self {
        self.define(key);
        self
    }

    /// Adds a key; one of the same name is replaced in its place.
    pub fn define(&mut self, key: ConfigKey) {
        match self.keys.iter_mut().find(|known| known.name == key.name) {
            Some(known) => *known = key,
            None => self.keys.push(key),
        }
    }

    /// Adds all keys of another definition, and its open prefixes.
    #[must_use]
    pub fn with(mut self, other: ConfigDef) -> Self {
        for key in other.keys {
            self.define(key);
        }
        self.open_prefixes.extend(other.open_prefixes);
        self
    }

    /// Says that keys with this prefix belong to somebody else and are not unknown here.
    #[must_use]
    pub fn open_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.open_prefixes.push(prefix.into());
        self
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &ConfigKey> {
        self.keys.iter()
    }

    /// The key of a name.
    pub fn find(&self, name: &str) -> Option<&ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The key of a name, to refine it.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut ConfigKey> {
        self.keys.iter_mut().find(|key| key.name == name)
    }

    /// The groups of the keys, in the order of their first key.
    pub fn groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = Vec::new();
        for group in self.keys.iter().filter_map(|key| key.group.as_ref()) {
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
        groups
    }

    /// Parses every key, with defaults for those not given. Keys unknown here are no error.
    ///
    /// # Errors
    /// Everything that is wrong, together.
    pub fn parse(&self, properties: &Properties) -> Result<Values, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let mut values = BTreeMap::new();
        for key in &self.keys {
            let given = properties.get(&key.name).map(|text| Some(text.as_str()));
            let (value, problems) = judge(key, given);
            // The second finding on one key repeats the first in other words.
            if let Some(problem) = problems.into_iter().next() {
                errors.push(&key.name, problem);
            }
            values.insert(key.name.clone(), value);
        }
        errors.into_result(Values(values))
    }

    /// The verdict on every key, in order; unknown keys get none.
    pub fn validate(&self, properties: &NullableProperties) -> Vec<ConfigValue> {
        let mut parsed = BTreeMap::new();
        let mut verdicts = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let given = properties.get(&key.name).map(Option::as_deref);
            let (value, errors) = judge(key, given);
            parsed.insert(key.name.clone(), value.clone());
            verdicts.push(ConfigValue {
                errors,
                ..ConfigValue::new(&key.name, value)
            });
        }
        for (key, verdict) in self.keys.iter().zip(&mut verdicts) {
            if let Some(recommender) = &key.recommender {
                verdict.recommended_values = recommender.valid_values(&key.name, &parsed);
                verdict.visible = recommender.visible(&key.name, &parsed);
            }
        }
        verdicts.extend(self.undefined_dependents());
        verdicts
    }

    fn undefined_dependents(&self) -> Vec<ConfigValue> {
        let mut verdicts: Vec<ConfigValue> = Vec::new();
        for name in self.keys.iter().flat_map(|key| &key.dependents) {
            if self.find(name).is_some() || verdicts.iter().any(|verdict| verdict.name == *name) {
                continue;
            }
            let mut verdict = ConfigValue::new(name, Value::Null);
            verdict.errors.push(format!(
                "{name} is referred in the dependents, but not defined."
            ));
            verdict.visible = false;
            verdicts.push(verdict);
        }
        verdicts
    }

    /// The given keys that neither this definition nor an open prefix knows.
    pub fn unknown_keys(&self, properties: &Properties) -> Vec<UnknownKey> {
        let is_known = |given: &str| {
            self.find(given).is_some()
                || self
                    .open_prefixes
                    .iter()
                    .any(|prefix| given.starts_with(prefix.as_str()))
        };
        let suggest = |given: &String| UnknownKey {
            key: given.clone(),
            nearest: nearest(given, self.keys.iter().map(|key| key.name.as_str()))
                .map(str::to_owned),
        };
        properties
            .keys()
            .filter(|given| !is_known(given))
            .map(suggest)
            .collect()
    }
}

/// Parses and checks one key. `given` is `None` for an absent key, `Some(None)` for a null.
fn judge(key: &ConfigKey, given: Option<Option<&str>>) -> (Value, Vec<String>) {
    let mut errors = Vec::new();
    let value = match (given, &key.default) {
        (Some(None), _) => Value::Null,
        (Some(Some(text)), _) => key.kind.parse(text).unwrap_or_else(|why| {
            let shown = if key.kind == Type::Password {
                "[hidden]"
            } else {
                text
            };
            errors.push(invalid(&key.name, shown, &why));
            Value::Null
        }),
        (None, Some(default)) => default.clone(),
        (None, None) => {
            errors.push(format!(
                "Missing required configuration \"{}\" which has no default value.",
                key.name
            ));
            Value::Null
        }
    };
    if let Some(Err(why)) = key
        .validator
        .as_ref()
        .map(|check| check.check(&key.name, &value))
    {
        errors.push(invalid(&key.name, &value, &why));
    }
    (value, errors)
}

#[cfg(test)]
mod tests {
    use super::ConfigDef;
    use crate::key::{ConfigKey, Importance, Width};
    use crate::validator::Validator;
    use crate::value::{Type, Value};
    use crate::{NullableProperties, Properties};

    fn definition() -> ConfigDef {
        ConfigDef::new()
            .key(
                ConfigKey::new("name", Type::String)
                    .validator(Validator::Name)
                    .group("Common", 1),
            )
            .key(
                ConfigKey::new("tasks.max", Type::Int)
                    .default(1)
                    .validator(Validator::at_least(1))
                    .importance(Importance::High)
                    .width(Width::Short)
                    .group("Common", 4),
            )
            .key(ConfigKey::new("password", Type::Password).optional())
            .open_prefix("producer.override.")
    }

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn parse_reports_all_errors_together() {
        let errors = definition()
            .parse(&properties(&[("tasks.max", "x")]))
            .unwrap_err();
        assert_eq!(
            errors.to_string(),
            "Missing required configuration \"name\" which has no default value.\n\
             Invalid value x for configuration tasks.max: Not a number of type INT"
        );
    }

    #[test]
    fn parse_fills_defaults_and_lets_unknown_keys_be() {
        let values = definition()
            .parse(&properties(&[("name", " a "), ("other", "x")]))
            .unwrap();
        assert_eq!(values.field::<String>("name").unwrap(), "a");
        assert_eq!(values.field::<i32>("tasks.max").unwrap(), 1);
        assert!(values.value("password").is_null());
        assert!(values.value("other").is_null());
    }

    #[test]
    fn validate_gives_a_verdict_on_every_key() {
        let given = NullableProperties::from([
            ("name".to_owned(), Some(String::new())),
            ("tasks.max".to_owned(), Some("x".to_owned())),
            ("password".to_owned(), Some("p".to_owned())),
        ]);
        let verdicts = definition().validate(&given);
        let body = serde_json::to_value(&verdicts).unwrap();
        assert_eq!(
            body,
            serde_json::json!([
                {"name": "name", "value": "", "recommended_values": [], "visible": true,
                 "errors": ["Invalid value  for configuration name: String may not be empty"]},
                {"name": "tasks.max", "value": null, "recommended_values": [], "visible": true,
                 "errors": ["Invalid value x for configuration tasks.max: Not a number of type INT",
                            "Invalid value null for configuration tasks.max: Value must be non-null"]},
                {"name": "password", "value": "[hidden]", "recommended_values": [], "visible": true,
                 "errors": []},
            ])
        );
    }

    #[test]
    fn a_key_describes_itself_in_connects_shape() {
        let info = definition().find("tasks.max").unwrap().info();
        assert_eq!(
            serde_json::to_string(&info).unwrap(),
            "{\"name\":\"tasks.max\",\"type\":\"INT\",\"required\":false,\"default_value\":\"1\",\
             \"importance\":\"HIGH\",\"documentation\":\"\",\"group\":\"Common\",\"width\":\"SHORT\",\
             \"display_name\":\"tasks.max\",\"dependents\":[],\"order\":4}"
        );
    }

    #[test]
    fn unknown_keys_come_with_the_nearest_known_one() {
        let given = properties(&[
            ("task.max", "1"),
            ("producer.override.acks", "1"),
            ("zzz", ""),
        ]);
        let warnings: Vec<String> = definition()
            .unknown_keys(&given)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            warnings,
            [
                "unknown configuration key \"task.max\" is ignored; did you mean \"tasks.max\"?",
                "unknown configuration key \"zzz\" is ignored",
            ]
        );
    }

    #[test]
    fn a_redefined_key_keeps_its_place() {
        let redefined = definition().key(ConfigKey::new("name", Type::String).default("x"));
        let names: Vec<&str> = redefined.keys().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["name", "tasks.max", "password"]);
        assert_eq!(
            redefined.find("name").unwrap().default,
            Some(Value::from("x"))
        );
    }

    #[test]
    fn a_dependent_nobody_defines_is_an_error() {
        let verdicts = ConfigDef::new()
            .key(
                ConfigKey::new("a", Type::String)
                    .optional()
                    .dependents(["b"]),
            )
            .validate(&NullableProperties::new());
        assert_eq!(
            verdicts[1].errors,
            ["b is referred in the dependents, but not defined."]
        );
        assert!(!verdicts[1].visible);
    }
}
