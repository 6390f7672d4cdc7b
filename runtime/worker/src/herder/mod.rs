//! The herder: keeps connectors and their tasks in the state that users asked for. The REST API sees nothing else
//! of a worker.

mod config_file;
mod converters;
mod discreet;
pub(crate) mod distributed;
mod error;
mod health;
mod host;
mod instance;
mod offsets;
mod plugins;
mod reload;
mod requests;
mod restart;
mod running;
mod share;
mod shared_statuses;
mod stages;
mod standalone;
mod statuses;
mod supervision;
mod task_set;
mod tasks;
mod views;

use std::time::Duration;

use async_trait::async_trait;
use millrace_api::TaskId;
use millrace_config::{KeyInfo, NullableProperties};

pub(crate) use converters::make_converters;
pub use distributed::peers::InternalRequest;
pub use error::{HerderError, Kind};
pub(crate) use host::Hosts;
pub(crate) use plugins::Judge;
pub use stages::Stage;
pub use standalone::{Parts, StandaloneHerder};
pub(crate) use statuses::{StatusJournal, Statuses};
pub use supervision::RestartStatus;
pub use tasks::{GroupOffsets, GroupOffsetsError, RunningTask, Sink, TaskRunner};
pub use views::{
    ActiveTopics, ConnectorInfo, ConnectorStatus, CreateRequest, PartitionOffset, PluginInfo,
    RestartRequest, Status, TaskInfo, TaskName, TaskStatus, TopicList, WorkerInfo,
};

use crate::validation::Verdicts;

/// What became of a configuration that was put.
#[derive(Debug, Clone, PartialEq)]
pub struct Put {
    /// Whether the connector is new.
    pub created: bool,
    /// The connector now.
    pub info: ConnectorInfo,
}

/// What a restart does.
#[derive(Debug, Clone, PartialEq)]
pub enum Restart {
    /// The connector alone was restarted.
    Done,
    /// This is being restarted: what is RESTARTING in the status.
    Planned(ConnectorStatus),
}

/// Manages connectors. Every error is one that REST can show.
#[async_trait]
pub trait Herder: Send + Sync + std::fmt::Debug {
    /// The worker.
    fn worker(&self) -> WorkerInfo;
    /// Whether the worker has started all it was told to.
    fn is_ready(&self) -> bool;
    /// Whether the worker is on its way down.
    fn is_stopping(&self) -> bool;
    /// What the worker has been doing for longest, if it is something that takes time.
    fn stage(&self) -> Option<Stage>;
    /// The names of all connectors.
    fn connectors(&self) -> Vec<String>;
    /// A connector.
    fn info(&self, name: &str) -> Result<ConnectorInfo, HerderError>;
    /// The status of a connector and its tasks.
    fn status(&self, name: &str) -> Result<ConnectorStatus, HerderError>;
    /// Creates a connector.
    async fn create(&self, request: CreateRequest) -> Result<ConnectorInfo, HerderError>;
    /// Creates a connector or replaces its configuration.
    async fn put_config(&self, name: &str, config: NullableProperties) -> Result<Put, HerderError>;
    /// Changes keys of a connector's configuration; a null deletes the key.
    async fn patch_config(
        &self,
        name: &str,
        changes: NullableProperties,
    ) -> Result<ConnectorInfo, HerderError>;
    /// Deletes a connector; its offsets stay.
    async fn delete(&self, name: &str) -> Result<(), HerderError>;
    /// The tasks of a connector.
    fn tasks(&self, name: &str) -> Result<Vec<TaskInfo>, HerderError>;
    /// The status of a task.
    fn task_status(&self, id: &TaskId) -> Result<TaskStatus, HerderError>;
    /// Restarts a task.
    async fn restart_task(&self, id: &TaskId) -> Result<(), HerderError>;
    /// Restarts a connector.
    async fn restart(&self, name: &str, request: RestartRequest) -> Result<Restart, HerderError>;
    /// Makes a connector stand still, its tasks kept. Does not wait for it.
    async fn pause(&self, name: &str) -> Result<(), HerderError>;
    /// Makes a connector run. Does not wait for it.
    async fn resume(&self, name: &str) -> Result<(), HerderError>;
    /// Shuts a connector's tasks down.
    async fn stop(&self, name: &str) -> Result<(), HerderError>;
    /// The topics that a connector uses.
    fn topics(&self, name: &str) -> Result<ActiveTopics, HerderError>;
    /// Forgets the topics that a connector uses.
    fn reset_topics(&self, name: &str) -> Result<(), HerderError>;
    /// The offsets of a connector.
    async fn offsets(&self, name: &str) -> Result<Vec<PartitionOffset>, HerderError>;
    /// Changes offsets of a stopped connector; returns what to tell the user.
    async fn alter_offsets(
        &self,
        name: &str,
        changes: Vec<PartitionOffset>,
    ) -> Result<String, HerderError>;
    /// Forgets the offsets of a stopped connector; returns what to tell the user.
    async fn reset_offsets(&self, name: &str) -> Result<String, HerderError>;
    /// The plugins, connectors only or all.
    fn plugins(&self, connectors_only: bool) -> Vec<PluginInfo>;
    /// The keys of a plugin.
    async fn plugin_config(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Vec<KeyInfo>, HerderError>;
    /// Judges a configuration for a connector plugin.
    async fn validate(
        &self,
        plugin: &str,
        config: NullableProperties,
    ) -> Result<Verdicts, HerderError>;

    /// Whether it is this worker that a state was told by.
    fn runs_here(&self, _status: &Status) -> bool {
        true
    }

    /// Whether it is one of a group of workers, who pass requests on to each other.
    fn is_in_group(&self) -> bool {
        false
    }
    /// Takes the configurations of a connector's tasks from the worker that has the connector.
    async fn put_tasks(&self, _name: &str, _request: InternalRequest) -> Result<(), HerderError> {
        Err(not_in_standalone())
    }
    /// Keeps earlier tasks of a source from writing.
    async fn fence(&self, _name: &str, _request: InternalRequest) -> Result<(), HerderError> {
        Err(not_in_standalone())
    }
    /// Sets the level of a logger, as it was given, on all workers of the group, for a while or for good; asked only of
    /// those.
    async fn set_cluster_level(
        &self,
        _logger: &str,
        _level: &str,
        _lasting: Option<Duration>,
    ) -> Result<(), HerderError> {
        Err(not_in_standalone())
    }
}

fn not_in_standalone() -> HerderError {
    HerderError::internal("Standalone workers do not take requests of other workers")
}

/// A configuration as text, as Java prints a map.
pub(crate) fn shown(config: &NullableProperties) -> String {
    let pairs: Vec<String> = config
        .iter()
        .map(|(key, value)| format!("{key}={}", value.as_deref().unwrap_or("null")))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
