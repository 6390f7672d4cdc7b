//! The task: gathers batches, and has files written on the blocking pool.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use async_trait::async_trait;
use millrace_api::{
    ConnectError, Properties, SinkBatch, SinkContext, SinkOffsets, SinkTask, TopicPartition,
};
use tokio::time::Instant;

use crate::config::FileSinkConfig;
use crate::stage::{Errant, Lines};
use crate::store::{Rules, Store};

/// Writes records into files.
#[derive(Default)]
pub(crate) struct FileSinkTask {
    running: Option<Running>,
}

struct Running {
    context: SinkContext,
    lines: Lines,
    /// None while the blocking pool has it.
    store: Option<Store>,
    /// Each commit completes all files.
    completes_at_commit: bool,
    /// Records that are to be set aside once a `put` succeeds.
    errant: Vec<Errant>,
}

#[async_trait]
impl SinkTask for FileSinkTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError> {
        let config = FileSinkConfig::read(properties)?;
        let lines = Lines {
            template: config.template().map_err(ConnectError::config)?,
            shape: config.shape().map_err(ConnectError::config)?,
            sets_aside: context.errant_records().is_some(),
        };
        let rules = Rules::new(&config);
        let connector = context.id().connector.clone();
        self.running = Some(Running {
            context,
            lines,
            store: Some(Store::new(&config.directory(), &connector, owner(), rules)),
            completes_at_commit: config.roll_age().is_none(),
            errant: Vec::new(),
        });
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let running = self.running()?;
        running.store()?.assign(partitions);
        match running.open(false).await {
            Err(error) if error.is_retriable() => {
                log::warn!(
                    "{} opens its partitions later: {error}",
                    running.context.id()
                );
                Ok(())
            }
            opened => opened,
        }
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let running = self.running()?;
        if running.store()?.has_unopened() {
            running.open(true).await?;
        }
        let now = Instant::now();
        let lines = &running.lines;
        let store = running.store.as_mut().ok_or_else(gone)?;
        let errant = store.stage(batch, lines, now)?;
        running.errant.extend(errant);
        running.on_disk(move |store| store.flush(now)).await??;
        running.set_aside();
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        let running = self.running()?;
        if running.completes_at_commit {
            let now = Instant::now();
            let completed = running.on_disk(move |store| {
                store.seal_all(|_| true);
                store.flush(now)
            });
            completed.await??;
        }
        let store = running.store.as_ref().ok_or_else(gone)?;
        let safe = offsets.into_iter().filter_map(|(partition, offset)| {
            let safe = store.safe(&partition, offset)?;
            let errant = running
                .errant
                .iter()
                .filter(|errant| errant.partition == partition);
            let errant = errant.map(|errant| errant.record.offset).min();
            let safe = errant.map_or(safe, |errant| safe.min(errant));
            Some((partition, safe))
        });
        Ok(safe.collect())
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let running = self.running()?;
        let (now, closing) = (Instant::now(), partitions.to_vec());
        let closed = running.on_disk(move |store| store.close(&closing, now));
        if let Err(error) = closed.await? {
            // Nothing of it was committed, so that whoever has the partitions next reads it again.
            log::warn!(
                "{} could not complete its last files: {error}",
                running.context.id()
            );
        }
        running
            .errant
            .retain(|errant| !partitions.contains(&errant.partition));
        Ok(())
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

impl FileSinkTask {
    fn running(&mut self) -> Result<&mut Running, ConnectError> {
        self.running
            .as_mut()
            .ok_or_else(|| ConnectError::connect("the task is not started"))
    }
}

impl Running {
    fn store(&mut self) -> Result<&mut Store, ConnectError> {
        self.store.as_mut().ok_or_else(gone)
    }

    /// Opens partitions, and has the consumer go on where their files end.
    async fn open(&mut self, amid: bool) -> Result<(), ConnectError> {
        let rewind = self.on_disk(move |store| store.open(amid)).await??;
        if !rewind.is_empty() {
            self.context.rewind(rewind);
        }
        Ok(())
    }

    /// Does something that may wait for the disk.
    async fn on_disk<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, ConnectError> {
        let mut store = self.store.take().ok_or_else(gone)?;
        let (store, outcome) = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut store);
            (store, outcome)
        })
        .await
        .map_err(|error| {
            ConnectError::connect("cannot run on the blocking pool").caused_by(error)
        })?;
        self.store = Some(store);
        Ok(outcome)
    }

    fn set_aside(&mut self) {
        let Some(reporter) = self.context.errant_records() else {
            return;
        };
        for errant in self.errant.drain(..) {
            reporter.report_consumed(errant.record, errant.error);
        }
    }
}

fn gone() -> ConnectError {
    ConnectError::connect("the task's files were given up when it was cancelled")
}

/// A name that no other task has: two numbers of the system's randomness.
fn owner() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
