//! Starting, steering and stopping a task.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use millrace_api::{ConnectError, Execution, TaskId};
use millrace_wire::log_scope;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::explained;
use super::guard::{Condition, Guard, GuardedSink, GuardedSource, Limits, panicked};
use super::threaded::{ThreadedSink, ThreadedSource};
use super::{Parts, State, TargetState, TaskCode, TaskContext, TaskSpec, sink, source};
use crate::actor::panic_text;
use crate::metrics::{TaskKind, TaskMetrics};
use crate::validation::own_keys::{MEMORY_MAX, number};

/// How a stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The task ended by itself.
    Graceful,
    /// It did not end in time and was given up.
    Abandoned,
}

/// What steers a running task.
#[derive(Debug)]
pub(crate) struct Steering {
    /// What the task is to do.
    pub(crate) target: watch::Receiver<TargetState>,
    /// True while the task's code may go on; false asks it to return.
    pub(crate) running: watch::Receiver<bool>,
    /// Ends the task at once, without final commits.
    pub(crate) cancelled: CancellationToken,
}

/// A started task.
#[derive(Debug)]
pub struct TaskHandle {
    id: TaskId,
    target: watch::Sender<TargetState>,
    running: watch::Sender<bool>,
    cancel: CancellationToken,
    finished: watch::Receiver<Option<Stopped>>,
    /// Shown until the task is stopped, also when it has failed.
    _metrics: Arc<TaskMetrics>,
}

/// Starts a task. Its states reach the context's listener; this call does not wait for any of them.
pub fn spawn(spec: TaskSpec, context: &TaskContext) -> TaskHandle {
    let (target, wanted) = watch::channel(spec.target);
    let (running, may_run) = watch::channel(spec.target == TargetState::Started);
    let (done, finished) = watch::channel(None);
    let cancel = CancellationToken::new();
    let id = spec.id.clone();
    let steering = Steering {
        target: wanted,
        running: may_run,
        cancelled: cancel.clone(),
    };
    let kind = match spec.code {
        TaskCode::Source(_) => TaskKind::Source,
        TaskCode::Sink(_) => TaskKind::Sink,
    };
    let metrics = context.metrics.begin(&id, kind, Arc::clone(&context.clock));
    let own = number(&spec.connector, MEMORY_MAX);
    metrics
        .memory
        .bound_connector(own.or(context.connector_memory_max));
    let shown = Arc::clone(&metrics);
    let lines = format!("connector.{}.task.{}", id.connector, id.task);
    let work = supervise(spec, context.clone(), metrics, steering, done);
    context.data.spawn(log_scope::within(lines.into(), work));
    TaskHandle {
        id,
        target,
        running,
        cancel,
        finished,
        _metrics: shown,
    }
}

/// Runs the task to its end and reports how it ended.
async fn supervise(
    spec: TaskSpec,
    context: TaskContext,
    metrics: Arc<TaskMetrics>,
    steering: Steering,
    done: watch::Sender<Option<Stopped>>,
) {
    let id = spec.id.clone();
    let cancelled = steering.cancelled.clone();
    let condition = Condition::default();
    let work = run(spec, &context, metrics, steering, condition.clone());
    let outcome = tokio::select! {
        outcome = AssertUnwindSafe(work).catch_unwind() => Some(outcome),
        () = cancelled.cancelled() => None,
    };
    match outcome {
        None => {}
        Some(Ok(Ok(()))) => context.statuses.task(&id, State::Unassigned, None),
        Some(Ok(Err(error))) => fail(&context, &id, &explained(&id, "go on", error)),
        Some(Err(panic)) => {
            let text = format!("task {id} panicked: {}", panic_text(panic.as_ref()));
            fail(&context, &id, &panicked(text));
        }
    }
    done.send_replace(Some(match condition.is_given_up() {
        true => Stopped::Abandoned,
        false => Stopped::Graceful,
    }));
}

