//! Calls of a task's code, each under a deadline and with its panic caught, so that a task whose code hangs or panics
//! ends as one that returns an error does: with a trace, its clients closed, what was acknowledged committed.
//!
//! `poll` may wait for records as long as it likes; its deadline begins when the task is asked to pause or stop. After
//! a call that was given up nothing of the code is called any more; after a panic only what lets go.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use millrace_api::{
    ConnectError, ErrorKind, FailedPut, Properties, SinkBatch, SinkContext, SinkOffsets, SinkTask,
    SourceBatch, SourceContext, SourceTask, TaskId, TopicPartition,
};
use tokio::sync::watch;
use tokio::time::sleep;

use super::TargetState;
use super::handle::Steering;
use crate::actor::panic_text;

/// Why a task's code cannot be called any more.
#[derive(Debug, Clone)]
enum Broken {
    Panicked(String),
    GivenUp(String),
}

/// What has become of a task's code; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition(Arc<OnceLock<Broken>>);

impl Condition {
    /// Whether a call of it did not return.
    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.0.get(), Some(Broken::GivenUp(_)))
    }

    /// Whether it may do work: neither panicked nor given up.
    pub(super) fn is_sound(&self) -> bool {
        self.0.get().is_none()
    }

    /// Remembers what broke it, and gives the error for it; what broke it first counts.
    fn breaks(&self, broken: Broken) -> ConnectError {
        match self.0.get_or_init(|| broken) {
            Broken::Panicked(text) => panicked(text.clone()),
            Broken::GivenUp(text) => ConnectError::connect(text.clone()),
        }
    }

    /// The error of a call that is not to be made.
    fn check(&self) -> Result<(), ConnectError> {
        match self.0.get() {
            Some(broken) => Err(self.breaks(broken.clone())),
            None => Ok(()),
        }
    }
}

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// One call (`connector.call.timeout.ms`).
    pub(super) call: Duration,
    /// A call once the task is asked to stop, and each of those that let go.
    pub(super) stop: Duration,
}

/// Which of its deadlines a call has passed.
#[derive(Debug, Clone, Copy)]
enum Passed {
    Call,
    Pause,
    Stop,
}

/// Makes the calls of one task.
#[derive(Debug)]
pub(super) struct Guard {
    id: TaskId,
    limits: Limits,
    target: watch::Receiver<TargetState>,
    running: watch::Receiver<bool>,
    condition: Condition,
}

impl Guard {
    pub(super) fn new(
        id: &TaskId,
        limits: Limits,
        steering: &Steering,
        condition: Condition,
    ) -> Self {
        Self {
            id: id.clone(),
            limits,
            target: steering.target.clone(),
            running: steering.running.clone(),
            condition,
        }
    }

