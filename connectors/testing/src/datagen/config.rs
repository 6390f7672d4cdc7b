//! The keys.

use millrace_api::ConnectError;
use millrace_api::config::{Config, ConfigEnum};

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Kind {
    /// Lines of a web server's access log in the combined format.
    #[default]
    #[config(name = "access-log")]
    AccessLog,
    /// Orders of a shop, a JSON object each.
    Orders,
    /// Readings of sensors, a JSON object each.
    Sensors,
}

/// What the data generator needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct DataGeneratorConfig {
    /// The topic to write to.
    #[config(name = "topic", importance = high, non_empty)]
    pub(crate) topic: String,
    /// What is made: lines of an access log, orders or readings of sensors.
    #[config(name = "kind", default = "access-log", importance = high)]
    pub(crate) kind: Kind,
    /// Records a second and task; below 0 as many as the broker takes.
    #[config(name = "rate", default = 10, importance = high)]
    pub(crate) rate: i64,
    /// Records that come at once: a burst of so many every `burst`/`rate` seconds.
    #[config(name = "burst", default = 1, range(1..=100_000))]
    pub(crate) burst: i32,
    /// Records of a task after which it idles; below 0 without an end.
    #[config(name = "records", default = -1)]
    pub(crate) records: i64,
    /// How many keys there are: clients, customers or sensors.
    #[config(name = "keys", default = 1000, range(1..=1_000_000_000))]
    pub(crate) keys: i32,
    /// How unevenly records fall on keys: 0 all alike, 1 as words in a language (Zipf), more for a few busy ones.
    #[config(name = "skew", default = 0.0, range(0.0..=10.0))]
    pub(crate) skew: f64,
    /// The same seed gives the same records.
    #[config(name = "seed", default = 1, importance = low)]
    pub(crate) seed: i64,
}

/// The typed configuration.
pub(super) fn parse(
    properties: &millrace_api::Properties,
) -> Result<DataGeneratorConfig, ConnectError> {
    DataGeneratorConfig::parse(properties)
        .map_err(|errors| ConnectError::config(errors.to_string()))
}
