//! `millrace configs`: shows and changes configurations of topics, brokers and groups, with the options of
//! `kafka-configs.sh`.

mod entity;
mod pairs;
mod show;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::bail;
use clap::{ArgGroup, Args};
use millrace_client::admin::{Admin, ConfigChange, ConfigResource, DescribeConfigs};
use serde_json::json;

use self::entity::{Entities, EntityType, own_source};
use super::{
    run::{self, Usage},
    server::Server,
    stdout::{print, print_json},
};
use crate::{failure::Failure, plan::read_properties};

/// How long one call may take with its repetitions.
const CALL_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("action").required(true).args(["describe", "alter"])),
    group(ArgGroup::new("entity").required(true).multiple(true).args([
        "entity_type", "topic", "broker", "broker_defaults", "broker_logger", "group", "client_metrics",
    ])),
    group(ArgGroup::new("change").multiple(true).args(["add_config", "add_config_file", "delete_config"]))
)]
pub(crate) struct Configs {
    /// Show configurations
    #[arg(long)]
    describe: bool,
    /// Change a configuration
    #[arg(long, requires = "change")]
    alter: bool,
    /// What it is the configuration of
    #[arg(long, value_name = "TYPE")]
    entity_type: Option<EntityType>,
    /// The topic, the id of the broker, the group; without it all are described
    #[arg(long, value_name = "NAME", requires = "entity_type")]
    entity_name: Option<String>,
    /// What holds for all brokers that have no value of their own
    #[arg(long, requires = "entity_type", conflicts_with = "entity_name")]
    entity_default: bool,
    /// Short for --entity-type topics --entity-name
    #[arg(long, value_name = "TOPIC", conflicts_with = "entity_type")]
    topic: Option<String>,
    /// Short for --entity-type brokers --entity-name
    #[arg(long, value_name = "ID", conflicts_with = "entity_type")]
    broker: Option<String>,
    /// Short for --entity-type brokers --entity-default
    #[arg(long, conflicts_with = "entity_type")]
    broker_defaults: bool,
    /// Short for --entity-type broker-loggers --entity-name
    #[arg(long, value_name = "ID", conflicts_with = "entity_type")]
    broker_logger: Option<String>,
    /// Short for --entity-type groups --entity-name
    #[arg(long, value_name = "GROUP", conflicts_with = "entity_type")]
    group: Option<String>,
    /// Short for --entity-type client-metrics --entity-name
    #[arg(long, value_name = "NAME", conflicts_with = "entity_type")]
    client_metrics: Option<String>,
    /// Set keys: a=1,b=[x,y]
    #[arg(long, value_name = "PAIRS", requires = "alter")]
    add_config: Option<String>,
    /// Set the keys of a properties file
    #[arg(
        long,
        value_name = "FILE",
        requires = "alter",
        conflicts_with = "add_config"
    )]
    add_config_file: Option<PathBuf>,
    /// Set keys back to their defaults: a,b
    #[arg(long, value_name = "KEYS", requires = "alter", value_delimiter = ',')]
    delete_config: Vec<String>,
    /// Describe all keys, not only those that are set
    #[arg(long, requires = "describe")]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Sees that what is to be deleted is set: a slip of the pen would go unnoticed.
async fn deletable(
    admin: &Admin,
    resource: &ConfigResource,
    changes: &BTreeMap<String, ConfigChange>,
) -> anyhow::Result<()> {
    let deleted = |(key, change): (&String, &ConfigChange)| {
        matches!(change, ConfigChange::Delete).then(|| key.clone())
    };
    let mut unset: Vec<String> = changes.iter().filter_map(deleted).collect();
    if unset.is_empty() {
        return Ok(());
    }
    let what = DescribeConfigs::default();
    let configs = admin.describe_configs(resource, &what).await?;
    let own = own_source(resource);
    unset.retain(|key| configs.get(key).is_none_or(|entry| entry.source != own));
    if unset.is_empty() {
        return Ok(());
    }
    bail!(
        "{} is not set for {resource}, so that it cannot be deleted",
        unset.join(", ")
    )
}

impl Configs {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::to_end(self.act())
    }

    async fn act(&self) -> anyhow::Result<()> {
        let entities = self.entities()?;
        let changes = self.changes()?;
        let (_, admin) = self.server.admin(CALL_LIMIT).await?;
        entities.check(&admin).await?;
        if self.describe {
            return show::describe(&admin, &entities, self.all, self.json).await;
        }
        self.change(&admin, &entities, &changes).await
    }

    async fn change(
        &self,
        admin: &Admin,
        entities: &Entities,
        changes: &BTreeMap<String, ConfigChange>,
    ) -> anyhow::Result<()> {
        let resource = entities
            .one()
            .ok_or_else(|| Usage::new("--alter needs --entity-name or --entity-default"))?;
        deletable(admin, &resource, changes).await?;
        admin.alter_configs(&resource, changes, false).await?;
        if self.json {
            return Ok(print_json(&json!({"changed": resource.to_string()}))?);
        }
        let changed = match resource {
            ConfigResource::AllBrokers => "default config for brokers in the cluster".to_owned(),
            resource => format!("config for {resource}"),
        };
        Ok(print(format!("Completed updating {changed}.\n"))?)
    }

    fn entities(&self) -> Result<Entities, Usage> {
        let short = [
            (EntityType::Topics, &self.topic),
            (EntityType::Brokers, &self.broker),
            (EntityType::BrokerLoggers, &self.broker_logger),
            (EntityType::Groups, &self.group),
            (EntityType::ClientMetrics, &self.client_metrics),
        ];
        let mut named = short
            .into_iter()
            .filter_map(|(kind, name)| Some((kind, Some(name.clone()?), false)))
            .collect::<Vec<_>>();
        if self.broker_defaults {
            named.push((EntityType::Brokers, None, true));
        }
        if let Some(kind) = self.entity_type {
            named.push((kind, self.entity_name.clone(), self.entity_default));
        }
        match named.as_slice() {
            [(kind, name, default)] => Entities::new(*kind, name.as_deref(), *default),
            _ => Err(Usage::new("name one entity only")),
        }
    }

    fn changes(&self) -> Result<BTreeMap<String, ConfigChange>, Usage> {
        let mut changes = BTreeMap::new();
        if let Some(path) = &self.add_config_file {
            let read = read_properties(path).map_err(|problem| Usage::new(problem.to_string()))?;
            changes.extend(
                read.into_iter()
                    .map(|(key, value)| (key, ConfigChange::Set(value))),
            );
        }
        for (key, value) in pairs::parse(self.add_config.as_deref().unwrap_or_default())? {
            changes.insert(key, ConfigChange::Set(value));
        }
        for key in &self.delete_config {
            if changes
                .insert(key.trim().to_owned(), ConfigChange::Delete)
                .is_some()
            {
                return Err(Usage::new(format!("{key} is both set and deleted")));
            }
        }
        Ok(changes)
    }
}
