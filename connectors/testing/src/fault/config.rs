//! The keys of both fault connectors.

use millrace_api::config::Config;
use millrace_api::{ConnectError, Properties};

/// What the source needs to know.
#[derive(Debug, Clone, Config)]
pub(super) struct FaultSourceConfig {
    /// The topic to write to.
    #[config(name = "topic", importance = high, non_empty)]
    pub(super) topic: String,
    /// Records a second and task; below 0 as many as the broker takes.
    #[config(name = "rate", default = 100)]
    pub(super) rate: i64,
    /// How many more tasks there are than tasks.max allows.
    #[config(name = "surplus.tasks", default = 0, range(0..))]
    pub(super) surplus_tasks: i32,
    /// The faults: a JSON array of objects with `call`, `fault`, `after`, `times`, `ms`, `task`.
    #[config(name = "faults", default = "[]", importance = high)]
    pub(super) faults: String,
}

/// What the sink needs to know.
#[derive(Debug, Clone, Config)]
pub(super) struct FaultSinkConfig {
    /// The file that the values are appended to, a line each; without it they are dropped.
    #[config(name = "file")]
    pub(super) file: Option<String>,
    /// The faults: a JSON array of objects with `call`, `fault`, `after`, `times`, `ms`, `task`.
    #[config(name = "faults", default = "[]", importance = high)]
    pub(super) faults: String,
}

/// A configuration with faults.
pub(super) trait Faulty {
    /// The faults as JSON text.
    fn faults(&self) -> &str;
}

impl Faulty for FaultSourceConfig {
    fn faults(&self) -> &str {
        &self.faults
    }
}

impl Faulty for FaultSinkConfig {
    fn faults(&self) -> &str {
        &self.faults
    }
}

/// The typed configuration.
pub(super) fn parse<C: Config>(properties: &Properties) -> Result<C, ConnectError> {
    C::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))
}

/// The connector's name, by which its faults go.
pub(super) fn name(properties: &Properties) -> &str {
    properties.get("name").map_or("", String::as_str)
}
