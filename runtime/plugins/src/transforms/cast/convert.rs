//! One value in another type, by Java's rules: numbers are cut to their width, floats saturate first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::{BigDecimal, ToPrimitive};
use millrace_api::{ConnectError, Schema, SchemaType, Value, logical};

use crate::transforms::support::{class_of, type_name};
use crate::values;

/// A type that values are cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
}

const TARGETS: [(&str, Target); 8] = [
    ("INT8", Target::Int8),
    ("INT16", Target::Int16),
    ("INT32", Target::Int32),
    ("INT64", Target::Int64),
    ("FLOAT32", Target::Float32),
    ("FLOAT64", Target::Float64),
    ("BOOLEAN", Target::Boolean),
    ("STRING", Target::String),
];

const TARGET_NAMES: &str = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]";

impl Target {
    /// The type of a name, in any case.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let name = name.trim().to_uppercase();
        if let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) {
            return Ok(*target);
        }
        Err(match name.as_str() {
            "BYTES" | "ARRAY" | "MAP" | "STRUCT" => format!(
                "Cast transformation does not support casting to {name}; supported types are {TARGET_NAMES}"
            ),
            _ => format!(
                "Invalid type found in casting spec: {}",
                name.to_lowercase()
            ),
        })
    }

    pub(super) fn schema_type(self) -> SchemaType {
        match self {
            Self::Int8 => SchemaType::Int8,
            Self::Int16 => SchemaType::Int16,
            Self::Int32 => SchemaType::Int32,
            Self::Int64 => SchemaType::Int64,
            Self::Float32 => SchemaType::Float32,
            Self::Float64 => SchemaType::Float64,
            Self::Boolean => SchemaType::Boolean,
            Self::String => SchemaType::String,
        }
    }
}

/// The value in another type; null stays null.
pub(super) fn cast(
    schema: Option<&Schema>,
    value: Value,
    target: Target,
) -> Result<Value, ConnectError> {
    if value == Value::Null {
        return Ok(value);
    }
    check_input(schema, &value)?;
    if target == Target::String {
        return Ok(Value::String(text(&value)));
    }
    let value = match schema.and_then(|schema| schema.name.as_deref()) {
        Some(logical::DATE | logical::TIME | logical::TIMESTAMP) => encoded(value),
        _ => value,
    };
    match &value {
        Value::Boolean(value) => Ok(number(&Number::Integer(i128::from(*value)), target)),
        Value::String(text) => parsed(text, target).ok_or_else(|| {
            ConnectError::data(format!(
                "Value ({text}) was out of range for requested data type"
            ))
        }),
        other => match numeric(other) {
            Some(value) => Ok(number(&value, target)),
            None => Err(ConnectError::data(format!(
                "Unexpected type in Cast transformation: {}",
                class_of(other)
            ))),
        },
    }
}

fn check_input(schema: Option<&Schema>, value: &Value) -> Result<(), ConnectError> {
    let refused = match (schema.map(|schema| &schema.ty), value) {
        (Some(ty @ (SchemaType::Array(_) | SchemaType::Map(..) | SchemaType::Struct(_))), _) => {
            type_name(ty)
        }
        (Some(_), _) => return Ok(()),
        (None, Value::Array(_)) => "ARRAY",
        (None, Value::Map(_)) => "MAP",
        (None, Value::Struct(_)) => "STRUCT",
        (None, Value::Decimal(_) | Value::Date(_) | Value::Time(_) | Value::Timestamp(_)) => {
            return Err(ConnectError::data(format!(
                "Cast transformation was passed a value of type {} which is not supported by Connect's data API",
                class_of(value)
            )));
        }
        (None, _) => return Ok(()),
    };
    Err(ConnectError::data(format!(
        "Cast transformation does not support casting from {refused}; supported types are [INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]"
    )))
}

