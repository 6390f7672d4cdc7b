//! Starting, steering and stopping a task.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use millrace_api::{ConnectError, Execution, TaskId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{State, TargetState, TaskCode, TaskContext, TaskSpec, sink, source};
use crate::metrics::{TaskKind, TaskMetrics};

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
    finished: watch::Receiver<bool>,
    /// Shown until the task is stopped, also when it has failed.
    _metrics: Arc<TaskMetrics>,
}

/// Starts a task. Its states reach the context's listener; this call does not wait for any of them.
pub fn spawn(spec: TaskSpec, context: &TaskContext) -> TaskHandle {
    let (target, wanted) = watch::channel(spec.target);
    let (running, may_run) = watch::channel(spec.target == TargetState::Started);
    let (done, finished) = watch::channel(false);
    let cancel = CancellationToken::new();
    let id = spec.id.clone();
    let steering = Steering {
        target: wanted,
        running: may_run,
        cancelled: cancel.clone(),
    };
    let execution = spec.execution;
    let kind = match spec.code {
        TaskCode::Source(_) => TaskKind::Source,
        TaskCode::Sink(_) => TaskKind::Sink,
    };
    let metrics = context.metrics.begin(&id, kind);
    let shown = Arc::clone(&metrics);
    let work = supervise(spec, context.clone(), metrics, steering, done);
    match execution {
        Execution::Async => {
            context.data.spawn(work);
        }
        Execution::Thread => run_on_thread(&id, work, context),
    }
    TaskHandle {
        id,
        target,
        running,
        cancel,
        finished,
        _metrics: shown,
    }
}

/// Runs `work` on a thread and a small runtime of its own, so that it may block.
fn run_on_thread(
    id: &TaskId,
    work: impl Future<Output = ()> + Send + 'static,
    context: &TaskContext,
) {
    let body = move || match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => log::error!("cannot start the runtime of a task: {error}"),
    };
    if let Err(error) = std::thread::Builder::new()
        .name(format!("task {id}"))
        .spawn(body)
    {
        let trace = ConnectError::connect(format!("cannot start a thread for task {id}"))
            .caused_by(error)
            .trace();
        context.statuses.task(id, State::Failed, Some(trace));
    }
}

/// Runs the task to its end and reports how it ended.
async fn supervise(
    spec: TaskSpec,
    context: TaskContext,
    metrics: Arc<TaskMetrics>,
    steering: Steering,
    done: watch::Sender<bool>,
) {
    let id = spec.id.clone();
    let cancelled = steering.cancelled.clone();
    let work = async {
        match spec.code {
            TaskCode::Source(_) => source::run(spec, &context, metrics, steering).await,
            TaskCode::Sink(_) => sink::run(spec, &context, metrics, steering).await,
        }
    };
    let outcome = tokio::select! {
        outcome = AssertUnwindSafe(work).catch_unwind() => Some(outcome),
        () = cancelled.cancelled() => None,
    };
    match outcome {
        None => {}
        Some(Ok(Ok(()))) => context.statuses.task(&id, State::Unassigned, None),
        Some(Ok(Err(error))) => fail(&context, &id, error.trace()),
        Some(Err(panic)) => fail(&context, &id, panic_trace(panic.as_ref())),
    }
    done.send_replace(true);
}

fn fail(context: &TaskContext, id: &TaskId, trace: String) {
    log::error!(target: &format!("connector.{}.task.{}", id.connector, id.task), "task {id} failed: {}", trace.trim_end());
    context.statuses.task(id, State::Failed, Some(trace));
}

fn panic_trace(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "java.lang.RuntimeException: the task panicked: {}\n",
        text.unwrap_or("no message")
    )
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

    /// Asks the task to end and waits for it, at most `deadline`; then it is cancelled and, where that is not enough
    /// because its code holds a thread, left behind.
    pub async fn stop(self, deadline: Duration) -> Stopped {
        self.begin_stop();
        let mut finished = self.finished.clone();
        if tokio::time::timeout(deadline, finished.wait_for(|finished| *finished))
            .await
            .is_ok()
        {
            return Stopped::Graceful;
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
        *self.finished.borrow()
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
