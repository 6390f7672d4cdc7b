//! `millrace connectors context`: names for clusters.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    context::{Contexts, path},
    secret::HIDDEN,
};
use crate::tools::{
    run::Usage,
    stdout::{print, print_json},
    table::{Column, Table},
};

#[derive(Debug, Args)]
pub(super) struct ContextCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the clusters that have names
    List,
    /// Name a cluster, or change what is known of it
    Set(Set),
    /// Make a cluster the one that is meant where none is named
    Use {
        /// Its name
        name: String,
    },
    /// Forget a cluster
    Delete {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
struct Set {
    /// Its name
    name: String,
    /// The URLs of its workers: URL,...
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    url: Vec<String>,
    /// Whom the worker lets in
    #[arg(long)]
    user: Option<String>,
    /// Where the password is: ${env:NAME} or ${file:PATH:KEY}
    #[arg(long, value_name = "REFERENCE")]
    password: Option<String>,
    /// Certificates to trust in place of the system's, PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Its brokers, which times are looked up at: HOST:PORT,...
    #[arg(long, value_name = "SERVERS")]
    brokers: Option<String>,
}

impl ContextCommand {
    /// Does what was typed.
    ///
    /// # Errors
    /// A file that cannot be read or written, a name that is not there.
    pub(super) fn act(&self, as_json: bool) -> anyhow::Result<()> {
        let mut contexts = Contexts::read(&path())?;
        match &self.action {
            Action::List => return list(&contexts, as_json),
            Action::Set(set) => contexts.set(&set.name, set.given()?),
            Action::Use { name } => contexts.choose(name)?,
            Action::Delete { name } => contexts.delete(name)?,
        }
        contexts.write()
    }
}

impl Set {
    fn given(&self) -> Result<Map<String, Value>, Usage> {
        let mut given = Map::new();
        if !self.url.is_empty() {
            given.insert("workers".to_owned(), json!(self.url));
        }
        // It would stand in the shell's history and in the list of processes otherwise.
        if let Some(password) = &self.password
            && !password.starts_with("${")
        {
            return Err(Usage::new(
                "--password takes a reference to the password, ${env:NAME} or ${file:PATH:KEY}, not the password itself",
            ));
        }
        let ca = self.ca.as_ref().map(|path| path.display().to_string());
        for (key, value) in [
            ("user", &self.user),
            ("password", &self.password),
            ("ca", &ca),
            ("bootstrap.servers", &self.brokers),
        ] {
            if let Some(value) = value {
                given.insert(key.to_owned(), json!(value));
            }
        }
        Ok(given)
    }
}

fn list(contexts: &Contexts, as_json: bool) -> anyhow::Result<()> {
    let is_current = |name: &str| contexts.current() == Some(name);
    if as_json {
        let shown = |(name, context): (&String, &Value)| {
            let mut shown = context.clone();
            if shown["password"]
                .as_str()
                .is_some_and(|password| !password.starts_with("${"))
            {
                shown["password"] = HIDDEN.into();
            }
            json!({"name": name, "current": is_current(name), "context": shown})
        };
        return Ok(print_json(&contexts.all().map(shown).collect())?);
    }
    let mut table = Table::new(&[
        Column("CURRENT", 0),
        Column("NAME", 0),
        Column("USER", 0),
        Column("WORKERS", 0),
    ]);
    for (name, context) in contexts.all() {
        let workers: Vec<&str> = context["workers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        table.row(vec![
            if is_current(name) { "*" } else { "" }.to_owned(),
            name.clone(),
            context["user"].as_str().unwrap_or("-").to_owned(),
            workers.join(","),
        ]);
    }
    Ok(print(table.to_text())?)
}
