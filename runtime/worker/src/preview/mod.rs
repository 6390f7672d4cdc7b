//! Preview: real records of a source or of a sink's topics, taken through the transforms and converters of a connector's
//! configuration and shown before and behind each step. Nothing is written: no record, no offset, no topic.

mod request;
mod shown;
mod source;
mod topic;
mod walk;

use std::fmt;
use std::sync::Arc;

use millrace_api::{ConnectError, Properties, TaskId};
use millrace_wire::clock::Clock;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use self::source::SourceRun;
use self::topic::TopicRun;
use self::walk::Walk;
use crate::actor::Threads;
use crate::causes::chain;
use crate::config::WorkerConfig;
use crate::herder::{HerderError, Hosts, Judge, make_converters};
use crate::providers::ConfigProviders;
use crate::registry::{PluginKind, Registered, Registry};
use crate::store::OffsetStore;
use crate::task::Clients;
use crate::validation::without_nulls;
pub use request::{From, Limits, PreviewRequest};
pub use shown::{DatumShown, ErrorShown, HeaderShown, Preview, RecordShown, StepShown, Trace};

/// How many previews may run at once.
const AT_ONCE: usize = 2;

/// What it takes to preview connectors on a worker.
pub(crate) struct Previewer {
    pub(crate) registry: Arc<Registry>,
    pub(crate) properties: Properties,
    pub(crate) config: WorkerConfig,
    pub(crate) providers: ConfigProviders,
    pub(crate) clients: Arc<Clients>,
    pub(crate) offsets: Arc<dyn OffsetStore>,
    pub(crate) threads: Threads,
    pub(crate) data: Handle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) running: Arc<Semaphore>,
}

impl fmt::Debug for Previewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Previewer").finish_non_exhaustive()
    }
}

impl Previewer {
    /// The number of previews that may run at once.
    pub(crate) fn slots() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(AT_ONCE))
    }

    /// Takes records through a connector's configuration.
    ///
    /// # Errors
    /// When the configuration cannot be used, nothing can be read, or too many previews run already.
    pub(crate) async fn preview(
        self: &Arc<Self>,
        request: PreviewRequest,
    ) -> Result<Preview, HerderError> {
        let slot = Arc::clone(&self.running).try_acquire_owned();
        let slot = slot.map_err(|_| {
            HerderError::conflict(format!(
                "{AT_ONCE} previews are running already; try again when one of them is over"
            ))
        })?;
        request.limits.check().map_err(HerderError::bad_request)?;
        let resolved = self
            .providers
            .resolve(&without_nulls(&request.config))
            .await;
        let resolved = resolved.map_err(|error| HerderError::internal(error.to_string()))?;
        let plugin = Judge::plugin(&self.registry, &resolved.over(request.config.clone()))
            .map_err(|error| HerderError::bad_request(error.to_string()))?
            .clone();
        let this = Arc::clone(self);
        let config = resolved.properties.clone();
        let work = self.data.spawn(async move {
            let _slot = slot;
            this.run(&request, &plugin, config).await
        });
        let outcome = work.await.unwrap_or_else(|error| {
            Err(ConnectError::connect("the preview failed").caused_by(error))
        });
        outcome.map_err(|error| {
            let text = format!("the preview failed: {}", chain(&error));
            HerderError::bad_request(resolved.redact(&text))
        })
    }

    async fn run(
        &self,
        request: &PreviewRequest,
        plugin: &Registered,
        config: Properties,
    ) -> Result<Preview, ConnectError> {
        let id = TaskId {
            connector: request.name.as_str().into(),
            task: 0,
        };
        let converters = make_converters(
            &self.registry,
            &self.properties,
            &self.config,
            &config,
            id.clone(),
        )?;
        let walk = Walk::new(id.clone(), converters);
        let (kind, records, ended) = if plugin.kind == PluginKind::Source {
            let hosts = Hosts::new(
                self.data.clone(),
                self.threads.clone(),
                Arc::clone(&self.clock),
            );
            let source = SourceRun {
                hosts: &hosts,
                threads: &self.threads,
                data: &self.data,
                plugin,
                id,
                offsets: Arc::clone(&self.offsets),
                from: request.from,
                limits: request.limits,
            };
            let polled = source.poll(config).await?;
            let records = polled.records.into_iter();
            let traces = records.map(|record| walk.source(record, self.clock.now_ms()));
            ("source", traces.collect(), polled.ended)
        } else {
            let topic = TopicRun {
                clients: &self.clients,
                id,
                topic: request.topic.as_deref(),
                from: request.from,
                limits: request.limits,
            };
            let read = topic.read(&config).await?;
            let records = read.records.iter();
            let traces = records.map(|record| walk.sink(record, self.clock.now_ms()));
            ("sink", traces.collect(), read.ended)
        };
        Ok(Preview {
            connector: request.name.clone(),
            kind,
            ended,
            records,
        })
    }
}
