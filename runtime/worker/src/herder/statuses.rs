//! The reported states of connectors and tasks, and the topics they use, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_api::TaskId;

use super::views::{ConnectorStatus, Status, TaskStatus};
use crate::task::{State, StatusListener};

/// What is known of one connector.
#[derive(Debug, Default)]
struct Known {
    connector: Option<Status>,
    tasks: BTreeMap<u32, KnownTask>,
    topics: BTreeSet<String>,
}

/// What is known of one task, and in which of its runs.
#[derive(Debug)]
struct KnownTask {
    status: Status,
    run: u64,
}

#[derive(Debug, Default)]
struct Inner {
    connectors: BTreeMap<Arc<str>, Known>,
    runs: u64,
}

/// States by connector and task.
#[derive(Debug)]
pub(crate) struct Statuses {
    worker_id: String,
    inner: Mutex<Inner>,
}

impl Statuses {
    pub(crate) fn new(worker_id: String) -> Arc<Self> {
        Arc::new(Self {
            worker_id,
            inner: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self, state: State, trace: Option<String>, version: Option<&str>) -> Status {
        let version = match state {
            State::Unassigned | State::Restarting => None,
            _ => version.map(str::to_owned),
        };
        Status {
            state,
            worker_id: self.worker_id.clone(),
            version,
            trace: trace.filter(|trace| !trace.is_empty()),
        }
    }

    /// A connector is now in `state`.
    pub(crate) fn set_connector(
        &self,
        name: &Arc<str>,
        state: State,
        trace: Option<String>,
        version: Option<&str>,
    ) {
        let status = self.status(state, trace, version);
        self.lock()
            .connectors
            .entry(Arc::clone(name))
            .or_default()
            .connector = Some(status);
    }

    /// The state of a connector.
    pub(crate) fn connector_state(&self, name: &str) -> Option<State> {
        self.lock()
            .connectors
            .get(name)?
            .connector
            .as_ref()
            .map(|status| status.state)
    }

    /// Begins a run of a task and gives the listener for it: what earlier runs still have to say counts no more.
    pub(crate) fn begin_run(
        self: &Arc<Self>,
        id: &TaskId,
        version: &str,
    ) -> Arc<dyn StatusListener> {
        let status = self.status(State::Unassigned, None, None);
        let mut inner = self.lock();
        inner.runs += 1;
        let run = inner.runs;
        let known = inner
            .connectors
            .entry(Arc::clone(&id.connector))
            .or_default();
        known.tasks.insert(id.task, KnownTask { status, run });
        Arc::new(Run {
            statuses: Arc::clone(self),
            run,
            version: version.to_owned(),
        })
    }

    /// A task that was never begun has failed, or one is about to be started again.
    pub(crate) fn set_task(&self, id: &TaskId, state: State, trace: Option<String>) {
        let status = self.status(state, trace, None);
        let mut inner = self.lock();
        let known = inner
            .connectors
            .entry(Arc::clone(&id.connector))
            .or_default();
        let run = known.tasks.get(&id.task).map_or(0, |task| task.run);
        known.tasks.insert(id.task, KnownTask { status, run });
    }

    /// Forgets a connector's tasks.
    pub(crate) fn forget_tasks(&self, name: &str) {
        if let Some(known) = self.lock().connectors.get_mut(name) {
            known.tasks.clear();
        }
    }

    /// Forgets all of a connector.
    pub(crate) fn forget(&self, name: &str) {
        self.lock().connectors.remove(name);
    }

    /// The status of a connector and its tasks, if it has one yet.
    pub(crate) fn connector(&self, name: &str, kind: &'static str) -> Option<ConnectorStatus> {
        let inner = self.lock();
        let known = inner.connectors.get(name)?;
        let tasks = known.tasks.iter().map(|(id, task)| TaskStatus {
            id: *id,
            status: task.status.clone(),
        });
        Some(ConnectorStatus {
            name: name.to_owned(),
            connector: known.connector.clone()?,
            tasks: tasks.collect(),
            kind,
        })
    }

    /// The status of a task.
    pub(crate) fn task(&self, name: &str, task: u32) -> Option<TaskStatus> {
        let inner = self.lock();
        let known = inner.connectors.get(name)?.tasks.get(&task)?;
        Some(TaskStatus {
            id: task,
            status: known.status.clone(),
        })
    }

    /// The topics that a connector has used since they were last reset.
    pub(crate) fn topics(&self, name: &str) -> Vec<String> {
        self.lock()
            .connectors
            .get(name)
            .map(|known| known.topics.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Forgets the topics that a connector has used.
    pub(crate) fn reset_topics(&self, name: &str) {
        if let Some(known) = self.lock().connectors.get_mut(name) {
            known.topics.clear();
        }
    }
}

/// Hears of one run of a task.
struct Run {
    statuses: Arc<Statuses>,
    run: u64,
    version: String,
}

impl StatusListener for Run {
    fn task(&self, id: &TaskId, state: State, trace: Option<String>) {
        let status = self.statuses.status(state, trace, Some(&self.version));
        let mut inner = self.statuses.lock();
        let task = inner
            .connectors
            .get_mut(&id.connector)
            .and_then(|known| known.tasks.get_mut(&id.task));
        if let Some(task) = task.filter(|task| task.run == self.run) {
            task.status = status;
        }
    }

    fn topic(&self, id: &TaskId, topic: &str) {
        let mut inner = self.statuses.lock();
        if let Some(known) = inner.connectors.get_mut(&id.connector) {
            known.topics.insert(topic.to_owned());
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use millrace_api::TaskId;

    use super::Statuses;
    use crate::task::State;

    #[test]
    fn an_earlier_run_is_not_heard() {
        let statuses = Statuses::new("w:1".to_owned());
        let id = TaskId {
            connector: "c".into(),
            task: 0,
        };
        statuses.set_connector(&id.connector, State::Running, None, Some("1"));
        let first = statuses.begin_run(&id, "1");
        first.task(&id, State::Running, None);
        let second = statuses.begin_run(&id, "1");
        first.task(&id, State::Failed, Some("late".to_owned()));
        assert_eq!(
            statuses.task("c", 0).unwrap().status.state,
            State::Unassigned
        );
        second.task(&id, State::Failed, Some("trace".to_owned()));
        let status = statuses.task("c", 0).unwrap().status;
        assert_eq!(
            (status.version.as_deref(), status.trace.as_deref()),
            (Some("1"), Some("trace"))
        );
        statuses.forget("c");
        second.task(&id, State::Running, None);
        assert!(statuses.connector("c", "source").is_none());
    }
}
