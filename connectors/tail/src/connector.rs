//! The connector: every task looks at all folders and reads its share of the files.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, ExactlyOnceSupport, Execution, OffsetMap, Plugin, Properties,
    SourceConnector, SourceTask,
};
use tokio::task::spawn_blocking;

use crate::book;
use crate::config::{START_FROM_FLUME, TailConfig};
use crate::task::FileTailTask;

/// Which share of the files a task reads; written by the connector, not by users.
pub(crate) const SHARE: &str = "millrace.tail.share";

/// Reads the lines of many files into topics.
#[derive(Debug, Default)]
pub struct FileTail {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for FileTail {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.FileTailConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        TailConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        let mut wrong = TailConfig::contradictions(properties);
        let file = properties.get(START_FROM_FLUME).cloned();
        let positions =
            spawn_blocking(move || TailConfig::flume_positions(file.as_deref()).err()).await;
        if let Ok(Some(why)) = positions {
            wrong.push((START_FROM_FLUME.to_owned(), why));
        }
        wrong
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        TailConfig::read(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        let tasks = max_tasks.max(1);
        let configs = (0..tasks).map(|task| {
            let mut properties = self.properties.clone();
            properties.insert(SHARE.to_owned(), format!("{task}/{tasks}"));
            properties
        });
        Ok(configs.collect())
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(FileTailTask::default())
    }

    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Supported)
    }

    async fn alter_offsets(
        &self,
        _properties: &Properties,
        offsets: &[(Option<OffsetMap>, Option<OffsetMap>)],
    ) -> Result<bool, ConnectError> {
        for (partition, offset) in offsets {
            book::check_altered(partition.as_ref(), offset.as_ref())?;
        }
        Ok(true)
    }
}
