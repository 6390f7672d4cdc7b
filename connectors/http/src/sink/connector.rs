//! The connector: every task sends the records of its partitions.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkConnector, SinkTask,
};

use super::config::SinkConfig;
use super::task::HttpSinkTask;
use crate::client::tls_faults;

/// Sends records to a server.
#[derive(Debug, Default)]
pub struct HttpSink {
    properties: Properties,
}

#[async_trait]
impl SinkConnector for HttpSink {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.HttpSinkConnector",
            aliases: &["io.confluent.connect.http.HttpSinkConnector"],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        SinkConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        // What each key has wrong, the worker has found already.
        let Ok(config) = SinkConfig::parse(properties) else {
            return Vec::new();
        };
        let mut wrong = config.contradictions().into_pairs();
        wrong.extend(tls_faults(&config.client).await);
        wrong
    }

    async fn start(
        &mut self,
        properties: &Properties,
        context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        SinkConfig::read(properties)?;
        if properties.keys().any(|key| key.starts_with("reporter.")) {
            log::warn!(
                "{} writes no report topics, so that reporter.* has no effect; what cannot be delivered goes to \
                 errors.deadletterqueue.topic.name",
                context.name()
            );
        }
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone(); max_tasks.max(1)])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(HttpSinkTask::default())
    }
}
