//! Config providers: where the values behind `${provider:path:key}` in a configuration come from.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::{ConnectError, Properties};

/// Looks values up for configurations that refer to them. Calls may block: they run on threads made for that.
pub trait ConfigProvider: Send + Sync + fmt::Debug {
    /// Takes the settings below `config.providers.<name>.param.`.
    ///
    /// # Errors
    /// When a setting cannot be used.
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError>;

    /// The values of some keys at a path, which is empty where the reference has none. A key that is not there is
    /// left out, and the reference then stays in the configuration as it is.
    ///
    /// # Errors
    /// When the path cannot be read. The text names no value.
    fn get(&self, path: &str, keys: &BTreeSet<String>) -> Result<ConfigData, ConnectError>;
}

/// Values of one path, and how long they hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConfigData {
    /// The values by key.
    pub values: Properties,
    /// After how long they are to be looked up again; none if they hold for ever.
    pub ttl: Option<Duration>,
}

impl fmt::Debug for ConfigData {
    /// Keys only: values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigData")
            .field("keys", &self.values.keys().collect::<Vec<_>>())
            .field("ttl", &self.ttl)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::ConfigData;

    #[test]
    fn values_are_not_printed() {
        let data = ConfigData {
            values: [("key".to_owned(), "s3cret".to_owned())].into(),
            ttl: None,
        };
        assert_eq!(
            format!("{data:?}"),
            "ConfigData { keys: [\"key\"], ttl: None }"
        );
    }
}
