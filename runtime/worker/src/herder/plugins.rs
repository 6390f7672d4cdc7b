//! Judging configurations and describing plugins; the parts that are connectors' code run where it may.

use millrace_config::{ConfigDef, KeyInfo, NullableProperties};

use super::error::HerderError;
use super::host::{CallError, Hosts};
use super::running::Shared;
use super::shown;
use super::views::PluginInfo;
use crate::config::WorkerConfig;
use crate::providers::{ConfigProviders, ProviderError};
use crate::registry::alias::simple_name;
use crate::registry::{PluginKind, Registered, Registry};
use crate::validation::{self, OwnVerdict, Verdicts, given, without_nulls};

/// The key of a connector's class.
const CLASS: &str = "connector.class";

/// Why a configuration could not be judged at all. A create shows another form of it than a validate call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JudgeError {
    #[error("Connector config {0} contains no connector type")]
    NoType(String),
    #[error(
        "Failed to find any class that implements Connector and which name matches {class}, available connectors are: {available}"
    )]
    UnknownClass { class: String, available: String },
    /// A client setting that the connector overrides is not of its type.
    #[error("{0}")]
    Override(String),
    /// A config provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl JudgeError {
    /// As a create or update shows it.
    pub(super) fn plain(&self) -> HerderError {
        match self {
            Self::NoType(_) | Self::UnknownClass { .. } => {
                HerderError::bad_request(self.to_string())
            }
            Self::Override(_) | Self::Provider(_) | Self::Call(_) => {
                HerderError::internal(self.to_string())
            }
        }
    }

    /// As a validate call shows it: with Java's class name in front.
    fn with_class(&self) -> HerderError {
        let class = match self {
            Self::NoType(_) | Self::UnknownClass { .. } => {
                "org.apache.kafka.connect.runtime.rest.errors.BadRequestException"
            }
            Self::Override(_) | Self::Provider(_) => {
                "org.apache.kafka.common.config.ConfigException"
            }
            Self::Call(_) => "org.apache.kafka.connect.errors.ConnectException",
        };
        HerderError::internal(format!("{class}: {self}"))
    }
}

/// What it takes to judge a connector's configuration.
pub(crate) struct Judge<'a> {
    pub(crate) hosts: &'a Hosts,
    pub(crate) registry: &'a Registry,
    pub(crate) providers: &'a ConfigProviders,
    pub(crate) worker: &'a WorkerConfig,
}

impl Judge<'_> {
    /// The plugin that a configuration is for.
    pub(crate) fn plugin<'r>(
        registry: &'r Registry,
        config: &NullableProperties,
    ) -> Result<&'r Registered, JudgeError> {
        let class = given(config, CLASS).ok_or_else(|| JudgeError::NoType(shown(config)))?;
        registry
            .connector(class)
            .ok_or_else(|| JudgeError::UnknownClass {
                class: class.to_owned(),
                available: registry.available_connectors(),
            })
    }

    /// The verdict on every key.
    pub(crate) async fn judge(&self, config: &NullableProperties) -> Result<Verdicts, JudgeError> {
        let raw = config;
        let resolved = self.providers.resolve(&without_nulls(raw)).await?;
        let config = &resolved.over(raw.clone());
        let plugin = Self::plugin(self.registry, config)?;
        validation::check_overrides(config)
            .map_err(|error| JudgeError::Override(resolved.redact(&error)))?;
        let own = self.ask(plugin, config).await?;
        let mut verdicts = validation::judge(plugin, self.registry, self.worker, config, own);
        resolved.redact_verdicts(&mut verdicts);
        // A connector's class is read from what is stored, before references are resolved.
        if let Some(class) = given(raw, CLASS).filter(|class| given(config, CLASS) != Some(*class))
        {
            verdicts.add_error(CLASS, format!(
                "Invalid value {class} for configuration {CLASS}: a class is not taken from a config provider; write the name of the class itself"
            ));
        }
        Ok(verdicts)
    }

    /// Asks a connector's code what it says of a configuration.
    async fn ask(
        &self,
        plugin: &Registered,
        config: &NullableProperties,
    ) -> Result<OwnVerdict, CallError> {
        let properties = without_nulls(config);
        let host = self.hosts.host(plugin)?;
        let limit = self.worker.connector_call_timeout();
        host.call("check its configuration", limit, move |instance| {
            Box::pin(async move {
                let definition = instance.definition();
                let faults = instance.validate(&properties).await;
                OwnVerdict { definition, faults }
            })
        })
        .await
    }
}

impl Shared {
    /// Judges a connector's configuration.
    pub(super) async fn judge(&self, config: &NullableProperties) -> Result<Verdicts, JudgeError> {
        let Shared {
            hosts,
            registry,
            providers,
            config: worker,
            ..
        } = self;
        Judge {
            hosts,
            registry,
            providers,
            worker,
        }
        .judge(config)
        .await
    }

