//! Levels of a worker's loggers, or of those of all workers.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::{Workers, segment},
    show::word,
};
use crate::tools::{
    stdout::{print, print_json},
    table::{Column, Table},
    time,
};

#[derive(Debug, Args)]
pub(super) struct Loggers {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the loggers of the worker that is asked, with their levels
    List,
    /// Set the level of a logger and of those below it
    Set {
        /// The logger, or root
        logger: String,
        /// TRACE, DEBUG, INFO, WARN, ERROR or OFF
        level: String,
        /// On all workers rather than on the one that is asked
        #[arg(long)]
        cluster: bool,
    },
}

impl Loggers {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        match &self.action {
            Action::List => list(workers, as_json).await,
            Action::Set {
                logger,
                level,
                cluster,
            } => set(workers, logger, level, *cluster, as_json).await,
        }
    }
}

async fn list(workers: &Workers, as_json: bool) -> anyhow::Result<()> {
    let loggers = workers.get("/admin/loggers").await?;
    if as_json {
        return Ok(print_json(&loggers)?);
    }
    let mut table = Table::new(&[Column("LEVEL", 5), Column("SINCE", 0), Column("LOGGER", 0)]);
    for (name, logger) in loggers.as_object().into_iter().flatten() {
        let since = logger["last_modified"].as_i64();
        table.row(vec![
            word(logger, "level").to_owned(),
            since.map_or_else(|| "-".to_owned(), time::show),
            name.clone(),
        ]);
    }
    Ok(print(table.to_text())?)
}

async fn set(
    workers: &Workers,
    logger: &str,
    level: &str,
    is_cluster: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    let scope = if is_cluster { "?scope=cluster" } else { "" };
    let path = format!("/admin/loggers/{}{scope}", segment(logger)?);
    let body = json!({"level": level});
    let changed = workers.send(Method::PUT, &path, Some(&body)).await?.body;
    if as_json {
        return Ok(print_json(&json!({"changed": changed}))?);
    }
    let names: Vec<&str> = changed
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    Ok(print(match (is_cluster, names.is_empty()) {
        (true, _) => format!("{logger} is set on all workers\n"),
        (false, true) => format!("{logger} has this level already\n"),
        (false, false) => format!("set: {}\n", names.join(", ")),
    })?)
}
