//! Connectors that do harm on purpose, or run whatever command they are given: they are there only where the worker's
//! file names them.

use millrace_config::{Properties, Value};

/// The key.
const KEY: &str = "unsafe.connectors";
/// Connectors that fail on command.
pub const FAULTS: &str = "faults";
/// The source that runs a command: who may configure it, may do what the worker may.
pub const EXEC: &str = "exec";
/// All of them.
const ALL: [&str; 2] = [EXEC, FAULTS];

/// Whether a worker's properties name these connectors.
pub fn are_enabled(properties: &Properties, connectors: &str) -> bool {
    let named = properties.get(KEY).map_or("", String::as_str);
    named.split(',').any(|named| named.trim() == connectors)
}

/// The validator of the key.
pub(super) fn check(_key: &str, value: &Value) -> Result<(), String> {
    let named = value.as_list().unwrap_or_default();
    match named.iter().find(|named| !ALL.contains(&named.as_str())) {
        Some(unknown) => Err(format!(
            "{unknown} is no such connector; there are: {}",
            ALL.join(", ")
        )),
        None => Ok(()),
    }
}
