//! `millrace topics`: creates, lists, describes, alters and deletes topics, with the options of `kafka-topics.sh`.

mod change;
mod describe;
mod select;

pub(crate) use self::select::pattern;

use std::{collections::BTreeMap, time::Duration};

use clap::{ArgGroup, Args};
use serde_json::json;

use super::{
    run::{self, Usage},
    server::Server,
    stdout::{print, print_json},
};
use crate::{args::key_value, failure::Failure};

/// How long one call may take with its repetitions.
const CALL_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("action").required(true).args(["create", "list", "describe", "alter", "delete"])))]
pub(crate) struct Topics {
    /// Create a topic
    #[arg(long, requires = "topic")]
    create: bool,
    /// List topics
    #[arg(long)]
    list: bool,
    /// Show partitions and configurations of topics
    #[arg(long)]
    describe: bool,
    /// Raise the number of partitions
    #[arg(long, requires = "topic")]
    alter: bool,
    /// Delete topics
    #[arg(long, requires = "topic")]
    delete: bool,
    /// The topic; all but --create take a regular expression, too
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Describe the topic of this id
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "topic",
        requires = "describe"
    )]
    topic_id: Option<String>,
    /// How many partitions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many replicas of each partition
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// Nodes by partition, as in 1:2,2:3 for two replicas of two partitions
    #[arg(long, value_name = "NODES", conflicts_with = "replication_factor")]
    replica_assignment: Option<String>,
    /// A configuration of the new topic; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// Do nothing where the topic is there already
    #[arg(long, requires = "create")]
    if_not_exists: bool,
    /// Do nothing where the topic is not there
    #[arg(long, conflicts_with_all = ["create", "list"])]
    if_exists: bool,
    /// Leave out the brokers' own topics
    #[arg(long)]
    exclude_internal: bool,
    #[command(flatten)]
    filter: describe::Filter,
    /// Accepted, without effect: answers are asked for whole
    #[arg(long, value_name = "N", hide = true)]
    partition_size_limit_per_response: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Topics {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::to_end(self.act())
    }

    /// What the definitions cannot say.
    fn check(&self) -> Result<(), Usage> {
        if !self.create && !self.config.is_empty() {
            return Err(Usage::new(
                "--config is for --create; change a topic's configuration by millrace configs --alter --topic TOPIC \
                 --add-config KEY=VALUE",
            ));
        }
        if self.alter && self.partitions.is_none() {
            return Err(Usage::new("--alter needs --partitions"));
        }
        let numbers = self.partitions.is_some()
            || self.replication_factor.is_some()
            || self.replica_assignment.is_some();
        if numbers && !(self.create || self.alter) {
            return Err(Usage::new(
                "--partitions, --replication-factor and --replica-assignment are for --create and --alter",
            ));
        }
        Ok(())
    }

    async fn act(&self) -> anyhow::Result<()> {
        self.check()?;
        if self.create {
            return self.create().await;
        }
        let (_, admin) = self.server.admin(CALL_LIMIT).await?;
        let topics = self.selected(&admin).await?;
        if self.list {
            self.print_names(&topics)
        } else if self.describe {
            describe::describe(&admin, &topics, &self.filter, self.json).await
        } else if self.alter {
            let total = self.partitions.unwrap_or_default();
            change::raise(&admin, &topics, total, self.assignment()?, self.json).await
        } else {
            change::delete(&admin, &topics, self.json).await
        }
    }

    fn print_names(&self, topics: &select::Selected) -> anyhow::Result<()> {
        let names = topics.iter().map(|topic| &*topic.name);
        if self.json {
            let names: Vec<&str> = names.collect();
            return Ok(print_json(&json!(names))?);
        }
        let lines: String = names.map(|name| format!("{name}\n")).collect();
        Ok(print(lines)?)
    }

    async fn create(&self) -> anyhow::Result<()> {
        let replicas = self.assignment()?;
        if !replicas.is_empty()
            && self
                .partitions
                .is_some_and(|count| count as usize != replicas.len())
        {
            let text = "--partitions and --replica-assignment name different numbers of partitions";
            return Err(Usage::new(text).into());
        }
        let topic = millrace_client::admin::NewTopic {
            name: self.topic.clone().unwrap_or_default(),
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            replicas,
            configs: BTreeMap::from_iter(self.config.iter().cloned()),
        };
        let (_, admin) = self.server.admin(CALL_LIMIT).await?;
        change::create(&admin, &topic, self.if_not_exists, self.json).await
    }

    async fn selected(
        &self,
        admin: &millrace_client::admin::Admin,
    ) -> anyhow::Result<select::Selected> {
        let topics = admin.list_topics().await?;
        let wanted = select::Wanted {
            topic: self.topic.as_deref(),
            id: self.topic_id.as_deref(),
            exclude_internal: self.exclude_internal,
            may_be_missing: self.if_exists || self.list,
        };
        wanted.choose(topics)
    }

    fn assignment(&self) -> Result<Vec<Vec<i32>>, Usage> {
        self.replica_assignment
            .as_deref()
            .map_or(Ok(Vec::new()), change::assignment)
    }
}
