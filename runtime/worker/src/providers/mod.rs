//! Config providers of a worker: `${provider:path:key}` in worker and connector configurations.
//!
//! The worker's own properties are resolved once, at its start; those of connectors each time they are used. What is
//! stored and shown keeps the references. A reference to a provider that there is none of, or to a key that is not
//! there, stays as it is. Facts: contract connect-internals, section 6 (KIP-297, KIP-421).

mod error;
mod reference;
mod resolved;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millrace_api::{ConfigData, ConfigProvider, Properties};
use millrace_config::ConfigErrors;

use crate::causes::chain;
use crate::registry::Registry;
pub use error::ProviderError;
pub use resolved::Resolved;

const NAMES: &str = "config.providers";
/// How long all look-ups of one configuration may take.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(30);

/// What was found at the paths of providers.
type Found = BTreeMap<(String, String), ConfigData>;

/// The config providers of a worker, by the names that references use. Clones share them.
#[derive(Clone, Default)]
pub struct ConfigProviders {
    named: Arc<BTreeMap<String, Box<dyn ConfigProvider>>>,
}

impl fmt::Debug for ConfigProviders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.named.keys()).finish()
    }
}

impl ConfigProviders {
    /// The providers that `config.providers` names, made and configured. May look at files.
    ///
    /// # Errors
    /// Every class that there is none of, and every setting that cannot be used.
    pub fn configured(registry: &Registry, properties: &Properties) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let mut named = BTreeMap::new();
        let names = properties.get(NAMES).map_or("", String::as_str).split(',');
        for name in names.map(str::trim).filter(|name| !name.is_empty()) {
            match make(registry, properties, name) {
                Ok(provider) => drop(named.insert(name.to_owned(), provider)),
                Err((key, message)) => errors.push(key, message),
            }
        }
        errors.into_result(Self {
            named: Arc::new(named),
        })
    }

    /// The same with the stock providers only.
    ///
    /// # Errors
    /// As [`ConfigProviders::configured`].
    pub fn stock(properties: &Properties) -> Result<Self, ConfigErrors> {
        Self::configured(&Registry::stock(), properties)
    }

    /// Puts values in the place of references. Blocks while providers look them up.
    ///
    /// # Errors
    /// When a provider cannot read a path.
    pub fn resolve_blocking(&self, properties: &Properties) -> Result<Resolved, ProviderError> {
        let wanted = self.wanted(properties);
        let mut found = Found::new();
        for ((name, path), keys) in wanted {
            let Some(provider) = self.named.get(&name) else {
                continue;
            };
            let data = provider.get(&path, &keys).map_err(|error| {
                let source = chain(&error);
                ProviderError::look_up(&name, &path, &keys, source)
            })?;
            found.insert((name, path), data);
        }
        Ok(Resolved::new(properties, &found))
    }

    /// The same, waiting for a thread that may block.
    ///
    /// # Errors
    /// When a provider cannot read a path, panics, or takes too long.
    pub async fn resolve(&self, properties: &Properties) -> Result<Resolved, ProviderError> {
        if self.wanted(properties).is_empty() {
            return Ok(Resolved::new(properties, &Found::new()));
        }
        let (providers, properties) = (self.clone(), properties.clone());
        let look_up = tokio::task::spawn_blocking(move || providers.resolve_blocking(&properties));
        match tokio::time::timeout(LOOK_UP_WITHIN, look_up).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(ProviderError::Panicked(panic.to_string())),
            Err(_elapsed) => Err(ProviderError::TimedOut(LOOK_UP_WITHIN)),
        }
    }

    /// The keys that references ask known providers for, by provider and path.
    fn wanted(&self, properties: &Properties) -> BTreeMap<(String, String), BTreeSet<String>> {
        let mut wanted: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        if self.named.is_empty() {
            return wanted;
        }
        for reference in properties.values().flat_map(|text| reference::find(text)) {
            if self.named.contains_key(reference.provider) {
                wanted
                    .entry((reference.provider.to_owned(), reference.path.to_owned()))
                    .or_default()
                    .insert(reference.key.to_owned());
            }
        }
        wanted
    }
}

