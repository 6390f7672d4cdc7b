//! The connector: one task, whatever `tasks.max` says, since a port has one owner. The data runtime serves its
//! connections on all cores.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, ExactlyOnceSupport, Execution, Plugin, Properties,
    SourceConnector, SourceTask,
};
use millrace_listen::tls::Fault;

use super::config::ListenerConfig;
use super::task::HttpListenerTask;

/// Takes requests and writes what they bring into topics.
#[derive(Debug, Default)]
pub struct HttpListener {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for HttpListener {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.HttpListenerConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        ListenerConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        // What each key has wrong, the worker has found already.
        let Ok(config) = ListenerConfig::parse(properties) else {
            return Vec::new();
        };
        let mut wrong = config.contradictions().into_pairs();
        let faults = config.tls.file_faults().await;
        wrong.extend(faults.iter().map(Fault::refused));
        wrong
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        ListenerConfig::read(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone()])
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(HttpListenerTask::default())
    }

    /// Requests have no offsets: one that was stored but not answered comes again.
    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Unsupported)
    }
}
