//! What a configuration belongs to, as it is typed.

use std::sync::Arc;

use clap::ValueEnum;
use millrace_client::{
    ClientError,
    admin::{Admin, ConfigResource, ConfigSource},
    cluster::Topic,
};

use crate::tools::{nodes, run::Usage};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EntityType {
    Topics,
    Brokers,
    BrokerLoggers,
    Groups,
    ClientMetrics,
    #[value(hide = true)]
    Users,
    #[value(hide = true)]
    Clients,
    #[value(hide = true)]
    Ips,
}

/// One entity, the default of all, or all of a type.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entities {
    One(ConfigResource),
    All(EntityType),
}

impl Entities {
    pub(super) fn new(kind: EntityType, name: Option<&str>, default: bool) -> Result<Self, Usage> {
        let node = |name: &str| {
            name.parse::<i32>()
                .map_err(|_| Usage::new(format!("{name} is no broker's id")))
        };
        Ok(match (kind, name) {
            (EntityType::Users | EntityType::Clients | EntityType::Ips, _) => {
                return Err(Usage::new(
                    "quotas of users, clients and addresses are not there, neither in the broker nor in this tool",
                ));
            }
            (EntityType::Brokers, None) if default => Self::One(ConfigResource::AllBrokers),
            (_, None) if default => {
                return Err(Usage::new("--entity-default is for brokers only"));
            }
            (EntityType::BrokerLoggers | EntityType::ClientMetrics, None) => {
                return Err(Usage::new("this entity type needs --entity-name"));
            }
            (kind, None) => Self::All(kind),
            (EntityType::Topics, Some(name)) => Self::One(ConfigResource::Topic(name.to_owned())),
            (EntityType::Brokers, Some("")) => Self::One(ConfigResource::AllBrokers),
            (EntityType::Brokers, Some(name)) => Self::One(ConfigResource::Broker(node(name)?)),
            (EntityType::BrokerLoggers, Some(name)) => {
                Self::One(ConfigResource::BrokerLogger(node(name)?))
            }
            (EntityType::Groups, Some(name)) => Self::One(ConfigResource::Group(name.to_owned())),
            (EntityType::ClientMetrics, Some(name)) => {
                Self::One(ConfigResource::ClientMetrics(name.to_owned()))
            }
        })
    }

    /// The entity, if it is one.
    pub(super) fn one(&self) -> Option<ConfigResource> {
        match self {
            Self::One(resource) => Some(resource.clone()),
            Self::All(_) => None,
        }
    }

    /// Sees that a broker that was named is there: calls would wait for it to come.
    pub(super) async fn check(&self, admin: &Admin) -> anyhow::Result<()> {
        match self {
            Self::One(ConfigResource::Broker(id) | ConfigResource::BrokerLogger(id)) => {
                nodes::check(admin, &[*id]).await
            }
            Self::One(_) | Self::All(_) => Ok(()),
        }
    }

    /// The entities that there are; for brokers, the default of all comes last.
    pub(super) async fn list(&self, admin: &Admin) -> Result<Vec<ConfigResource>, ClientError> {
        let topic = |topic: &Arc<Topic>| ConfigResource::Topic(topic.name.to_string());
        Ok(match self {
            Self::One(resource) => vec![resource.clone()],
            Self::All(EntityType::Topics) => admin.list_topics().await?.iter().map(topic).collect(),
            Self::All(EntityType::Groups) => admin
                .list_groups()
                .await?
                .into_iter()
                .map(|group| ConfigResource::Group(group.group_id))
                .collect(),
            Self::All(_) => {
                let nodes = admin.describe_cluster().await?.nodes;
                let mut resources: Vec<_> = nodes
                    .iter()
                    .map(|node| ConfigResource::Broker(node.id))
                    .collect();
                resources.push(ConfigResource::AllBrokers);
                resources
            }
        })
    }
}

/// Where a value comes from that was set on the resource itself while the brokers ran.
pub(super) fn own_source(resource: &ConfigResource) -> ConfigSource {
    match resource {
        ConfigResource::Topic(_) => ConfigSource::Topic,
        ConfigResource::Broker(_) => ConfigSource::Broker,
        ConfigResource::AllBrokers => ConfigSource::AllBrokers,
        ConfigResource::BrokerLogger(_) => ConfigSource::Logger,
        ConfigResource::ClientMetrics(_) => ConfigSource::ClientMetrics,
        ConfigResource::Group(_) => ConfigSource::Group,
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigResource, Entities, EntityType};

    #[test]
    fn names_and_defaults() {
        let one = |kind, name, default| Entities::new(kind, name, default).unwrap().one();
        assert_eq!(
            one(EntityType::Topics, Some("t"), false),
            Some(ConfigResource::Topic("t".to_owned()))
        );
        assert_eq!(
            one(EntityType::Brokers, Some("3"), false),
            Some(ConfigResource::Broker(3))
        );
        assert_eq!(
            one(EntityType::Brokers, None, true),
            Some(ConfigResource::AllBrokers)
        );
        assert_eq!(one(EntityType::Topics, None, false), None);
        for (kind, name, default) in [
            (EntityType::Brokers, Some("x"), false),
            (EntityType::Topics, None, true),
            (EntityType::Users, Some("u"), false),
        ] {
            assert!(Entities::new(kind, name, default).is_err());
        }
    }
}