fn encoded(value: Value) -> Value {
    match value {
        Value::Date(days) => Value::Int32(days),
        Value::Time(ms) => Value::Int32(ms),
        Value::Timestamp(ms) => Value::Int64(ms),
        other => other,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => values::to_text(value),
        value => value.to_string(),
    }
}

enum Number {
    Integer(i128),
    Float(f64),
    Single(f32),
    Decimal(BigDecimal),
}

fn numeric(value: &Value) -> Option<Number> {
    Some(match value {
        Value::Int8(value) => Number::Integer((*value).into()),
        Value::Int16(value) => Number::Integer((*value).into()),
        Value::Int32(value) => Number::Integer((*value).into()),
        Value::Int64(value) => Number::Integer((*value).into()),
        Value::Float32(value) => Number::Single(*value),
        Value::Float64(value) => Number::Float(*value),
        Value::Decimal(value) => Number::Decimal(value.clone()),
        _ => return None,
    })
}

impl Number {
    /// As Java's `longValue`: floats saturate, decimals keep their low bits.
    fn long(&self) -> i64 {
        match self {
            Self::Integer(value) => *value as i64,
            Self::Float(value) => *value as i64,
            Self::Single(value) => *value as i64,
            Self::Decimal(value) => low_bits(value),
        }
    }

    /// As Java's `intValue`, which saturates floats at its own bounds.
    fn int(&self) -> i32 {
        match self {
            Self::Float(value) => *value as i32,
            Self::Single(value) => *value as i32,
            other => other.long() as i32,
        }
    }

    fn float(&self) -> f64 {
        match self {
            Self::Integer(value) => *value as f64,
            Self::Float(value) => *value,
            Self::Single(value) => f64::from(*value),
            Self::Decimal(value) => value.to_f64().unwrap_or(f64::NAN),
        }
    }

    fn single(&self) -> f32 {
        match self {
            Self::Integer(value) => *value as f32,
            Self::Float(value) => *value as f32,
            Self::Single(value) => *value,
            Self::Decimal(value) => value.to_f32().unwrap_or(f32::NAN),
        }
    }
}

/// The low 64 bits of a decimal's whole part.
fn low_bits(value: &BigDecimal) -> i64 {
    let (whole, _) = value.with_scale(0).into_bigint_and_exponent();
    let mut bytes = whole.to_signed_bytes_le();
    let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) {
        0xff
    } else {
        0
    };
    bytes.resize(bytes.len().max(8), fill);
    let mut low = [0; 8];
    low.copy_from_slice(&bytes[..8]);
    i64::from_le_bytes(low)
}

fn number(value: &Number, target: Target) -> Value {
    match target {
        Target::Int8 => Value::Int8(value.int() as i8),
        Target::Int16 => Value::Int16(value.int() as i16),
        Target::Int32 => Value::Int32(value.int()),
        Target::Int64 => Value::Int64(value.long()),
        Target::Float32 => Value::Float32(value.single()),
        Target::Float64 => Value::Float64(value.float()),
        Target::Boolean => Value::Boolean(value.long() != 0),
        Target::String => Value::Null,
    }
}

fn parsed(text: &str, target: Target) -> Option<Value> {
    Some(match target {
        Target::Int8 => Value::Int8(text.parse().ok()?),
        Target::Int16 => Value::Int16(text.parse().ok()?),
        Target::Int32 => Value::Int32(text.parse().ok()?),
        Target::Int64 => Value::Int64(text.parse().ok()?),
        Target::Float32 => Value::Float32(java_float(text)?.parse().ok()?),
        Target::Float64 => Value::Float64(java_float(text)?.parse().ok()?),
        Target::Boolean => Value::Boolean(text.eq_ignore_ascii_case("true")),
        Target::String => return None,
    })
}

/// A number as Java writes it, in Rust's way: blanks around it and a type's letter behind it count for nothing, and
/// `inf` is no number.
fn java_float(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.trim_start_matches(['+', '-']);
    if matches!(unsigned, "NaN" | "Infinity") {
        return Some(text);
    }
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    text.chars().all(is_number).then_some(text)
}
