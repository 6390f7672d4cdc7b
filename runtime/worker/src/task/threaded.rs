//! Task code that may block: its calls run on a thread of its own, while the task's loop, its clients and its place in
//! the consumer group stay on the data runtime, where a call that hangs holds nothing up.

use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, FailedPut, Properties, SinkBatch, SinkContext, SinkOffsets, SinkTask,
    SourceBatch, SourceContext, SourceTask, TaskId, TopicPartition,
};

use super::acknowledgements::Acknowledgements;
use super::guard::panicked;
use crate::actor::{Actor, Call, CallError, Threads};

/// An answer of the code, or why there is none, as one error.
fn flatten<T>(outcome: Result<Result<T, ConnectError>, CallError>) -> Result<T, ConnectError> {
    outcome.unwrap_or_else(|error| Err(failure(error)))
}

/// Why there is no answer.
pub(super) fn failure(error: CallError) -> ConnectError {
    match error {
        CallError::Panicked(text) => panicked(text),
        other => ConnectError::connect(other.to_string()),
    }
}

fn on_thread<S: Send + 'static>(
    id: &TaskId,
    code: S,
    threads: &Threads,
) -> Result<Actor<S>, ConnectError> {
    Actor::on_thread(format!("task {id}"), threads, move || code).map_err(failure)
}

/// A call of a kind that cannot fail.
async fn tell<S: Send + 'static>(
    actor: &Actor<S>,
    call: impl for<'a> FnOnce(&'a mut S) -> Call<'a, ()> + Send + 'static,
) {
    match actor.call(call).await {
        // As the code's own panic would: whoever guards it knows what to do.
        Err(CallError::Panicked(text)) => std::panic::resume_unwind(Box::new(text)),
        Err(error) => log::warn!("{error}"),
        Ok(()) => {}
    }
}

/// A source task on a thread, which hears of acknowledgements on another one.
pub(super) struct ThreadedSource {
    actor: Actor<Box<dyn SourceTask>>,
    acknowledgements: Acknowledgements,
}

impl ThreadedSource {
    /// Takes a thread; `limit` is what hearing of one acknowledgement may take.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) fn new(
        id: &TaskId,
        code: Box<dyn SourceTask>,
        threads: &Threads,
        limit: Duration,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            actor: on_thread(id, code, threads)?,
            acknowledgements: Acknowledgements::new(id, threads, limit),
        })
    }
}

#[async_trait]
impl SourceTask for ThreadedSource {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let properties = properties.clone();
        let call = self
            .actor
            .call(move |code| Box::pin(async move { code.start(&properties, context).await }));
        flatten(call.await)
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        let polled = async {
            self.acknowledgements.room().await;
            flatten(self.actor.call(|code| code.poll()).await)
        };
        let batch = tokio::select! {
            biased;
            error = self.acknowledgements.failed() => return Err(error),
            polled = polled => polled?,
        };
        batch
            .map(|batch| self.acknowledgements.listen(batch))
            .transpose()
    }

    async fn commit(&mut self) {
        tell(&self.actor, |code| code.commit()).await;
    }

    async fn stop(&mut self) {
        self.acknowledgements.told().await;
        tell(&self.actor, |code| code.stop()).await;
    }
}

/// A sink task on a thread.
pub(super) struct ThreadedSink {
    actor: Actor<Box<dyn SinkTask>>,
    /// What the code has said when it had started.
    failed_put: FailedPut,
}

impl ThreadedSink {
    /// Takes a thread.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) fn new(
        id: &TaskId,
        code: Box<dyn SinkTask>,
        threads: &Threads,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            actor: on_thread(id, code, threads)?,
            failed_put: FailedPut::Unknown,
        })
    }
}

#[async_trait]
impl SinkTask for ThreadedSink {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError> {
        let properties = properties.clone();
        let call = self.actor.call(move |code| {
            Box::pin(async move {
                code.start(&properties, context).await?;
                Ok(code.failed_put())
            })
        });
        self.failed_put = flatten(call.await)?;
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let partitions = partitions.to_vec();
        let call = self
            .actor
            .call(move |code| Box::pin(async move { code.open(&partitions).await }));
        flatten(call.await)
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        // Rows are copied, contents are shared.
        let batch = batch.clone();
        let call = self
            .actor
            .call(move |code| Box::pin(async move { code.put(&batch).await }));
        flatten(call.await)
    }

    fn failed_put(&self) -> FailedPut {
        self.failed_put
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        flatten(self.actor.call(|code| code.pre_commit(offsets)).await)
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let partitions = partitions.to_vec();
        let call = self
            .actor
            .call(move |code| Box::pin(async move { code.close(&partitions).await }));
        flatten(call.await)
    }

    async fn stop(&mut self) {
        tell(&self.actor, |code| code.stop()).await;
    }
}
