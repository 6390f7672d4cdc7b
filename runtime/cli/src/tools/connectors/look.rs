//! Commands that only look: `list`, `status`, `config`, `plugins`.

use anyhow::bail;
use clap::Args;
use serde_json::{Map, Value};

use super::{
    client::{Workers, of, segment},
    secret::Secrets,
    show::{self, each, plain, states, word},
};
use crate::tools::{
    stdout::{print, print_json},
    table::{Column, Table},
};

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Connectors; all without any
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Config {
    /// The connector
    name: String,
    /// Show passwords
    #[arg(long)]
    secrets: bool,
}

#[derive(Debug, Args)]
pub(super) struct Plugins {
    /// A plugin, whose keys are shown
    plugin: Option<String>,
    /// List transforms, predicates and converters, too
    #[arg(long, conflicts_with = "plugin")]
    all: bool,
}

/// All statuses by name. A connector that has none yet is not among them.
pub(super) async fn statuses(workers: &Workers) -> anyhow::Result<Vec<Value>> {
    let answer = workers.get("/connectors?expand=status").await?;
    let shown = answer.as_object().into_iter().flatten();
    let mut statuses: Vec<Value> = shown.map(|(_, shown)| shown["status"].clone()).collect();
    statuses.sort_by(|one, other| word(one, "name").cmp(word(other, "name")));
    Ok(statuses)
}

/// A line a connector.
pub(super) async fn list(workers: &Workers, as_json: bool) -> anyhow::Result<()> {
    let statuses = statuses(workers).await?;
    if as_json {
        return Ok(print_json(&Value::Array(statuses))?);
    }
    Ok(print(show::list(&statuses.iter().collect::<Vec<_>>()))?)
}

impl Status {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let mut shown = Vec::new();
        if self.names.is_empty() {
            shown = statuses(workers).await?;
        }
        for name in &self.names {
            shown.push(workers.get(&of(name, "/status")?).await?);
        }
        match as_json {
            true => print_json(&Value::Array(shown.clone()))?,
            false => print(show::details(&shown.iter().collect::<Vec<_>>()))?,
        }
        let failed = shown.iter().flat_map(states);
        match failed.filter(|state| *state == "FAILED").count() {
            0 => Ok(()),
            1 => bail!(
                "1 connector or task has failed; `millrace connectors restart --tasks --failed` starts it again"
            ),
            count => bail!(
                "{count} connectors or tasks have failed; `millrace connectors restart --tasks --failed` starts them again"
            ),
        }
    }
}

impl Config {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let config = workers.get(&of(&self.name, "/config")?).await?;
        let mut secrets = Secrets::default();
        if let (false, Some(class)) = (self.secrets, config["connector.class"].as_str()) {
            learn(workers, class, &mut secrets).await?;
        }
        let value = |key: &str, value: &str| match self.secrets {
            true => value.to_owned(),
            false => secrets.show(key, value).into_owned(),
        };
        let mut shown: Vec<(String, String)> = config
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, found)| (key.clone(), value(key, found.as_str().unwrap_or("null"))))
            .collect();
        shown.sort();
        if as_json {
            let document: Map<String, Value> = shown
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect();
            return Ok(print_json(&document.into())?);
        }
        let mut table = Table::new(&[Column("KEY", 0), Column("VALUE", 0)]);
        for (key, value) in shown {
            table.row(vec![plain(&key), plain(&value)]);
        }
        Ok(print(table.to_text())?)
    }
}

/// Learns which keys of a class are passwords, where the worker says so.
async fn learn(workers: &Workers, class: &str, secrets: &mut Secrets) -> anyhow::Result<()> {
    let path = format!("/connector-plugins/{}/config", segment(class)?);
    // A class that this worker does not have, or an older worker: names of keys must do.
    let Ok(keys) = workers.get(&path).await else {
        return Ok(());
    };
    for key in keys.as_array().into_iter().flatten() {
        if key["type"] == "PASSWORD" {
            secrets.add(word(key, "name"));
        }
    }
    Ok(())
}

impl Plugins {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        if let Some(plugin) = &self.plugin {
            return keys(workers, plugin, as_json).await;
        }
        let path = format!("/connector-plugins?connectorsOnly={}", !self.all);
        let plugins = workers.get(&path).await?;
        if as_json {
            return Ok(print_json(&plugins)?);
        }
        let mut table = Table::new(&[Column("TYPE", 0), Column("VERSION", 0), Column("CLASS", 0)]);
        for plugin in plugins.as_array().into_iter().flatten() {
            table.row(vec![
                word(plugin, "type").to_owned(),
                word(plugin, "version").to_owned(),
                word(plugin, "class").to_owned(),
            ]);
        }
        Ok(print(table.to_text())?)
    }
}

/// The keys of one plugin.
async fn keys(workers: &Workers, plugin: &str, as_json: bool) -> anyhow::Result<()> {
    let path = format!("/connector-plugins/{}/config", segment(plugin)?);
    let keys = workers.get(&path).await?;
    if as_json {
        return Ok(print_json(&keys)?);
    }
    let mut table = Table::new(&[
        Column("KEY", 0),
        Column("TYPE", 0),
        Column("DEFAULT", 0),
        Column("MEANING", 0),
    ]);
    for key in each(&serde_json::json!({"keys": keys}), "keys") {
        let default = match key["required"].as_bool() {
            Some(true) => "(required)".to_owned(),
            _ => plain(word(key, "default_value")),
        };
        table.row(vec![
            word(key, "name").to_owned(),
            word(key, "type").to_owned(),
            default,
            plain(&word(key, "documentation").replace('\n', " ")),
        ]);
    }
    Ok(print(table.to_text())?)
}
