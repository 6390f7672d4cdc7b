//! The connector: one task, whatever `tasks.max` says, since a port has one owner. The data runtime serves its
//! connections on all cores.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, ExactlyOnceSupport, Execution, Plugin, Properties,
    SourceConnector, SourceTask,
};

use crate::config::SyslogConfig;
use crate::task::SyslogTask;

/// Takes syslog messages by UDP, TCP and TLS and writes them into topics.
#[derive(Debug, Default)]
pub struct Syslog {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for Syslog {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.SyslogConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        SyslogConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        // What each key has wrong, the worker has found already.
        let mut wrong = SyslogConfig::contradictions(properties);
        wrong.extend(SyslogConfig::impossibilities(properties).await);
        wrong
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        SyslogConfig::read(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone()])
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(SyslogTask::default())
    }

    /// Messages have no offsets: what was sent and not stored is gone.
    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Unsupported)
    }
}
