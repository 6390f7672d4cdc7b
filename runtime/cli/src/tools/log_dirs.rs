//! `millrace log-dirs`: the log directories of brokers, with the options and the output of `kafka-log-dirs.sh`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::bail;
use clap::Args;
use millrace_client::{
    ClientError,
    admin::{LogDir, LogDirReplica, Place},
};
use serde_json::{Value, json};

use super::{
    nodes, run,
    server::Server,
    stdout::{print, print_json},
};
use crate::failure::Failure;

/// How long one call may take with its repetitions.
const CALL_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct LogDirs {
    /// Describe them, which is all there is to do
    #[arg(long)]
    describe: bool,
    /// The topics; all without it
    #[arg(long, value_name = "TOPICS", value_delimiter = ',')]
    topic_list: Vec<String>,
    /// The ids of brokers; all without it
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    broker_list: Vec<i32>,
    /// Print the JSON document alone
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl LogDirs {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::to_end(self.act())
    }

    async fn act(&self) -> anyhow::Result<()> {
        let (_, admin) = self.server.admin(CALL_LIMIT).await?;
        nodes::check(&admin, &self.broker_list).await?;
        if !self.json {
            print("Querying brokers for log directories information\n")?;
        }
        let described = admin.describe_log_dirs(&self.broker_list, None).await?;
        let nodes: Vec<String> = described.keys().map(ToString::to_string).collect();
        let document = self.document(&described);
        if self.json {
            print_json(&document)?;
        } else {
            let nodes = nodes.join(",");
            print(format!(
                "Received log directory information from brokers {nodes}\n{document}\n"
            ))?;
        }
        let failed = described
            .values()
            .filter_map(|outcome| outcome.as_ref().err());
        let failed: Vec<String> = failed.map(ToString::to_string).collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("{}", failed.join("\n  "))
    }

    fn document(&self, described: &BTreeMap<i32, Result<Vec<LogDir>, ClientError>>) -> Value {
        let broker = |(node, outcome): (&i32, &Result<Vec<LogDir>, ClientError>)| {
            let dirs = outcome.as_deref().unwrap_or_default();
            json!({
                "broker": node,
                "logDirs": dirs.iter().map(|dir| self.log_dir(dir)).collect::<Vec<_>>(),
            })
        };
        json!({"version": 1, "brokers": described.iter().map(broker).collect::<Vec<_>>()})
    }

    fn log_dir(&self, dir: &LogDir) -> Value {
        let wanted = |(topic, _): &Place| {
            self.topic_list.is_empty() || self.topic_list.iter().any(|name| **name == **topic)
        };
        let partition = |((topic, index), replica): (&(Arc<str>, i32), &LogDirReplica)| {
            json!({
                "partition": format!("{topic}-{index}"),
                "size": replica.size,
                "offsetLag": replica.offset_lag,
                "isFuture": replica.is_future,
            })
        };
        let partitions = dir.replicas.iter().filter(|(place, _)| wanted(place));
        json!({
            "logDir": dir.path,
            "error": dir.error.map(|code| code.name()),
            "partitions": partitions.map(partition).collect::<Vec<_>>(),
        })
    }
}
