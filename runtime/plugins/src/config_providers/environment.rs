//! Values of the worker's environment variables.

use std::collections::BTreeSet;

use fancy_regex::Regex;
use millrace_api::{ConfigData, ConfigProvider, ConnectError, Properties};
use millrace_config::Config;

/// The settings of the provider.
#[derive(Debug, Clone, Config)]
pub(super) struct EnvVarConfig {
    /// A regular expression of the whole names of the variables that may be read; all without it.
    #[config(name = "allowlist.pattern", default = ".*", importance = low)]
    pattern: String,
}

/// `${name:VARIABLE}`.
#[derive(Debug, Default)]
pub struct EnvVarConfigProvider {
    /// Names that may be read; none for all.
    allowed: Option<Regex>,
}

impl ConfigProvider for EnvVarConfigProvider {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config = EnvVarConfig::parse(settings)
            .map_err(|error| ConnectError::config(error.to_string()))?;
        let pattern = &config.pattern;
        let regex = Regex::new(&format!(r"\A(?:{pattern})\z")).map_err(|error| {
            ConnectError::config(format!(
                "Invalid value {pattern} for configuration allowlist.pattern: Could not compile regex"
            ))
            .caused_by(error)
        })?;
        self.allowed = Some(regex);
        Ok(())
    }

    fn get(&self, path: &str, keys: &BTreeSet<String>) -> Result<ConfigData, ConnectError> {
        if !path.is_empty() {
            return Err(ConnectError::config(format!(
                "path is not supported for environment variables, invalid value '{path}'; write ${{provider:VARIABLE}}"
            )));
        }
        let allowed = keys.iter().filter(|key| self.allows(key));
        let values = allowed.filter_map(|key| Some((key.clone(), variable(key)?)));
        Ok(ConfigData {
            values: values.collect(),
            ttl: None,
        })
    }
}

impl EnvVarConfigProvider {
    fn allows(&self, name: &str) -> bool {
        let regex = self.allowed.as_ref();
        regex.is_none_or(|regex| regex.is_match(name).unwrap_or(false))
    }
}

fn variable(name: &str) -> Option<String> {
    // The standard library panics on names that no variable can have.
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use millrace_api::ConfigProvider;

    use super::EnvVarConfigProvider;

    #[test]
    fn variables_are_found_if_the_pattern_allows_them() {
        let keys =
            BTreeSet::from(["PATH", "HOME", "=", "NO_SUCH_VARIABLE_HERE"].map(str::to_owned));
        let mut provider = EnvVarConfigProvider::default();
        provider
            .configure(&[("allowlist.pattern".to_owned(), "PA.*|x".to_owned())].into())
            .unwrap();
        let data = provider.get("", &keys).unwrap();
        assert_eq!(data.values.keys().collect::<Vec<_>>(), ["PATH"]);
        let error = provider.get("p", &keys).unwrap_err().to_string();
        assert!(error.contains("invalid value 'p'"), "{error}");
        let broken = [("allowlist.pattern".to_owned(), "(".to_owned())].into();
        assert!(provider.configure(&broken).is_err());
    }
}