    /// A call that does some work and returns.
    async fn call<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        let late = async {
            tokio::select! {
                () = sleep(self.limits.call) => Passed::Call,
                () = self.stopped() => Passed::Stop,
            }
        };
        self.make(name, work, late).await
    }

    /// A call that may wait until it is interrupted.
    async fn wait<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        let late = async {
            tokio::select! {
                () = self.paused() => Passed::Pause,
                () = self.stopped() => Passed::Stop,
            }
        };
        self.make(name, work, late).await
    }

    /// A call that lets go of something; it is made of code that has panicked, too.
    async fn end(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<(), ConnectError>>,
    ) -> Result<(), ConnectError> {
        if self.condition.is_given_up() {
            return Ok(());
        }
        let late = async {
            sleep(self.limits.stop).await;
            Passed::Stop
        };
        self.watch(name, work, late).await
    }

    async fn make<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, ConnectError>>,
        late: impl Future<Output = Passed>,
    ) -> Result<T, ConnectError> {
        self.condition.check()?;
        self.watch(name, work, late).await
    }

    async fn watch<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, ConnectError>>,
        late: impl Future<Output = Passed>,
    ) -> Result<T, ConnectError> {
        let passed = tokio::select! {
            biased;
            outcome = AssertUnwindSafe(work).catch_unwind() => {
                return outcome.unwrap_or_else(|panic| Err(panicked(panic_text(panic.as_ref()))))
                    .map_err(|error| self.noted(name, error));
            }
            passed = late => passed,
        };
        Err(self.overdue(name, passed))
    }

    /// The error of a call; a panic is remembered and says where it was.
    fn noted(&self, name: &str, error: ConnectError) -> ConnectError {
        if error.kind() != ErrorKind::Panic {
            return error;
        }
        let text = format!("task {} panicked in {name}: {error}", self.id);
        self.condition.breaks(Broken::Panicked(text))
    }

    fn overdue(&self, name: &str, passed: Passed) -> ConnectError {
        let (limit, since) = match passed {
            Passed::Call => (self.limits.call, " (connector.call.timeout.ms)"),
            Passed::Pause => (
                self.limits.call,
                " (connector.call.timeout.ms) of being asked to pause",
            ),
            Passed::Stop => (self.limits.stop, " of being asked to stop"),
        };
        let text = format!(
            "task {} did not return from {name} within {} ms{since} and is given up",
            self.id,
            limit.as_millis()
        );
        self.condition.breaks(Broken::GivenUp(text))
    }

    /// Completes when the task was asked to stop so long ago that calls should have returned.
    async fn stopped(&self) {
        let mut target = self.target.clone();
        let _gone = target
            .wait_for(|target| *target == TargetState::Stopped)
            .await
            .is_err();
        sleep(self.limits.stop).await;
    }

    /// Completes when the task has been asked to stand still for longer than a call may take.
    async fn paused(&self) {
        let mut running = self.running.clone();
        loop {
            let is_alone = running.wait_for(|running| !running).await.is_err();
            let resumed = async {
                if is_alone || running.wait_for(|running| *running).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = sleep(self.limits.call) => return,
                () = resumed => {}
            }
        }
    }

    /// Tells of a failure of a call that cannot fail.
    fn tell(&self, outcome: Result<(), ConnectError>) {
        if let Err(error) = outcome {
            log::warn!("{error}");
        }
    }
}

/// Code that has panicked.
pub(super) fn panicked(text: String) -> ConnectError {
    ConnectError::new(ErrorKind::Panic, text)
}

/// A source task whose calls are guarded.
pub(super) struct GuardedSource {
    code: Box<dyn SourceTask>,
    guard: Guard,
    /// Why `commit`, which itself cannot fail, has failed.
    failed: Option<ConnectError>,
}

impl GuardedSource {
    pub(super) fn new(code: Box<dyn SourceTask>, guard: Guard) -> Self {
        Self {
            code,
            guard,
            failed: None,
        }
    }
}

#[async_trait]
impl SourceTask for GuardedSource {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let work = self.code.start(properties, context);
        self.guard.call("start", work).await
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.guard.wait("poll", self.code.poll()).await,
        }
    }

    async fn commit(&mut self) {
        let work = self.code.commit().map(Ok);
        let outcome = self.guard.call("commit", work).await;
        self.failed = outcome.err();
    }

    async fn stop(&mut self) {
        let outcome = self.guard.end("stop", self.code.stop().map(Ok)).await;
        self.guard.tell(outcome);
    }
}

/// A sink task whose calls are guarded.
pub(super) struct GuardedSink {
    code: Box<dyn SinkTask>,
    guard: Guard,
}

impl GuardedSink {
    pub(super) fn new(code: Box<dyn SinkTask>, guard: Guard) -> Self {
        Self { code, guard }
    }
}

#[async_trait]
impl SinkTask for GuardedSink {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError> {
        let work = self.code.start(properties, context);
        self.guard.call("start", work).await
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        self.guard.call("open", self.code.open(partitions)).await
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        self.guard.call("put", self.code.put(batch)).await
    }

    /// After a panic or a call that did not return nobody knows, whatever the code says.
    fn failed_put(&self) -> FailedPut {
        match self.guard.condition.is_sound() {
            true => self.code.failed_put(),
            false => FailedPut::Unknown,
        }
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        let work = self.code.pre_commit(offsets);
        self.guard.call("pre_commit", work).await
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        self.guard.end("close", self.code.close(partitions)).await
    }

    async fn stop(&mut self) {
        let outcome = self.guard.end("stop", self.code.stop().map(Ok)).await;
        self.guard.tell(outcome);
    }
}