    /// Fails where topics are not tracked.
    pub(super) fn only_with_topic_tracking(&self) -> Result<(), HerderError> {
        if self.config.topic_tracking_enable {
            return Ok(());
        }
        Err(HerderError::forbidden("Topic tracking is disabled."))
    }

    /// Fails where the list of topics must not be reset.
    pub(super) fn only_with_topic_reset(&self) -> Result<(), HerderError> {
        self.only_with_topic_tracking()?;
        if self.config.topic_tracking_reset {
            return Ok(());
        }
        Err(HerderError::forbidden("Topic tracking reset is disabled."))
    }

    /// The plugins, connectors only or all.
    pub(super) fn plugin_infos(&self, connectors_only: bool) -> Vec<PluginInfo> {
        let all = self.registry.plugins().iter();
        let shown = all.filter(|plugin| !connectors_only || plugin.kind.is_connector());
        let info = |plugin: &Registered| PluginInfo {
            class: plugin.class().to_owned(),
            kind: plugin.kind,
            version: Some(plugin.version().to_owned()).filter(|version| !version.is_empty()),
        };
        shown.map(info).collect()
    }

    /// The configuration with its name, if nothing is wrong with it.
    pub(super) async fn checked(
        &self,
        name: &str,
        mut config: NullableProperties,
    ) -> Result<NullableProperties, HerderError> {
        match config.get("name") {
            None => {
                config.insert("name".to_owned(), Some(name.to_owned()));
            }
            Some(given) if given.as_deref() == Some(name) => {}
            Some(given) => {
                return Err(HerderError::bad_request(format!(
                    "Connector name configuration ({}) doesn't match connector name in the URL ({name})",
                    given.as_deref().unwrap_or("null")
                )));
            }
        }
        self.judged(config).await
    }

    /// The configuration, if nothing is wrong with it.
    pub(super) async fn judged(
        &self,
        config: NullableProperties,
    ) -> Result<NullableProperties, HerderError> {
        let verdicts = self.judge(&config).await.map_err(|error| error.plain())?;
        match verdicts.refusal() {
            Some(message) => Err(HerderError::bad_request(message)),
            None => Ok(config),
        }
    }

    /// The verdict on a configuration for the plugin that a path names.
    pub(super) async fn validate_for(
        &self,
        path: &str,
        config: NullableProperties,
    ) -> Result<Verdicts, HerderError> {
        let class = given(&config, CLASS);
        if let Some(class) =
            class.filter(|class| !without_kind(class).ends_with(without_kind(path)))
        {
            return Err(HerderError::bad_request(format!(
                "Included connector type {class} does not match request type {path}"
            )));
        }
        self.judge(&config)
            .await
            .map_err(|error| error.with_class())
    }

    /// The keys of a plugin: its own first, then those of the framework.
    pub(super) async fn describe_plugin(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Vec<KeyInfo>, HerderError> {
        let plugin = self.registry.find(name, |_| true);
        let Some(plugin) = plugin else {
            if matches!(name, "All" | "None" | "Principal" | "Allowlist") {
                return Err(HerderError::bad_request(format!(
                    "Invalid plugin class {name}. Valid types are sink, source, converter, header_converter, transformation, predicate."
                )));
            }
            return Err(HerderError::not_found(format!("Unknown plugin {name}.")));
        };
        let wanted = version.filter(|version| !version.trim().is_empty());
        if let Some(refusal) = wanted.and_then(|wanted| validation::version_refusal(plugin, wanted))
        {
            return Err(HerderError::bad_request(refusal));
        }
        let definition = self.definition(plugin).await?;
        let own: Vec<KeyInfo> = definition.keys().map(|key| key.info()).collect();
        let framework = match plugin.kind {
            PluginKind::Sink | PluginKind::Source => validation::described_framework(plugin),
            _ => ConfigDef::new(),
        };
        let further = framework
            .keys()
            .filter(|key| definition.find(&key.name).is_none())
            .map(|key| key.info());
        Ok(own.into_iter().chain(further.collect::<Vec<_>>()).collect())
    }

    async fn definition(&self, plugin: &Registered) -> Result<ConfigDef, HerderError> {
        if let Some(definition) = plugin.own_definition() {
            return Ok(definition.clone());
        }
        let host = self
            .hosts
            .host(plugin)
            .map_err(|error| cannot_make(plugin, &error))?;
        let limit = self.config.connector_call_timeout();
        let call = host.call("describe its keys", limit, |instance| {
            Box::pin(async move { instance.definition() })
        });
        call.await.map_err(|error| cannot_make(plugin, &error))
    }
}

/// A connector's name without `Connector` at its end; that word alone stays.
fn without_kind(name: &str) -> &str {
    name.strip_suffix("Connector")
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

fn cannot_make(plugin: &Registered, error: &CallError) -> HerderError {
    HerderError::internal(format!(
        "cannot describe {}: {error}",
        simple_name(plugin.class())
    ))
}
