//! A config provider: values from a file with a key, a blank and a value on each line.

use std::collections::BTreeSet;
use std::time::Duration;

use millrace_api::{ConfigData, ConfigProvider, ConnectError, Properties};
use millrace_config::Config;

/// What `config.providers.<name>.class` names.
pub(crate) const CLASS: &str = "example.LinesConfigProvider";

/// The keys below `config.providers.<name>.param.`.
#[derive(Debug, Clone, Config)]
pub(crate) struct LinesConfig {
    /// After how many seconds values are looked up again; 0 for never.
    #[config(name = "ttl.seconds", default = 0, range(0..))]
    ttl_seconds: i64,
}

/// Reads the file anew for each lookup.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    ttl: Option<Duration>,
}

impl ConfigProvider for Lines {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config = LinesConfig::parse(settings)
            .map_err(|errors| ConnectError::config(errors.to_string()))?;
        let seconds = u64::try_from(config.ttl_seconds).unwrap_or(0);
        self.ttl = (seconds > 0).then(|| Duration::from_secs(seconds));
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "providers have threads for that")]
    fn get(&self, path: &str, keys: &BTreeSet<String>) -> Result<ConfigData, ConnectError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConnectError::config(format!("cannot read {path}")).caused_by(error)
        })?;
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        let wanted = pairs.filter(|(key, _)| keys.contains(*key));
        Ok(ConfigData {
            values: wanted
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            ttl: self.ttl,
        })
    }
}
