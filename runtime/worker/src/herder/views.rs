//! What REST shows of connectors, in the shape of its bodies (contract connect-rest, section 2).

use std::collections::BTreeMap;

use millrace_api::{CONNECT_VERSION, OffsetMap, Properties};
use millrace_config::NullableProperties;
use serde::{Deserialize, Serialize, Serializer};

use super::supervision::RestartStatus;
use crate::metrics::Flow;
use crate::registry::PluginKind;
use crate::task::{State, TargetState};

/// A task of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskName {
    /// The connector's name.
    pub connector: String,
    /// The task's number.
    pub task: u32,
}

/// A connector with its configuration as it was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConnectorInfo {
    /// Its name.
    pub name: String,
    /// Its configuration, variables unresolved.
    pub config: NullableProperties,
    /// Its tasks.
    pub tasks: Vec<TaskName>,
    /// `source`, `sink` or `unknown`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A reported state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The state.
    #[serde(serialize_with = "as_text")]
    pub state: State,
    /// The worker, as `host:port`.
    pub worker_id: String,
    /// The version of the running plugin.
    pub version: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

fn as_text<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(state)
}

/// The status of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskStatus {
    /// The task's number.
    pub id: u32,
    /// Its state.
    #[serde(flatten)]
    pub status: Status,
    /// What flows through it, where it runs on this worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Flow>,
    /// Its restarts after failures, where it is on this worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartStatus>,
}

/// The status of a connector and its tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConnectorStatus {
    /// The connector's name.
    pub name: String,
    /// Its own state.
    pub connector: Status,
    /// The states of its tasks, by number.
    pub tasks: Vec<TaskStatus>,
    /// `source`, `sink` or `unknown`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A task with its configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskInfo {
    /// Which task.
    pub id: TaskName,
    /// Its configuration.
    pub config: Properties,
}

/// A plugin of the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginInfo {
    /// Its class.
    pub class: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: PluginKind,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The worker as `GET /` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerInfo {
    /// The version of Kafka Connect that it behaves as.
    pub version: String,
    /// The source commit it was built from.
    pub commit: String,
    /// The cluster it works on.
    pub kafka_cluster_id: Option<String>,
}

impl WorkerInfo {
    /// This build on a cluster.
    pub(super) fn on_cluster(cluster_id: Option<&str>) -> Self {
        Self {
            // Tools look at it to know what they may call.
            version: CONNECT_VERSION.to_owned(),
            commit: format!("millrace-{}", env!("CARGO_PKG_VERSION")),
            kafka_cluster_id: cluster_id.map(str::to_owned),
        }
    }
}

/// The offset of one partition, of a source or of a sink's consumer group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionOffset {
    /// The partition.
    #[serde(default)]
    pub partition: Option<OffsetMap>,
    /// The offset; none forgets the partition's.
    #[serde(default)]
    pub offset: Option<OffsetMap>,
}

/// A request to create a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRequest {
    /// The connector's name.
    pub name: String,
    /// Its configuration.
    pub config: NullableProperties,
    /// The state to begin in.
    pub target: TargetState,
}

/// What a restart of a connector includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RestartRequest {
    /// Its tasks too.
    pub include_tasks: bool,
    /// Only what has failed.
    pub only_failed: bool,
}

/// The topics of connectors, by connector.
pub type ActiveTopics = BTreeMap<String, TopicList>;

/// The topics of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicList {
    /// Their names.
    pub topics: Vec<String>,
}
