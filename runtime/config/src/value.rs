//! Types of keys and parsed values.

use std::fmt;

use serde::Serialize;

use crate::secret::Secret;

/// The type of a key, named as Kafka names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Type {
    /// `true` or `false`, in any case.
    Boolean,
    /// A text, trimmed.
    String,
    /// A signed 32-bit number.
    Int,
    /// A signed 16-bit number.
    Short,
    /// A signed 64-bit number.
    Long,
    /// A floating-point number.
    Double,
    /// Texts separated by commas; an empty text is an empty list.
    List,
    /// The name of a plugin class; whether it exists is a validator's business.
    Class,
    /// A text that is never shown.
    Password,
}

impl Type {
    /// Kafka's name of the type, as error messages show it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Int => "INT",
            Type::Short => "SHORT",
            Type::Long => "LONG",
            Type::Double => "DOUBLE",
            Type::List => "LIST",
            Type::Class => "CLASS",
            Type::Password => "PASSWORD",
        }
    }

    /// Parses a text as this type.
    ///
    /// # Errors
    /// Why the text is none of this type, as Kafka words it.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let trimmed = text.trim_matches(|c: char| c <= ' ');
        let not_a_number = || format!("Not a number of type {}", self.name());
        match self {
            Type::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
            Type::Boolean if trimmed.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
            Type::Boolean => Err("Expected value to be either true or false".to_owned()),
            Type::String => Ok(Value::String(trimmed.to_owned())),
            Type::Int => trimmed.parse().map(Value::Int).map_err(|_| not_a_number()),
            Type::Short => trimmed
                .parse()
                .map(Value::Short)
                .map_err(|_| not_a_number()),
            Type::Long => trimmed.parse().map(Value::Long).map_err(|_| not_a_number()),
            Type::Double => trimmed
                .parse()
                .map(Value::Double)
                .map_err(|_| not_a_number()),
            Type::List => Ok(Value::List(split_list(trimmed))),
            Type::Class => Ok(Value::Class(trimmed.to_owned())),
            Type::Password => Ok(Value::Password(Secret::new(trimmed))),
        }
    }
}

fn split_list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

/// A parsed value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value: an optional key that was not given, or an explicit null.
    Null,
    /// See [`Type::Boolean`].
    Boolean(bool),
    /// See [`Type::String`].
    String(String),
    /// See [`Type::Int`].
    Int(i32),
    /// See [`Type::Short`].
    Short(i16),
    /// See [`Type::Long`].
    Long(i64),
    /// See [`Type::Double`].
    Double(f64),
    /// See [`Type::List`].
    List(Vec<String>),
    /// See [`Type::Class`].
    Class(String),
    /// See [`Type::Password`].
    Password(Secret),
}

impl Value {
    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a string or class value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) | Value::Class(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list value.
    pub fn as_list(&self) -> Option<&[String]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The number of an int, short or long value.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(i64::from(*number)),
            Value::Short(number) => Some(i64::from(*number)),
            Value::Long(number) => Some(*number),
            _ => None,
        }
    }

    /// The number of any numeric value.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Value::Double(number) => Some(*number),
            // Bounds of ranges are far below 2^53, where the conversion is exact.
            other => other.as_integer().map(|number| number as f64),
        }
    }

    /// The value as REST shows it: `None` for null, a list joined by commas, a password hidden.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Value::Null => None,
            Value::List(items) => Some(items.join(",")),
            other => Some(other.to_string()),
        }
    }
}

/// As Java prints the value inside a message: `null`, lists in brackets.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::String(text) | Value::Class(text) => f.write_str(text),
            Value::Int(number) => write!(f, "{number}"),
            Value::Short(number) => write!(f, "{number}"),
            Value::Long(number) => write!(f, "{number}"),
            Value::Double(number) => f.write_str(&java_double(*number)),
            Value::List(items) => write!(f, "[{}]", items.join(", ")),
            Value::Password(secret) => write!(f, "{secret}"),
        }
    }
}

/// Java's `Double.toString`: plain between 10^-3 and 10^7, else with an exponent.
fn java_double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{number:?}");
    }
    let scientific = format!("{number:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => scientific,
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        })*
    };
}

value_from! {
    bool => Boolean, &str => String, String => String, i32 => Int, i16 => Short, i64 => Long,
    f64 => Double, Vec<String> => List, Secret => Password,
}

#[cfg(test)]
mod tests {
    use super::{Type, Value, java_double};

    #[test]
    fn texts_parse_as_kafka_parses_them() {
        let cases = [
            (Type::Boolean, " TRUE ", Ok(Value::Boolean(true))),
            (
                Type::Boolean,
                "yes",
                Err("Expected value to be either true or false"),
            ),
            (Type::Int, " 7\t", Ok(Value::Int(7))),
            (Type::Int, "2147483648", Err("Not a number of type INT")),
            (Type::Short, "-1", Ok(Value::Short(-1))),
            (Type::Long, "", Err("Not a number of type LONG")),
            (Type::Double, "2", Ok(Value::Double(2.0))),
            (Type::String, " a b ", Ok(Value::from("a b"))),
            (Type::List, "", Ok(Value::List(vec![]))),
            (
                Type::List,
                " a , b,",
                Ok(Value::List(vec!["a".into(), "b".into(), String::new()])),
            ),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(
                kind.parse(text),
                expected.map_err(str::to_owned),
                "{kind:?} {text:?}"
            );
        }
    }

    #[test]
    fn doubles_print_as_java_prints_them() {
        for (number, text) in [
            (2.0, "2.0"),
            (0.5, "0.5"),
            (0.0, "0.0"),
            (1e7, "1.0E7"),
            (1.25e-5, "1.25E-5"),
            (f64::INFINITY, "Infinity"),
        ] {
            assert_eq!(java_double(number), text);
        }
    }

    #[test]
    fn values_show_themselves_in_rest_and_in_messages() {
        let list = Value::List(vec!["a".into(), "b".into()]);
        assert_eq!(list.to_text().as_deref(), Some("a,b"));
        assert_eq!(list.to_string(), "[a, b]");
        assert_eq!(Value::Null.to_text(), None);
        assert_eq!(
            Type::Password.parse("x").unwrap().to_text().as_deref(),
            Some("[hidden]")
        );
    }
}
