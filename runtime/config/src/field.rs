//! What a struct with `#[derive(Config)]` is made of.

use crate::definition::ConfigDef;
use crate::errors::ConfigErrors;
use crate::secret::Secret;
use crate::validator::Validator;
use crate::value::{Type, Value};
use crate::values::Values;
use crate::{ConfigValue, NullableProperties, Properties};

/// A struct that is its own configuration definition; derived by `#[derive(Config)]`.
pub trait Config: Sized {
    /// The keys, in the order of the fields.
    fn definition() -> ConfigDef;

    /// Fills the struct from parsed values.
    fn from_values(values: &Values) -> Result<Self, ConfigErrors>;

    /// Parses properties: every error of every key, or the struct.
    fn parse(properties: &Properties) -> Result<Self, ConfigErrors> {
        Self::from_values(&Self::definition().parse(properties)?)
    }

    /// The verdict on every key.
    fn validate(properties: &NullableProperties) -> Vec<ConfigValue> {
        Self::definition().validate(properties)
    }
}

/// A type that a field of a configuration struct may have.
pub trait FieldType: Sized {
    /// The type of the key.
    const KIND: Type;
    /// Whether the field can hold a null, which makes its key optional.
    const NULLABLE: bool = false;

    /// A check that comes with the type.
    fn validator() -> Option<Validator> {
        None
    }

    /// The field's value, if the parsed value is of the right kind.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! field_type {
    ($($field:ty => $kind:ident),* $(,)?) => {
        $(impl FieldType for $field {
            const KIND: Type = Type::$kind;

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$kind(value) => Some(value.clone()),
                    _ => None,
                }
            }
        })*
    };
}

field_type! {
    bool => Boolean, i32 => Int, i16 => Short, i64 => Long, f64 => Double, Vec<String> => List,
    Secret => Password,
}

impl FieldType for String {
    const KIND: Type = Type::String;

    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl<T: FieldType> FieldType for Option<T> {
    const KIND: Type = T::KIND;
    const NULLABLE: bool = true;

    fn validator() -> Option<Validator> {
        T::validator().map(Validator::or_null)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// An enum whose values are written as names in a configuration; derived by
/// `#[derive(ConfigEnum)]`, which takes the variant's name in lower case unless told otherwise.
pub trait ConfigEnum: Sized + Clone + 'static {
    /// Every name with its value, in the order that messages list them.
    const NAMES: &'static [(&'static str, Self)];
    /// Whether names are known in any case.
    const IGNORE_CASE: bool = false;

    /// The value of a name.
    fn from_name(name: &str) -> Option<Self> {
        let same = |known: &str| {
            if Self::IGNORE_CASE {
                known.eq_ignore_ascii_case(name)
            } else {
                known == name
            }
        };
        Self::NAMES
            .iter()
            .find(|(known, _)| same(known))
            .map(|(_, value)| value.clone())
    }
}

impl<T: ConfigEnum> FieldType for T {
    const KIND: Type = Type::String;

    fn validator() -> Option<Validator> {
        let names = T::NAMES.iter().map(|(name, _)| *name);
        Some(match T::IGNORE_CASE {
            true => Validator::one_of_ignore_case(names),
            false => Validator::one_of(names),
        })
    }

    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().and_then(T::from_name)
    }
}
