//! Transforms and predicates: steps between a connector and the converters.

use std::fmt;

use crate::{ConnectError, Properties, Records};

/// One step of a chain. It takes a whole batch and changes it in place; calls are synchronous and must not block.
///
/// A step asks for no more than it needs: one that looks at topics or headers only does not make the worker parse
/// keys and values.
pub trait Transform: Send + Sync + fmt::Debug {
    /// Takes the settings below the step's prefix.
    ///
    /// # Errors
    /// When a setting cannot be used.
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError>;

    /// Changes the records that are to be changed. A record that it cannot change is reported to `records`, whose
    /// methods do that with what their closures return.
    fn apply(&self, records: &mut Records);
}

/// Chooses the records that a step works on.
pub trait Predicate: Send + Sync + fmt::Debug {
    /// Takes the settings below the predicate's prefix.
    ///
    /// # Errors
    /// When a setting cannot be used.
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError>;

    /// Sets the element of each row that the predicate is true for. `chosen` has one element a row, all false.
    fn choose(&self, records: &Records, chosen: &mut [bool]);
}
