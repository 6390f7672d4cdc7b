//! The schema that the elements of a list or map share: the first of one type, or the wider of two numbers.

use std::mem;
use std::sync::Arc;

use millrace_api::{Datum, Schema, SchemaType, Value};

/// Collects elements and what they have in common.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    values: Vec<Value>,
    common: Option<Arc<Schema>>,
    incompatible: bool,
}

impl Elements {
    pub(crate) fn push(&mut self, element: Option<Datum>) {
        let Datum { schema, value } = element.unwrap_or_default();
        self.values.push(value);
        if self.incompatible {
            return;
        }
        self.common = match (self.common.take(), schema) {
            (common, None) => common,
            (None, latest) => latest,
            (Some(common), Some(latest)) => {
                let wider = wider(common, latest);
                self.incompatible = wider.is_none();
                wider
            }
        };
    }

    /// The values, numbers widened, and their schema if they have one in common. None where they have one and a null is
    /// among them, which no such schema allows.
    pub(crate) fn finish(self) -> Option<(Vec<Value>, Option<Arc<Schema>>)> {
        let Some(schema) = self.common else {
            return Some((self.values, None));
        };
        if self.values.contains(&Value::Null) {
            return None;
        }
        let values = self
            .values
            .into_iter()
            .map(|value| widen(value, &schema.ty))
            .collect();
        Some((values, Some(schema)))
    }
}

fn wider(first: Arc<Schema>, second: Arc<Schema>) -> Option<Arc<Schema>> {
    if mem::discriminant(&first.ty) == mem::discriminant(&second.ty) {
        return Some(first);
    }
    let (first_rank, second_rank) = (rank(&first)?, rank(&second)?);
    Some(if second_rank > first_rank {
        second
    } else {
        first
    })
}

/// The order of plain numbers by width; none for everything else.
fn rank(schema: &Schema) -> Option<u8> {
    if schema.name.is_some() {
        return None;
    }
    match schema.ty {
        SchemaType::Int8 => Some(0),
        SchemaType::Int16 => Some(1),
        SchemaType::Int32 => Some(2),
        SchemaType::Int64 => Some(3),
        SchemaType::Float32 => Some(4),
        SchemaType::Float64 => Some(5),
        _ => None,
    }
}

fn widen(value: Value, ty: &SchemaType) -> Value {
    let integer = match value {
        Value::Int8(number) => i64::from(number),
        Value::Int16(number) => i64::from(number),
        Value::Int32(number) => i64::from(number),
        Value::Int64(number) => number,
        Value::Float32(number) if *ty == SchemaType::Float64 => {
            return Value::Float64(f64::from(number));
        }
        other => return other,
    };
    match ty {
        SchemaType::Int16 => Value::Int16(integer as i16),
        SchemaType::Int32 => Value::Int32(integer as i32),
        SchemaType::Int64 => Value::Int64(integer),
        SchemaType::Float32 => Value::Float32(integer as f32),
        SchemaType::Float64 => Value::Float64(integer as f64),
        _ => value,
    }
}
