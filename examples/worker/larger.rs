//! A predicate: records whose value has a field with more than so much.

use millrace_api::{Cell, ConnectError, Execution, Plugin, Predicate, Properties, Records, Value};
use millrace_config::Config;

/// What the worker lists.
pub(crate) const PLUGIN: Plugin = Plugin {
    class: "example.IsLarger",
    aliases: &[],
    version: env!("CARGO_PKG_VERSION"),
    execution: Execution::Async,
};

/// The keys below `predicates.<alias>.`.
#[derive(Debug, Clone, Config)]
pub(crate) struct LargerConfig {
    /// The field.
    #[config(name = "field", importance = high, non_empty)]
    field: String,
    /// What it has to exceed.
    #[config(name = "than", importance = high)]
    than: i64,
}

/// True for what is larger; false for what has no such number.
#[derive(Debug, Default)]
pub(crate) struct IsLarger {
    field: String,
    than: i64,
}

impl Predicate for IsLarger {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config = LargerConfig::parse(settings)
            .map_err(|errors| ConnectError::config(errors.to_string()))?;
        (self.field, self.than) = (config.field, config.than);
        Ok(())
    }

    fn choose(&self, records: &Records, chosen: &mut [bool]) {
        for view in records.views() {
            let Cell::Value(datum) = view.value() else {
                continue;
            };
            let number = match &datum.value {
                Value::Struct(fields) => fields.get(&self.field).ok(),
                _ => None,
            };
            let is_larger = matches!(number, Some(Value::Int64(number)) if *number > self.than);
            chosen[view.row()] = is_larger;
        }
    }
}
