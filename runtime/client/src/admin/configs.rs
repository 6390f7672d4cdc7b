//! Configurations of topics, nodes and groups: what holds, where it comes from, and changes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::incremental_alter_configs::config_operation;
use millrace_wire::messages::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResource, IncrementalAlterableConfig,
    config_resource,
};

use super::{Admin, said};
use crate::connection::Connection;
use crate::error::ClientError;

/// What a configuration belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigResource {
    /// A topic.
    Topic(String),
    /// A node.
    Broker(i32),
    /// All nodes, as far as they have no value of their own.
    AllBrokers,
    /// The loggers of a node.
    BrokerLogger(i32),
    /// A subscription of client metrics.
    ClientMetrics(String),
    /// A group.
    Group(String),
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(formatter, "topic {name}"),
            Self::Broker(node) => write!(formatter, "broker {node}"),
            Self::AllBrokers => formatter.write_str("all brokers"),
            Self::BrokerLogger(node) => write!(formatter, "the loggers of broker {node}"),
            Self::ClientMetrics(name) => write!(formatter, "client metrics {name}"),
            Self::Group(name) => write!(formatter, "group {name}"),
        }
    }
}

impl ConfigResource {
    fn wire(&self) -> (i8, String) {
        match self {
            Self::Topic(name) => (config_resource::TOPIC, name.clone()),
            Self::Broker(node) => (config_resource::BROKER, node.to_string()),
            Self::AllBrokers => (config_resource::BROKER, String::new()),
            Self::BrokerLogger(node) => (config_resource::BROKER_LOGGER, node.to_string()),
            Self::ClientMetrics(name) => (config_resource::CLIENT_METRICS, name.clone()),
            Self::Group(name) => (config_resource::GROUP, name.clone()),
        }
    }

    /// The node that alone can answer, where it is one.
    fn node(&self) -> Option<i32> {
        match self {
            Self::Broker(node) | Self::BrokerLogger(node) => Some(*node),
            _ => None,
        }
    }
}

/// What is to be told beside values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeConfigs {
    /// The keys; none for all.
    pub keys: Option<Vec<String>>,
    /// Where else a value could come from.
    pub synonyms: bool,
    /// What the keys are for (Kafka 2.6).
    pub documentation: bool,
}

/// A key of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub name: String,
    /// Its value; none where it is secret or not set.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it is fixed while the broker runs.
    pub is_read_only: bool,
    /// Whether it is secret.
    pub is_sensitive: bool,
    /// What values it takes.
    pub kind: ConfigKind,
    /// What it is for, if that was asked.
    pub documentation: Option<String>,
    /// All places that say a value, the one that holds first, if that was asked.
    pub synonyms: Vec<ConfigSynonym>,
}

/// A place that says the value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key as it is called there.
    pub name: String,
    /// The value there; none where it is secret or not set.
    pub value: Option<String>,
    /// The place.
    pub source: ConfigSource,
}

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident $code:literal $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
            /// One that this client does not know, by its code.
            Other(i8),
        }

        impl $name {
            fn from_code(code: i8) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Other(other),
                }
            }

            /// Its name, as Kafka's tools print it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(_) => "UNKNOWN",
                }
            }
        }
    };
}

codes! {
    /// Where a value comes from.
    ConfigSource {
        /// Set on the topic.
        Topic 1 "DYNAMIC_TOPIC_CONFIG";
        /// Set on the node while it ran.
        Broker 2 "DYNAMIC_BROKER_CONFIG";
        /// Set on all nodes while they ran.
        AllBrokers 3 "DYNAMIC_DEFAULT_BROKER_CONFIG";
        /// The node's file.
        File 4 "STATIC_BROKER_CONFIG";
        /// The default.
        Default 5 "DEFAULT_CONFIG";
        /// Set on the logger.
        Logger 6 "DYNAMIC_BROKER_LOGGER_CONFIG";
        /// Set on the subscription of client metrics.
        ClientMetrics 7 "DYNAMIC_CLIENT_METRICS_CONFIG";
        /// Set on the group.
        Group 8 "DYNAMIC_GROUP_CONFIG";
    }
}