/// Puts the task's code where it may run and under its deadlines, and runs it.
async fn run(
    spec: TaskSpec,
    context: &TaskContext,
    metrics: Arc<TaskMetrics>,
    steering: Steering,
    condition: Condition,
) -> Result<(), ConnectError> {
    let TaskSpec {
        id,
        code,
        execution,
        ..
    } = spec;
    let may_block = execution == Execution::Thread;
    let guard = Guard::new(
        &id,
        Limits {
            call: context.call_timeout,
            stop: context.stop_timeout,
        },
        &steering,
        condition.clone(),
    );
    let parts = Parts {
        id,
        connector: spec.connector,
        properties: spec.task,
        converters: spec.converters,
        condition,
    };
    match code {
        TaskCode::Source(mut code) => {
            if may_block {
                code = Box::new(ThreadedSource::new(
                    &parts.id,
                    code,
                    &context.threads,
                    context.call_timeout,
                )?);
            }
            let code = Box::new(GuardedSource::new(code, guard));
            source::run(parts, code, context, metrics, steering).await
        }
        TaskCode::Sink(mut code) => {
            if may_block {
                code = Box::new(ThreadedSink::new(&parts.id, code, &context.threads)?);
            }
            let code = Box::new(GuardedSink::new(code, guard));
            sink::run(parts, code, context, metrics, steering).await
        }
    }
}

fn fail(context: &TaskContext, id: &TaskId, error: &ConnectError) {
    let trace = error.trace();
    log::error!(target: &format!("connector.{}.task.{}", id.connector, id.task), "task {id} failed: {}", trace.trim_end());
    context.statuses.task(id, State::Failed, Some(trace));
}

impl TaskHandle {
    /// The task.
    pub fn id(&self) -> &TaskId {
        &self.id
    }

    /// Asks the task to stand still; it reports PAUSED when it does.
    pub fn pause(&self) {
        self.target.send_replace(TargetState::Paused);
        self.running.send_replace(false);
    }

    /// Asks the task to go on.
    pub fn resume(&self) {
        self.running.send_replace(true);
        self.target.send_replace(TargetState::Started);
    }

    /// Asks the task to end: a source commits what was acknowledged, a sink what it has made safe. Returns at once.
    pub fn begin_stop(&self) {
        self.target.send_replace(TargetState::Stopped);
        self.running.send_replace(false);
    }

    /// Asks the task to end and waits for it, at most `deadline`; then it is cancelled. A call of its code that does
    /// not return is given up before that; where it holds a thread, the thread is left behind.
    pub async fn stop(self, deadline: Duration) -> Stopped {
        self.begin_stop();
        let mut finished = self.finished.clone();
        let ended = finished.wait_for(Option::is_some);
        if let Ok(ended) = tokio::time::timeout(deadline, ended).await {
            return ended
                .ok()
                .and_then(|ended| *ended)
                .unwrap_or(Stopped::Abandoned);
        }
        self.cancel.cancel();
        log::warn!(
            "task {} did not stop within {} ms and is abandoned",
            self.id,
            deadline.as_millis()
        );
        Stopped::Abandoned
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.finished.borrow().is_some()
    }
}

impl Steering {
    /// Waits until the target is something else than `now`; a task whose handle is gone is to stop.
    pub(crate) async fn changed_from(&mut self, now: TargetState) -> TargetState {
        self.target
            .wait_for(|target| *target != now)
            .await
            .map_or(TargetState::Stopped, |target| *target)
    }

    /// What the task is to do.
    pub(crate) fn target(&self) -> TargetState {
        if self.target.has_changed().is_err() {
            TargetState::Stopped
        } else {
            *self.target.borrow()
        }
    }
}

/// A shared slot for the first failure that happened beside the task's own thread of control.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failure(Arc<std::sync::Mutex<Option<ConnectError>>>);

impl Failure {
    /// Keeps `error` unless there is one already.
    pub(crate) fn set(&self, error: ConnectError) {
        let mut slot = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        slot.get_or_insert(error);
    }

    /// Whether there is a failure.
    pub(crate) fn is_set(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .is_some()
    }

    /// Takes the failure, if there is one.
    pub(crate) fn take(&self) -> Option<ConnectError> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
    }
}
