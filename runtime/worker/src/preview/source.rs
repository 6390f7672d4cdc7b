//! Records of a source for a preview: a connector and a task of their own are started, polled and thrown away. What is
//! polled is never acknowledged, and no offset is stored.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, ConnectorContext, Execution, OffsetMap, OffsetReader, Properties, Records,
    SourceBatch, SourceContext, SourceRecord, SourceTask, TaskId,
};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::request::{From, Limits};
use super::walk::owned;
use crate::actor::{Actor, CallError, Threads};
use crate::herder::Hosts;
use crate::registry::Registered;
use crate::store::{OffsetStore, StoreError};
use crate::task::TaskCode;

/// How long each call beside `poll` may take.
const CALL_WITHIN: Duration = Duration::from_secs(20);
/// How long a task that is asked to stop may still poll.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// What it takes to run a source for a preview.
pub(super) struct SourceRun<'a> {
    pub(super) hosts: &'a Hosts,
    pub(super) threads: &'a Threads,
    pub(super) data: &'a Handle,
    pub(super) plugin: &'a Registered,
    pub(super) id: TaskId,
    pub(super) offsets: Arc<dyn OffsetStore>,
    pub(super) from: From,
    pub(super) limits: Limits,
}

/// What was polled, and why no more.
pub(super) struct Polled {
    pub(super) records: Vec<SourceRecord>,
    pub(super) ended: &'static str,
}

impl SourceRun<'_> {
    /// Polls the connector's first task.
    ///
    /// # Errors
    /// When the connector or its task fails.
    pub(super) async fn poll(&self, config: Properties) -> Result<Polled, ConnectError> {
        let host = self.hosts.host(self.plugin).map_err(failure)?;
        let context = ConnectorContext::new(Arc::clone(&self.id.connector), || {});
        let tasks_max = config
            .get("tasks.max")
            .and_then(|text| text.trim().parse().ok());
        let made = host.call("start for a preview", CALL_WITHIN, move |instance| {
            Box::pin(async move {
                instance.start(&config, context).await?;
                let tasks = instance.task_configs(tasks_max.unwrap_or(1)).await?;
                Ok((tasks.into_iter().next(), instance.task()?))
            })
        });
        let outcome = match made.await.map_err(failure).and_then(|made| made) {
            Ok((Some(task), TaskCode::Source(code))) => self.poll_task(code, task).await,
            Ok((None, _)) => Ok(Polled {
                records: Vec::new(),
                ended: "end",
            }),
            Ok((_, TaskCode::Sink(_))) => Err(ConnectError::connect("the class is no source")),
            Err(error) => Err(error),
        };
        let stopped = host.call("stop", CALL_WITHIN, |instance| Box::pin(instance.stop()));
        if let Err(error) = stopped.await {
            log::warn!("the source of a preview did not stop: {error}");
        }
        outcome
    }

    async fn poll_task(
        &self,
        code: Box<dyn SourceTask>,
        task: Properties,
    ) -> Result<Polled, ConnectError> {
        let (running, may_run) = watch::channel(true);
        let offsets = Arc::new(Stored {
            connector: Arc::clone(&self.id.connector),
            store: (self.from != From::Beginning).then(|| Arc::clone(&self.offsets)),
        });
        let context = SourceContext::new(self.id.clone(), offsets, may_run);
        let actor = match self.plugin.execution() {
            Execution::Async => Actor::on_runtime(self.data, move || code),
            Execution::Thread => {
                Actor::on_thread(format!("preview {}", self.id), self.threads, move || code)
                    .map_err(failure)?
            }
        };
        let started = actor.call(move |code: &mut Box<dyn SourceTask>| {
            Box::pin(async move { code.start(&task, context).await })
        });
        let started = timeout(CALL_WITHIN, started).await;
        let outcome = match started {
            Ok(Ok(Ok(()))) => self.gather(&actor, &running).await,
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(error)) => Err(failure(error)),
            Err(_elapsed) => Err(ConnectError::connect(
                "the source did not start in time for a preview",
            )),
        };
        running.send_replace(false);
        let stopped = actor.call(|code: &mut Box<dyn SourceTask>| Box::pin(code.stop()));
        if timeout(STOPS_WITHIN, stopped).await.is_err() {
            actor.abandon();
            log::warn!("the source of a preview did not stop in time and is abandoned");
        }
        outcome
    }

    /// Polls until there is enough.
    async fn gather(
        &self,
        actor: &Actor<Box<dyn SourceTask>>,
        running: &watch::Sender<bool>,
    ) -> Result<Polled, ConnectError> {
        let end = Instant::now() + self.limits.time;
        let mut records = Vec::new();
        let mut bytes = 0;
        loop {
            let polled = actor.call(|code: &mut Box<dyn SourceTask>| Box::pin(code.poll()));
            tokio::pin!(polled);
            let polled = tokio::select! {
                polled = &mut polled => polled,
                () = tokio::time::sleep_until(end) => {
                    // A poll that heeds the interruption may still bring what it has.
                    running.send_replace(false);
                    match timeout(STOPS_WITHIN, polled).await {
                        Ok(polled) => polled,
                        Err(_elapsed) => return Ok(Polled { records, ended: "time" }),
                    }
                }
            };
            match polled.map_err(failure)? {
                Ok(Some(batch)) => {
                    if let Some(ended) = self.take(batch, &mut records, &mut bytes) {
                        return Ok(Polled { records, ended });
                    }
                }
                Ok(None) => tokio::task::yield_now().await,
                Err(error) if error.is_retriable() => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
            }
            if Instant::now() >= end {
                return Ok(Polled {
                    records,
                    ended: "time",
                });
            }
        }
    }

    /// Takes what is still wanted of a batch; says why no more is, if so.
    fn take(
        &self,
        batch: SourceBatch,
        records: &mut Vec<SourceRecord>,
        bytes: &mut usize,
    ) -> Option<&'static str> {
        let batch = Records::from(batch);
        for view in batch.views() {
            if *bytes >= self.limits.bytes {
                return Some("bytes");
            }
            *bytes += size(&view.key()) + size(&view.value());
            records.extend(owned(&view));
            if records.len() >= self.limits.records {
                return Some("records");
            }
        }
        None
    }
}

/// The size of what a record holds, as far as it is bytes already.
fn size(cell: &millrace_api::Cell<'_>) -> usize {
    match cell {
        millrace_api::Cell::Null => 0,
        millrace_api::Cell::Text(bytes) | millrace_api::Cell::Bytes(bytes) => bytes.len(),
        millrace_api::Cell::Value(datum) => datum.value.to_string().len(),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
fn failure(error: CallError) -> ConnectError {
    ConnectError::connect(error.to_string())
}

/// Shows a preview the offsets that are stored; nothing stores any.
#[derive(Debug)]
struct Stored {
    connector: Arc<str>,
    store: Option<Arc<dyn OffsetStore>>,
}

#[async_trait]
impl OffsetReader for Stored {
    async fn offset(&self, partition: &OffsetMap) -> Result<Option<OffsetMap>, ConnectError> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let read = store.get(&self.connector, partition).await;
        read.map_err(unreadable)
    }

    async fn offsets(&self) -> Result<Vec<(OffsetMap, OffsetMap)>, ConnectError> {
        let Some(store) = &self.store else {
            return Ok(Vec::new());
        };
        let read = store.list(&self.connector).await;
        read.map_err(unreadable)
    }
}

fn unreadable(error: StoreError) -> ConnectError {
    ConnectError::connect("cannot read source offsets").caused_by(error)
}
