//! A connector of either kind.

use std::collections::BTreeMap;

use millrace_api::{
    ConnectError, ConnectorContext, OffsetMap, Properties, SinkConnector, SourceConnector,
    TopicPartition,
};
use millrace_config::ConfigDef;

use crate::registry::{Code, Registered};
use crate::task::TaskCode;

/// A source or a sink connector.
pub(crate) enum Instance {
    Source(Box<dyn SourceConnector>),
    Sink(Box<dyn SinkConnector>),
    /// Never looked up as a connector; it refuses every call.
    Other,
}

/// Offsets that a user wants to store, as the connector checks them.
#[derive(Debug, Clone)]
pub(crate) enum OffsetChanges {
    Source(Vec<(Option<OffsetMap>, Option<OffsetMap>)>),
    Sink(BTreeMap<TopicPartition, Option<i64>>),
}

impl Instance {
    pub(super) fn new(plugin: &Registered) -> Self {
        match &plugin.code {
            Code::Source(make) => Self::Source(make()),
            Code::Sink(make) => Self::Sink(make()),
            _ => Self::Other,
        }
    }

    pub(crate) fn definition(&self) -> ConfigDef {
        match self {
            Self::Source(connector) => connector.definition(),
            Self::Sink(connector) => connector.definition(),
            Self::Other => ConfigDef::new(),
        }
    }

    pub(crate) async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        match self {
            Self::Source(connector) => connector.validate(properties).await,
            Self::Sink(connector) => connector.validate(properties).await,
            Self::Other => Vec::new(),
        }
    }

    pub(crate) async fn start(
        &mut self,
        properties: &Properties,
        context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        match self {
            Self::Source(connector) => connector.start(properties, context).await,
            Self::Sink(connector) => connector.start(properties, context).await,
            Self::Other => Err(no_connector()),
        }
    }

    /// The task configurations with the tasks' code, in order.
    pub(crate) async fn task_configs(
        &self,
        max_tasks: usize,
    ) -> Result<Vec<Properties>, ConnectError> {
        match self {
            Self::Source(connector) => connector.task_configs(max_tasks).await,
            Self::Sink(connector) => connector.task_configs(max_tasks).await,
            Self::Other => Err(no_connector()),
        }
    }

    /// A new task.
    pub(crate) fn task(&self) -> Result<TaskCode, ConnectError> {
        match self {
            Self::Source(connector) => Ok(TaskCode::Source(connector.task())),
            Self::Sink(connector) => Ok(TaskCode::Sink(connector.task())),
            Self::Other => Err(no_connector()),
        }
    }

    pub(crate) async fn stop(&mut self) {
        match self {
            Self::Source(connector) => connector.stop().await,
            Self::Sink(connector) => connector.stop().await,
            Self::Other => {}
        }
    }

    pub(crate) async fn alter_offsets(
        &self,
        properties: &Properties,
        changes: &OffsetChanges,
    ) -> Result<bool, ConnectError> {
        match (self, changes) {
            (Self::Source(connector), OffsetChanges::Source(changes)) => {
                connector.alter_offsets(properties, changes).await
            }
            (Self::Sink(connector), OffsetChanges::Sink(changes)) => {
                connector.alter_offsets(properties, changes).await
            }
            _ => Err(no_connector()),
        }
    }
}

fn no_connector() -> ConnectError {
    ConnectError::connect("the class is neither a source nor a sink connector")
}