codes! {
    /// What values a key takes.
    ConfigKind {
        /// `true` or `false`.
        Boolean 1 "BOOLEAN";
        /// Text.
        String 2 "STRING";
        /// 32 bits.
        Int 3 "INT";
        /// 16 bits.
        Short 4 "SHORT";
        /// 64 bits.
        Long 5 "LONG";
        /// A number with a fraction.
        Double 6 "DOUBLE";
        /// Several, separated by commas.
        List 7 "LIST";
        /// The name of a class.
        Class 8 "CLASS";
        /// A secret.
        Password 9 "PASSWORD";
    }
}

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// This value from now on.
    Set(String),
    /// The default from now on.
    Delete,
    /// These elements are added to a list.
    Append(String),
    /// These elements are taken out of a list.
    Subtract(String),
}

impl ConfigChange {
    fn wire(&self) -> (i8, Option<String>) {
        match self {
            Self::Set(value) => (config_operation::SET, Some(value.clone())),
            Self::Delete => (config_operation::DELETE, None),
            Self::Append(value) => (config_operation::APPEND, Some(value.clone())),
            Self::Subtract(value) => (config_operation::SUBTRACT, Some(value.clone())),
        }
    }
}

impl Admin {
    /// The configuration of a resource, by the names of keys.
    ///
    /// # Errors
    ///
    /// As the broker says: `UNKNOWN_TOPIC_OR_PARTITION` where there is no such topic.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
        what: &DescribeConfigs,
    ) -> Result<BTreeMap<String, ConfigEntry>, ClientError> {
        let (resource_type, resource_name) = resource.wire();
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type,
                resource_name,
                configuration_keys: what.keys.clone(),
            }],
            include_synonyms: what.synonyms,
            include_documentation: what.documentation,
        };
        self.retried_if_known(|| self.describe_configs_once(resource, &request))
            .await
    }

    async fn describe_configs_once(
        &self,
        resource: &ConfigResource,
        request: &DescribeConfigsRequest,
    ) -> Result<BTreeMap<String, ConfigEntry>, ClientError> {
        let connection = match resource.node() {
            Some(node) => self.node(node).await?,
            None => self.lane.any().await?,
        };
        let mut answer = connection.call(request).await?;
        let doing = || format!("cannot describe the configuration of {resource}");
        let Some(result) = answer.results.pop() else {
            let code = ErrorCode::UNKNOWN_SERVER_ERROR;
            return Err(ClientError::refused(doing(), code, None));
        };
        said(doing, result.error_code, result.error_message)?;
        let entries = result.configs.into_iter().map(entry);
        Ok(entries.map(|entry| (entry.name.clone(), entry)).collect())
    }

    /// Changes keys of a resource; the others stay as they are. With `validate_only` nothing changes.
    ///
    /// # Errors
    ///
    /// As the broker says: `INVALID_CONFIG` for a key or a value that it does not take.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &BTreeMap<String, ConfigChange>,
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let (resource_type, resource_name) = resource.wire();
        let changed = |(name, change): (&String, &ConfigChange)| {
            let (config_operation, value) = change.wire();
            IncrementalAlterableConfig {
                name: name.clone(),
                config_operation,
                value,
            }
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![IncrementalAlterConfigsResource {
                resource_type,
                resource_name,
                configs: changes.iter().map(changed).collect(),
            }],
            validate_only,
        };
        self.retried_if_known(|| self.alter_configs_once(resource, &request))
            .await
    }

    async fn alter_configs_once(
        &self,
        resource: &ConfigResource,
        request: &IncrementalAlterConfigsRequest,
    ) -> Result<(), ClientError> {
        let connection: Arc<Connection> = match resource.node() {
            Some(node) => self.node(node).await?,
            None => self.controller().await?,
        };
        let answer = connection.call_within(self.limit, request).await?;
        answer
            .responses
            .into_iter()
            .next()
            .map_or(Ok(()), |result| {
                let doing = || format!("cannot change the configuration of {resource}");
                said(doing, result.error_code, result.error_message)
            })
    }
}

fn entry(answer: DescribeConfigsResourceResult) -> ConfigEntry {
    let synonyms = answer.synonyms.into_iter().map(|synonym| ConfigSynonym {
        name: synonym.name,
        value: synonym.value,
        source: ConfigSource::from_code(synonym.source),
    });
    ConfigEntry {
        name: answer.name,
        value: answer.value,
        source: ConfigSource::from_code(answer.config_source),
        is_read_only: answer.read_only,
        is_sensitive: answer.is_sensitive,
        kind: ConfigKind::from_code(answer.config_type),
        documentation: answer.documentation,
        synonyms: synonyms.collect(),
    }
}
