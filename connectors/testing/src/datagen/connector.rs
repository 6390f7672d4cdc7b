//! The connector: `tasks.max` tasks, each with its own records.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, ExactlyOnceSupport, Execution, Plugin, Properties,
    SourceConnector, SourceTask,
};

use super::config::{self, DataGeneratorConfig};
use super::task::DataGeneratorTask;
use crate::verifiable::with_ids;

/// Makes data for demonstrations and load.
#[derive(Debug, Default)]
pub struct DataGenerator {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for DataGenerator {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.DataGeneratorConnector",
            aliases: &["Datagen"],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        DataGeneratorConfig::definition()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        config::parse(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(with_ids(&self.properties, max_tasks))
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(DataGeneratorTask::default())
    }

    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Supported)
    }
}
