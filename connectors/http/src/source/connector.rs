//! The connector: one task, since one list is read in one order.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, ExactlyOnceSupport, Execution, OffsetMap, Plugin, Properties,
    SourceConnector, SourceTask, check_altered,
};

use super::config::SourceConfig;
use super::position::Position;
use super::task::HttpSourceTask;
use crate::client::tls_faults;

/// Polls an HTTP API and writes what it answers into a topic.
#[derive(Debug, Default)]
pub struct HttpSource {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for HttpSource {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.HttpSourceConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        SourceConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        // What each key has wrong, the worker has found already.
        let Ok(config) = SourceConfig::parse(properties) else {
            return Vec::new();
        };
        let mut wrong = config.contradictions().into_pairs();
        wrong.extend(tls_faults(&config.client).await);
        wrong
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        SourceConfig::read(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone()])
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(HttpSourceTask::default())
    }

    /// A list that changes while it is read may bring a record twice.
    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Unsupported)
    }

    async fn alter_offsets(
        &self,
        _properties: &Properties,
        offsets: &[(Option<OffsetMap>, Option<OffsetMap>)],
    ) -> Result<bool, ConnectError> {
        check_altered(offsets, |partition, offset| {
            let url = partition.and_then(|partition| partition.get("url"));
            if !url.is_some_and(serde_json::Value::is_string) {
                return Err(ConnectError::connect(
                    "a source partition of this connector is {\"url\": \"…\"}, with the url as it is configured",
                ));
            }
            Position::from_map(offset).map(drop)
        })?;
        Ok(false)
    }
}
