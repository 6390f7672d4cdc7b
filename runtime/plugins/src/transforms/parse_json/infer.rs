//! The schema that a value read from JSON can have.
//!
//! Everything is optional, for the next record may lack it. Objects are structs; the elements of a list have the one
//! schema that holds them all, a struct of all their fields where they are objects. A null says nothing, and is a
//! string where nothing else says more.

use std::sync::Arc;

use millrace_api::{ConnectError, Field, Schema, SchemaType, Struct, Value};

/// What is known of a value's schema.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Unknown,
    Boolean,
    Integer,
    Float,
    Text,
    List(Box<Shape>),
    Object(Vec<(String, Shape)>),
}

/// The schema of a value.
pub(super) fn infer(value: &Value) -> Result<Schema, ConnectError> {
    Shape::of(value)?.schema()
}

impl Shape {
    fn of(value: &Value) -> Result<Self, ConnectError> {
        Ok(match value {
            Value::Null => Self::Unknown,
            Value::Boolean(_) => Self::Boolean,
            Value::Int64(_) => Self::Integer,
            Value::Float64(_) => Self::Float,
            Value::Array(values) => {
                let mut element = Self::Unknown;
                for value in values {
                    element = element.merge(Self::of(value)?)?;
                }
                Self::List(Box::new(element))
            }
            Value::Map(entries) => {
                let fields = entries.iter();
                let fields = fields.map(|(name, value)| Ok((name.to_string(), Self::of(value)?)));
                Self::Object(fields.collect::<Result<_, ConnectError>>()?)
            }
            _ => Self::Text,
        })
    }

    /// The shape that holds the values of both.
    fn merge(self, other: Self) -> Result<Self, ConnectError> {
        Ok(match (self, other) {
            (a, b) if a == b => a,
            (Self::Unknown, known) | (known, Self::Unknown) => known,
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => Self::Float,
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.merge(*b)?)),
            (Self::Object(mut fields), Self::Object(more)) => {
                for (name, shape) in more {
                    match fields.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, known)) => {
                            *known = std::mem::replace(known, Self::Unknown).merge(shape)?;
                        }
                        None => fields.push((name, shape)),
                    }
                }
                Self::Object(fields)
            }
            (a, b) => {
                return Err(ConnectError::data(format!(
                    "cannot give a list one schema that holds {} and {}",
                    a.name(),
                    b.name()
                )));
            }
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "nulls",
            Self::Boolean => "booleans",
            Self::Integer | Self::Float => "numbers",
            Self::Text => "strings",
            Self::List(_) => "lists",
            Self::Object(_) => "objects",
        }
    }

    fn schema(self) -> Result<Schema, ConnectError> {
        let ty = match self {
            Self::Unknown | Self::Text => SchemaType::String,
            Self::Boolean => SchemaType::Boolean,
            Self::Integer => SchemaType::Int64,
            Self::Float => SchemaType::Float64,
            Self::List(element) => SchemaType::Array(Some(Arc::new(element.schema()?))),
            Self::Object(fields) => {
                let fields = fields.into_iter().map(|(name, shape)| {
                    let schema = Arc::new(shape.schema()?);
                    Ok(Field { name, schema })
                });
                Schema::structure(fields.collect::<Result<_, ConnectError>>()?)?.ty
            }
        };
        Ok(Schema::new(ty).optional())
    }
}

/// The value as it stands under a schema that was inferred for it: maps as structs, integers among fractions as
/// fractions.
pub(super) fn under(schema: &Arc<Schema>, value: Value) -> Value {
    match (&schema.ty, value) {
        (SchemaType::Float64, Value::Int64(number)) => Value::Float64(number as f64),
        (SchemaType::Array(Some(element)), Value::Array(values)) => {
            let values = values.into_iter();
            Value::Array(values.map(|value| under(element, value)).collect())
        }
        (SchemaType::Struct(fields), Value::Map(entries)) => {
            let mut values = vec![Value::Null; fields.len()];
            for (name, value) in entries {
                if let Value::String(name) = name
                    && let Some((index, field)) = schema.field(&name)
                {
                    values[index] = under(&field.schema, value);
                }
            }
            Value::Struct(Struct::from_values(Arc::clone(schema), values))
        }
        (_, value) => value,
    }
}
