//! A source and a sink that do nothing but fail, so that it can be seen what a failure looks like.
//!
//! `mock_mode` says where: `connector-failure` in the connector, `task-failure` in the task, both `delay_ms` (15,000 by
//! default) after the start. Any other mode never fails.

use std::time::Duration;

use async_trait::async_trait;
use millrace_api::config::ConfigDef;
use millrace_api::{
    ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkBatch, SinkConnector,
    SinkContext, SinkTask, SourceBatch, SourceConnector, SourceContext, SourceTask,
};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::properties;

const MODE: &str = "mock_mode";
const DELAY: &str = "delay_ms";
const DELAY_DEFAULT_MS: u64 = 15_000;

/// When something fails.
#[derive(Debug, Clone, Copy)]
struct Failure {
    at: Instant,
}

impl Failure {
    /// The failure that the properties ask for in this place.
    fn of(properties: &Properties, mode: &str) -> Result<Option<Self>, ConnectError> {
        let delay =
            Duration::from_millis(properties::number_or(properties, DELAY, DELAY_DEFAULT_MS)?);
        let asked = properties
            .get(MODE)
            .is_some_and(|asked| asked.trim() == mode);
        Ok(asked.then(|| Self {
            at: Instant::now() + delay,
        }))
    }

    fn check(failure: Option<Self>) -> Result<(), ConnectError> {
        match failure {
            Some(failure) if Instant::now() >= failure.at => Err(ConnectError::connect(
                "the failure that 'mock_mode' asked for",
            )),
            _ => Ok(()),
        }
    }
}

/// The side of the connector, the same for source and sink.
#[derive(Debug, Default)]
struct MockConnector {
    properties: Properties,
    failure: Option<Failure>,
    /// Asks for new task configurations once the connector has failed, and gets the error for an answer.
    alarm: Option<AbortOnDropHandle<()>>,
}

impl MockConnector {
    fn start(
        &mut self,
        properties: &Properties,
        context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        self.failure = Failure::of(properties, "connector-failure")?;
        self.properties = properties.clone();
        self.alarm = self.failure.map(|failure| {
            AbortOnDropHandle::new(tokio::spawn(async move {
                tokio::time::sleep_until(failure.at).await;
                context.request_reconfiguration();
            }))
        });
        Ok(())
    }

    fn task_configs(&self) -> Result<Vec<Properties>, ConnectError> {
        Failure::check(self.failure)?;
        Ok(vec![self.properties.clone()])
    }
}

fn plugin(class: &'static str) -> Plugin {
    Plugin {
        class,
        aliases: &[],
        version: env!("CARGO_PKG_VERSION"),
        execution: Execution::Async,
    }
}

/// A source that gives nothing, and may fail.
#[derive(Debug, Default)]
pub struct MockSource(MockConnector);

#[async_trait]
impl SourceConnector for MockSource {
    fn plugin() -> Plugin {
        plugin("org.apache.kafka.connect.tools.MockSourceConnector")
    }

    fn definition(&self) -> ConfigDef {
        ConfigDef::default()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        self.0.start(properties, context)
    }

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        self.0.task_configs()
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(MockSourceTask::default())
    }

    async fn stop(&mut self) {
        self.0.alarm = None;
    }
}

#[derive(Debug, Default)]
struct MockSourceTask {
    running: Option<(SourceContext, Option<Failure>)>,
}

#[async_trait]
impl SourceTask for MockSourceTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        self.running = Some((context, Failure::of(properties, "task-failure")?));
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        let Some((context, failure)) = &self.running else {
            return Err(ConnectError::connect(
                "cannot poll a task that is not started",
            ));
        };
        match failure {
            None => context.interrupted().await,
            Some(failure) => tokio::select! {
                () = context.interrupted() => {}
                () = tokio::time::sleep_until(failure.at) => {}
            },
        }
        Failure::check(*failure).map(|()| None)
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

/// A sink that drops everything, and may fail.
#[derive(Debug, Default)]
pub struct MockSink(MockConnector);

#[async_trait]
impl SinkConnector for MockSink {
    fn plugin() -> Plugin {
        plugin("org.apache.kafka.connect.tools.MockSinkConnector")
    }

    fn definition(&self) -> ConfigDef {
        ConfigDef::default()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        self.0.start(properties, context)
    }

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        self.0.task_configs()
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(MockSinkTask::default())
    }

    async fn stop(&mut self) {
        self.0.alarm = None;
    }
}

#[derive(Debug, Default)]
struct MockSinkTask {
    failure: Option<Failure>,
}

#[async_trait]
impl SinkTask for MockSinkTask {
    async fn start(
        &mut self,
        properties: &Properties,
        _context: SinkContext,
    ) -> Result<(), ConnectError> {
        self.failure = Failure::of(properties, "task-failure")?;
        Ok(())
    }

    /// The worker calls this with an empty batch too when nothing comes, so that the failure is met without records.
    async fn put(&mut self, _batch: &SinkBatch) -> Result<(), ConnectError> {
        Failure::check(self.failure)
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::{MemoryOffsets, SourceRun};

    use super::*;

    fn properties(mode: &str) -> Properties {
        [(MODE, mode), (DELAY, "200")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_fails_after_its_delay() {
        let started = Instant::now();
        let mut run = SourceRun::start(
            MockSource::default(),
            &properties("task-failure"),
            &MemoryOffsets::default(),
        )
        .await
        .unwrap();
        let error = run.poll().await.unwrap_err();
        assert!(error.trace().contains("mock_mode"));
        assert!(started.elapsed() >= Duration::from_millis(200));
        run.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connector_fails_when_it_is_asked_after_its_delay() {
        let (told, mut asked) = tokio::sync::mpsc::channel(1);
        let mut connector = MockSink::default();
        let context = ConnectorContext::new("c".into(), move || {
            // A full channel has already told.
            let _told = told.try_send(());
        });
        connector
            .start(&properties("connector-failure"), context)
            .await
            .unwrap();
        assert_eq!(connector.task_configs(3).await.unwrap().len(), 1);
        asked.recv().await.unwrap();
        assert!(connector.task_configs(3).await.is_err());
        connector.stop().await;
    }
}
