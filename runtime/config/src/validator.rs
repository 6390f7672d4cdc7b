//! Checks of single values, with Kafka's wording.

use std::fmt;
use std::sync::Arc;

use crate::value::Value;

type Check = dyn Fn(&str, &Value) -> Result<(), String> + Send + Sync;

/// A check of one key's parsed value.
///
/// A validator also sees the null that a failed parse or a missing required key leaves behind, as
/// in Kafka: a range then adds `Value must be non-null`.
#[derive(Clone)]
pub enum Validator {
    /// A number within bounds, both inclusive.
    Range {
        /// The least value, if bounded.
        min: Option<Value>,
        /// The greatest value, if bounded.
        max: Option<Value>,
    },
    /// One of these texts.
    OneOf(Vec<String>),
    /// One of these texts, in any case.
    OneOfIgnoreCase(Vec<String>),
    /// A text that is not empty.
    NonEmpty,
    /// A text that is not empty and has no ISO control character in it: a connector's name.
    Name,
    /// A list without the same item twice: aliases of transforms and predicates.
    UniqueAliases,
    /// Any other check: given key and value, it says why the value is wrong.
    Custom(Arc<Check>),
}

impl Validator {
    /// A number of at least `min`.
    pub fn at_least(min: impl Into<Value>) -> Self {
        Validator::Range {
            min: Some(min.into()),
            max: None,
        }
    }

    /// A number between `min` and `max`, both inclusive.
    pub fn between(min: impl Into<Value>, max: impl Into<Value>) -> Self {
        Validator::Range {
            min: Some(min.into()),
            max: Some(max.into()),
        }
    }

    /// One of some texts.
    pub fn one_of<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Validator::OneOf(texts.into_iter().map(Into::into).collect())
    }

    /// One of some texts, in any case.
    pub fn one_of_ignore_case<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Validator::OneOfIgnoreCase(texts.into_iter().map(Into::into).collect())
    }

    /// A check by a function of key and value, which says why the value is wrong.
    pub fn custom(
        check: impl Fn(&str, &Value) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Validator::Custom(Arc::new(check))
    }

    /// The same check of an optional key: a null passes.
    #[must_use]
    pub fn or_null(self) -> Self {
        Validator::custom(move |key, value| match value {
            Value::Null => Ok(()),
            value => self.check(key, value),
        })
    }

    /// Says why the value of `key` is wrong, without naming key and value.
    pub fn check(&self, key: &str, value: &Value) -> Result<(), String> {
        match self {
            Validator::Range { min, max } => check_range(min.as_ref(), max.as_ref(), value),
            Validator::OneOf(texts) => {
                let known = value
                    .as_str()
                    .is_some_and(|given| texts.iter().any(|t| t == given));
                known
                    .then_some(())
                    .ok_or_else(|| format!("String must be one of: {}", texts.join(", ")))
            }
            Validator::OneOfIgnoreCase(texts) => {
                let is_known =
                    |given: &str| texts.iter().any(|text| text.eq_ignore_ascii_case(given));
                value
                    .as_str()
                    .is_some_and(is_known)
                    .then_some(())
                    .ok_or_else(|| {
                        format!(
                            "String must be one of (case insensitive): {}",
                            texts.join(", ")
                        )
                    })
            }
            Validator::NonEmpty => match value.as_str() {
                Some("") => Err("String must be non-empty".to_owned()),
                _ => Ok(()),
            },
            Validator::Name => value.as_str().map_or(Ok(()), check_name),
            Validator::UniqueAliases => check_unique(value.as_list().unwrap_or_default()),
            Validator::Custom(check) => check(key, value),
        }
    }
}

fn check_range(min: Option<&Value>, max: Option<&Value>, value: &Value) -> Result<(), String> {
    let Some(number) = value.as_double() else {
        return Err("Value must be non-null".to_owned());
    };
    match (min, max) {
        (Some(min), _) if min.as_double().is_some_and(|min| number < min) => {
            Err(format!("Value must be at least {min}"))
        }
        (_, Some(max)) if max.as_double().is_some_and(|max| number > max) => {
            Err(format!("Value must be no more than {max}"))
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("String may not be empty".to_owned());
    }
    let controls: Vec<String> = name
        .chars()
        .filter(|c| c.is_control())
        .map(|c| u32::from(c).to_string())
        .collect();
    if controls.is_empty() {
        return Ok(());
    }
    Err(format!(
        "String may not contain control sequences but had the following ASCII chars: {}",
        controls.join(", ")
    ))
}

fn check_unique(aliases: &[String]) -> Result<(), String> {
    let twice = aliases
        .iter()
        .enumerate()
        .any(|(index, alias)| aliases[..index].contains(alias));
    if twice {
        Err("Duplicate alias provided.".to_owned())
    } else {
        Ok(())
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Validator::Range { min, max } => write!(f, "Range({min:?}..={max:?})"),
            Validator::OneOf(texts) => write!(f, "OneOf({texts:?})"),
            Validator::OneOfIgnoreCase(texts) => write!(f, "OneOfIgnoreCase({texts:?})"),
            Validator::NonEmpty => f.write_str("NonEmpty"),
            Validator::Name => f.write_str("Name"),
            Validator::UniqueAliases => f.write_str("UniqueAliases"),
            Validator::Custom(_) => f.write_str("Custom"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Validator;
    use crate::value::Value;

    #[test]
    fn validators_word_their_refusals_as_kafka_does() {
        let list = |items: &[&str]| Value::List(items.iter().map(|i| (*i).to_owned()).collect());
        let cases = [
            (
                Validator::at_least(1),
                Value::Int(0),
                Some("Value must be at least 1"),
            ),
            (Validator::at_least(1), Value::Int(1), None),
            (
                Validator::at_least(1),
                Value::Null,
                Some("Value must be non-null"),
            ),
            (
                Validator::between(0.0, 1.0),
                Value::Double(1.5),
                Some("Value must be no more than 1.0"),
            ),
            (
                Validator::one_of(["none", "all"]),
                "some".into(),
                Some("String must be one of: none, all"),
            ),
            (Validator::one_of_ignore_case(["poll"]), "POLL".into(), None),
            (
                Validator::one_of_ignore_case(["poll", "interval"]),
                "x".into(),
                Some("String must be one of (case insensitive): poll, interval"),
            ),
            (
                Validator::NonEmpty,
                "".into(),
                Some("String must be non-empty"),
            ),
            (Validator::Name, "".into(), Some("String may not be empty")),
            (
                Validator::Name,
                "a\nb\u{7f}".into(),
                Some(
                    "String may not contain control sequences but had the following ASCII chars: 10, 127",
                ),
            ),
            (Validator::Name, Value::Null, None),
            (
                Validator::UniqueAliases,
                list(&["a", "b", "a"]),
                Some("Duplicate alias provided."),
            ),
            (Validator::UniqueAliases, list(&["a", "b"]), None),
        ];
        for (validator, value, expected) in cases {
            let refusal = validator.check("key", &value).err();
            assert_eq!(refusal.as_deref(), expected, "{validator:?} {value:?}");
        }
    }
}
