//! The connector: one task, since files are read one after the other.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, ExactlyOnceSupport, Execution, OffsetMap, Plugin, Properties,
    SourceConnector, SourceTask, check_altered,
};

use crate::config::SpoolConfig;
use crate::offsets;
use crate::task::SpoolDirTask;

/// Reads whole files of a folder into a topic, then moves, deletes or marks them.
#[derive(Debug, Default)]
pub struct SpoolDir {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for SpoolDir {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.SpoolDirConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        SpoolConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        // What each key has wrong, the worker has found already.
        let mut wrong = SpoolConfig::contradictions(properties);
        wrong.extend(SpoolConfig::impossibilities(properties).await);
        wrong
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        SpoolConfig::read(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone()])
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(SpoolDirTask::default())
    }

    /// A file is gone once its records are acknowledged, which may be before their transaction ends.
    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Unsupported)
    }

    async fn alter_offsets(
        &self,
        _properties: &Properties,
        offsets: &[(Option<OffsetMap>, Option<OffsetMap>)],
    ) -> Result<bool, ConnectError> {
        check_altered(offsets, offsets::check_one)?;
        Ok(true)
    }
}
