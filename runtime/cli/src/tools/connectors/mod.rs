//! `millrace connectors`: connectors from the command line, over Kafka Connect's REST API and nothing else, so that it
//! works with Java's workers as well.
//!
//! What a worker lacks is said where it is asked for. Configurations come from files (`apply`), whose difference from
//! the cluster is shown before anything is changed; values of keys that hold passwords are not.

mod apply;
mod change;
mod client;
mod context;
mod context_command;
mod error;
mod files;
mod loggers;
mod logs;
mod look;
mod offsets;
mod plan;
mod plan_text;
mod secret;
mod settle;
mod show;
mod verdict;
mod watch;

use clap::{Args, Subcommand};

use self::{change::Change, client::Workers};
use super::run;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Connectors {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    place: context::Where,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List connectors with their states
    List,
    /// Show connectors and tasks, and why some failed; exit code 1 where one has
    Status(look::Status),
    /// Show the configuration of a connector
    Config(look::Config),
    /// Create the connectors of files
    Create(apply::Create),
    /// Show how the cluster differs from files; exit code 4 where it does
    Diff(apply::Wanted),
    /// Make the cluster what files say, after showing what that changes
    Apply(Box<apply::Apply>),
    /// Have a worker judge the connectors of files
    Validate(apply::Validate),
    /// Pause connectors: they and their tasks stand still
    Pause(change::Named),
    /// Have paused or stopped connectors run
    Resume(change::Named),
    /// Stop connectors: their tasks are given up
    Stop(change::Named),
    /// Restart connectors, or tasks of theirs
    Restart(change::Restart),
    /// Delete connectors; their offsets stay
    Delete(change::Named),
    /// Show, set and forget where connectors go on
    Offsets(offsets::Offsets),
    /// List the plugins of a worker, or the keys of one
    Plugins(look::Plugins),
    /// Show and set levels of logging
    Loggers(loggers::Loggers),
    /// Show the last log lines of a connector and its tasks
    Logs(logs::Logs),
    /// Show connectors and tasks as they change
    Watch(watch::Watch),
    /// Names for clusters
    Context(context_command::ContextCommand),
}

impl Connectors {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        if let Action::Context(context) = &self.action {
            return run::blocking(|| context.act(self.json));
        }
        run::to_end(self.act())
    }

    async fn act(&self) -> anyhow::Result<()> {
        let workers = &Workers::new(self.place.target()?)?;
        match &self.action {
            Action::List => look::list(workers, self.json).await,
            Action::Status(status) => status.act(workers, self.json).await,
            Action::Config(config) => config.act(workers, self.json).await,
            Action::Create(create) => create.act(workers, self.json).await,
            Action::Diff(wanted) => wanted.diff(workers, self.json).await,
            Action::Apply(apply) => apply.act(workers, self.json).await,
            Action::Validate(validate) => validate.act(workers, self.json).await,
            Action::Pause(named) => named.change(workers, Change::Pause, self.json).await,
            Action::Resume(named) => named.change(workers, Change::Resume, self.json).await,
            Action::Stop(named) => named.change(workers, Change::Stop, self.json).await,
            Action::Restart(restart) => restart.act(workers, self.json).await,
            Action::Delete(named) => named.change(workers, Change::Delete, self.json).await,
            Action::Offsets(offsets) => offsets.act(workers, self.json).await,
            Action::Plugins(plugins) => plugins.act(workers, self.json).await,
            Action::Loggers(loggers) => loggers.act(workers, self.json).await,
            Action::Logs(logs) => logs.act(workers, self.json).await,
            Action::Watch(watch) => watch.act(workers, self.json).await,
            Action::Context(context) => context.act(self.json),
        }
    }
}
