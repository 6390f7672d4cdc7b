//! Fields that a step adds to a struct, or puts in the place of those of the same name.

use std::sync::{Arc, Mutex, PoisonError};

use millrace_api::{ConnectError, Field, Schema, Struct, Value};

use super::fields::basics;

/// Schemas held; a step that makes more than these meets each too seldom for it to matter.
const HELD_MAX: usize = 64;

/// The schema of a struct with fields added or replaced. Other attributes stay.
pub(crate) fn with_fields(from: &Schema, added: &[Field]) -> Result<Schema, ConnectError> {
    let mut fields = from.fields().to_vec();
    for field in added {
        match fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) => *known = field.clone(),
            None => fields.push(field.clone()),
        }
    }
    Ok(basics(from, Schema::structure(fields)?.ty))
}

/// The struct of `made`, a schema by [`with_fields`], with the values of `from` and those added.
pub(crate) fn put_values(
    from: Struct,
    made: &Arc<Schema>,
    added: impl IntoIterator<Item = (impl AsRef<str>, Value)>,
) -> Struct {
    let mut values = from.into_values();
    values.resize(made.fields().len(), Value::Null);
    for (name, value) in added {
        if let Some((index, _)) = made.field(name.as_ref()) {
            values[index] = value;
        }
    }
    Struct::from_values(Arc::clone(made), values)
}

/// Schemas that depend on a record's contents, of equal ones a single one: converters remember schemas by pointer.
#[derive(Debug, Default)]
pub(crate) struct SharedSchemas {
    held: Mutex<Vec<Arc<Schema>>>,
}

impl SharedSchemas {
    /// The one schema that equals `schema`.
    pub(crate) fn share(&self, schema: Schema) -> Arc<Schema> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.iter().rev().find(|known| ***known == schema) {
            return Arc::clone(known);
        }
        if held.len() >= HELD_MAX {
            held.remove(0);
        }
        let schema = Arc::new(schema);
        held.push(Arc::clone(&schema));
        schema
    }
}
