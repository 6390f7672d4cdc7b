//! The stock config providers: files, folders and environment variables, under Java's class names.
//!
//! Facts: contract connect-internals, section 6. Files and folders may be given a time to live (`ttl.ms`, Millrace's
//! own), after which they are looked at again; in Kafka their values hold for ever.

mod access;
mod directory;
mod environment;
mod file;

use millrace_api::ConfigProvider;
use millrace_config::{Config, ConfigDef};

pub use directory::DirectoryConfigProvider;
pub use environment::EnvVarConfigProvider;
pub use file::FileConfigProvider;

/// A config provider.
#[derive(Debug, Clone, Copy)]
pub struct ConfigProviderPlugin {
    /// Java's full class name.
    pub class: &'static str,
    /// The keys below `config.providers.<name>.param.`.
    pub definition: fn() -> ConfigDef,
    /// A new instance, to be configured.
    pub create: fn() -> Box<dyn ConfigProvider>,
}

static PROVIDERS: [ConfigProviderPlugin; 3] = [
    ConfigProviderPlugin {
        class: "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
        definition: access::AccessConfig::definition,
        create: || Box::<DirectoryConfigProvider>::default(),
    },
    ConfigProviderPlugin {
        class: "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        definition: environment::EnvVarConfig::definition,
        create: || Box::<EnvVarConfigProvider>::default(),
    },
    ConfigProviderPlugin {
        class: "org.apache.kafka.common.config.provider.FileConfigProvider",
        definition: access::AccessConfig::definition,
        create: || Box::<FileConfigProvider>::default(),
    },
];

/// All config providers, by class name.
pub fn config_providers() -> &'static [ConfigProviderPlugin] {
    &PROVIDERS
}
