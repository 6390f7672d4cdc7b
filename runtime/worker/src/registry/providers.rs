//! The config providers that a worker has. They are not listed by REST, as in Kafka Connect.

use std::fmt;
use std::sync::Arc;

use millrace_api::ConfigProvider;

use super::{Registry, alias};

/// A config provider as it was registered.
#[derive(Clone)]
pub(super) struct Provider {
    class: &'static str,
    make: Arc<dyn Fn() -> Box<dyn ConfigProvider> + Send + Sync>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Provider").field(&self.class).finish()
    }
}

impl Registry {
    /// Registers a config provider, which `config.providers.<name>.class` names by its class or the class's short
    /// name. One of the same class takes the place of an earlier one.
    #[must_use]
    pub fn config_provider(
        mut self,
        class: &'static str,
        make: impl Fn() -> Box<dyn ConfigProvider> + Send + Sync + 'static,
    ) -> Self {
        self.providers.retain(|known| known.class != class);
        self.providers.push(Provider {
            class,
            make: Arc::new(make),
        });
        self
    }

    /// A new config provider of a class or of a short name that means one class.
    pub(crate) fn make_config_provider(&self, name: &str) -> Option<Box<dyn ConfigProvider>> {
        let exact = self.providers.iter().find(|known| known.class == name);
        let mut short = self
            .providers
            .iter()
            .filter(|known| alias::matches(known.class, "ConfigProvider", name));
        let found = exact.or_else(|| match (short.next(), short.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        });
        found.map(|found| (found.make)())
    }

    /// The classes of all config providers.
    pub(crate) fn config_provider_classes(&self) -> Vec<&'static str> {
        self.providers.iter().map(|known| known.class).collect()
    }
}
