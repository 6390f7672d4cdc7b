//! States of connectors and tasks (contract connect-rest, section 4).

use std::fmt;

use millrace_api::TaskId;

/// What is reported of a connector or a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Stopped by the worker, or not started yet.
    Unassigned,
    /// Started.
    Running,
    /// Idle on request, its resources kept.
    Paused,
    /// Shut down on request; connectors only.
    Stopped,
    /// Ended by an error.
    Failed,
    /// About to be started again.
    Restarting,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
            Self::Failed => "FAILED",
            Self::Restarting => "RESTARTING",
        })
    }
}

/// What a user wants a connector to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetState {
    /// Run (`STARTED`).
    #[default]
    Started,
    /// Stand still, keep the tasks.
    Paused,
    /// Shut the tasks down.
    Stopped,
}

/// Hears what becomes of tasks. Called on the task's thread; must not block.
pub trait StatusListener: Send + Sync + fmt::Debug {
    /// Task `id` is now in `state`; `trace` says why it failed.
    fn task(&self, id: &TaskId, state: State, trace: Option<String>);

    /// A source task has written to `topic`, or a sink task read from it; told again and again.
    fn topic(&self, id: &TaskId, topic: &str);
}
