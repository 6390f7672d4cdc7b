//! Why values could not be looked up.

use std::collections::BTreeSet;
use std::time::Duration;

/// Why a configuration could not be resolved. No text shows a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// A provider cannot read a path.
    #[error("config provider {provider} cannot give {keys} of path {path}: {why}")]
    LookUp {
        /// The provider's name.
        provider: String,
        /// The path of the reference.
        path: String,
        /// The keys that were asked for.
        keys: String,
        /// What the provider says.
        why: String,
    },
    /// The provider's code panicked.
    #[error("a config provider panicked: {0}")]
    Panicked(String),
    /// It took too long.
    #[error("the config providers did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl ProviderError {
    pub(super) fn look_up(
        provider: &str,
        path: &str,
        keys: &BTreeSet<String>,
        why: String,
    ) -> Self {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Self::LookUp {
            provider: provider.to_owned(),
            path: path.to_owned(),
            keys: keys.join(", "),
            why,
        }
    }
}