/// Makes one provider; else the key that is wrong, and why.
fn make(
    registry: &Registry,
    properties: &Properties,
    name: &str,
) -> Result<Box<dyn ConfigProvider>, (String, String)> {
    let class_key = format!("{NAMES}.{name}.class");
    let class = properties.get(&class_key).map(|class| class.trim());
    let Some(class) = class.filter(|class| !class.is_empty()) else {
        let message =
            format!("Missing required configuration \"{class_key}\" which has no default value.");
        return Err((class_key, message));
    };
    let Some(mut provider) = registry.make_config_provider(class) else {
        let message = format!(
            "Invalid value {class} for configuration {class_key}: Class {class} could not be found, available config providers are: {}",
            registry.config_provider_classes().join(", ")
        );
        return Err((class_key, message));
    };
    let prefix = format!("{NAMES}.{name}.param.");
    let settings: Properties = properties
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())))
        .collect();
    match provider.configure(&settings) {
        Ok(()) => Ok(provider),
        Err(error) => Err((
            format!("{NAMES}.{name}"),
            format!("config provider {name} cannot be used: {}", chain(&error)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::ConfigProviders;

    #[tokio::test]
    async fn references_are_resolved_once_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        std::fs::write(&path, "user=eva\npassword=${file:x:y}\nlong:er=colon\n").unwrap();
        let path = path.display();
        let providers = ConfigProviders::stock(&properties(&[
            ("config.providers", "file, env"),
            ("config.providers.file.class", "FileConfigProvider"),
            ("config.providers.env.class", "EnvVar"),
        ]))
        .unwrap();
        let both = format!("${{file:{path}:user}}/${{file:{path}:password}}");
        let raw = properties(&[
            ("both", both.as_str()),
            ("colon", &format!("${{file:{path}:long\\:er}}")),
            ("missing", &format!("a ${{file:{path}:nobody}}")),
            ("unknown", "${vault:x:y}"),
            ("empty", "${file:y}"),
            ("plain", "$x {y}"),
        ]);
        let resolved = providers.resolve(&raw).await.unwrap();
        let mut expected = raw.clone();
        expected.insert("both".to_owned(), "eva/${file:x:y}".to_owned());
        assert_eq!(resolved.properties, expected);
        assert_eq!(resolved.redact("for user eva"), "for user eva");
        assert_eq!(
            resolved.redact("eva/${file:x:y} is no path"),
            format!("${{file:{path}:user}}/${{file:{path}:password}} is no path")
        );
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named_without_values() {
        let providers = ConfigProviders::stock(&properties(&[
            ("config.providers", "f"),
            (
                "config.providers.f.class",
                "org.apache.kafka.common.config.provider.FileConfigProvider",
            ),
        ]))
        .unwrap();
        let error = providers
            .resolve(&properties(&[("k", "${f:/no/such:password}")]))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("config provider f cannot give password of path /no/such: could not read properties from file /no/such: "),
            "{error}"
        );
    }

    #[test]
    fn providers_that_cannot_be_made_are_named_together() {
        let errors = ConfigProviders::stock(&properties(&[
            ("config.providers", "a,b,c"),
            ("config.providers.a.class", "x.Vault"),
            ("config.providers.c.class", "DirectoryConfigProvider"),
            ("config.providers.c.param.allowed.paths", "relative"),
        ]))
        .unwrap_err();
        let texts: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
        assert!(texts[0].starts_with("Invalid value x.Vault for configuration config.providers.a.class: Class x.Vault could not be found"), "{texts:?}");
        assert_eq!(
            texts[1],
            "Missing required configuration \"config.providers.b.class\" which has no default value."
        );
        assert!(
            texts[2].starts_with("config provider c cannot be used: Path relative is not absolute"),
            "{texts:?}"
        );
    }
}
