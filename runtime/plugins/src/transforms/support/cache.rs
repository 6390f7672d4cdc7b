//! The schemas that a step has already made of others.

use std::sync::{Arc, Mutex, PoisonError};

use millrace_api::{ConnectError, Schema};

/// Schemas remembered: a step meets few.
const SCHEMAS_MAX: usize = 16;

/// Remembers what a schema became. Most lookups compare one pointer, for converters share their schemas too.
#[derive(Debug, Default)]
pub(crate) struct SchemaCache {
    /// Least lately used first.
    known: Mutex<Vec<(Arc<Schema>, Arc<Schema>)>>,
}

impl SchemaCache {
    /// What `schema` became, made by `make` where it is met for the first time.
    pub(crate) fn get(
        &self,
        schema: &Arc<Schema>,
        make: impl FnOnce(&Schema) -> Result<Schema, ConnectError>,
    ) -> Result<Arc<Schema>, ConnectError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, made)) = known.last()
            && Arc::ptr_eq(last, schema)
        {
            return Ok(Arc::clone(made));
        }
        let place = known
            .iter()
            .position(|(other, _)| Arc::ptr_eq(other, schema))
            .or_else(|| known.iter().position(|(other, _)| other == schema));
        let pair = match place {
            // Remembered under the pointer that comes now, which will come again.
            Some(place) => (Arc::clone(schema), known.remove(place).1),
            None => (Arc::clone(schema), Arc::new(make(schema)?)),
        };
        let made = Arc::clone(&pair.1);
        if known.len() >= SCHEMAS_MAX {
            known.remove(0);
        }
        known.push(pair);
        Ok(made)
    }
}
