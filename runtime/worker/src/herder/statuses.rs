//! The reported states of connectors and tasks, and the topics they use.
//!
//! They are in memory. In a group of workers what happens here is also written down for the others
//! ([`StatusJournal`]), and what they have written is heard. What happens here is known at once; one's own records
//! that come back say nothing new.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_api::TaskId;

use millrace_wire::clock::Clock;
use serde_json::Value;

use super::views::{ConnectorStatus, Status, TaskStatus};
use crate::group::member::Predecessors;
use crate::store::topic::status_record::{StatusKey, StatusRecord, topic_value};
use crate::task::{State, StatusListener};

/// What is known of one connector.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) connector: Option<Held>,
    pub(super) tasks: BTreeMap<u32, KnownTask>,
    pub(super) topics: BTreeSet<String>,
}

/// A state, in which generation of the group it was told, and whether this worker has told it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) status: Status,
    pub(super) generation: i32,
    pub(super) is_own: bool,
}

/// What is known of one task, and in which of its runs.
#[derive(Debug)]
pub(super) struct KnownTask {
    pub(super) held: Held,
    pub(super) run: u64,
}

/// Where the states of this worker are written down for the others of its group. Must not block.
pub(crate) trait StatusJournal: Send + Sync + fmt::Debug {
    /// Writes a value down; none says that there is no more to say about the key.
    fn write(&self, key: StatusKey, value: Option<Value>);
}

/// A group's side of the states.
#[derive(Debug)]
struct Shared {
    journal: Arc<dyn StatusJournal>,
    clock: Arc<dyn Clock>,
    /// The generation of the group that the worker joined last.
    generation: AtomicI32,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) connectors: BTreeMap<Arc<str>, Known>,
    runs: u64,
}

/// States by connector and task.
#[derive(Debug)]
pub(crate) struct Statuses {
    worker_id: String,
    inner: Mutex<Inner>,
    shared: Option<Shared>,
}

impl Statuses {
    pub(crate) fn new(worker_id: String) -> Arc<Self> {
        Arc::new(Self {
            worker_id,
            inner: Mutex::default(),
            shared: None,
        })
    }

    /// States that are shared with a group.
    pub(crate) fn shared(
        worker_id: String,
        journal: Arc<dyn StatusJournal>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            worker_id,
            inner: Mutex::default(),
            shared: Some(Shared {
                journal,
                clock,
                generation: AtomicI32::new(0),
            }),
        })
    }

    /// The group has a new generation.
    pub(crate) fn set_generation(&self, generation: i32) {
        if let Some(shared) = &self.shared {
            shared.generation.store(generation, Ordering::Relaxed);
        }
    }

    pub(super) fn worker_id(&self) -> &str {
        &self.worker_id
    }

    pub(super) fn generation(&self) -> i32 {
        let shared = self.shared.as_ref();
        shared.map_or(0, |shared| shared.generation.load(Ordering::Relaxed))
    }

    /// A state of this worker, now.
    fn own(&self, status: Status) -> Held {
        Held {
            status,
            generation: self.generation(),
            is_own: true,
        }
    }

    /// Writes a state down for the others.
    pub(super) fn tell(&self, key: impl FnOnce() -> StatusKey, held: &Held) {
        if let Some(shared) = &self.shared {
            shared.journal.write(key(), Some(record(held).to_json()));
        }
    }

    /// Tells the others that there is no more to say.
    pub(super) fn retract(&self, key: StatusKey) {
        if let Some(shared) = &self.shared {
            shared.journal.write(key, None);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
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
        let held = self.own(self.status(state, trace, version));
        let mut inner = self.lock();
        self.tell(|| StatusKey::Connector(name.to_string()), &held);
        inner
            .connectors
            .entry(Arc::clone(name))
            .or_default()
            .connector = Some(held);
    }

    /// The state of a connector.
    pub(crate) fn connector_state(&self, name: &str) -> Option<State> {
        self.lock()
            .connectors
            .get(name)?
            .connector
            .as_ref()
            .map(|held| held.status.state)
    }

    /// Begins a run of a task and gives the listener for it: what earlier runs still have to say counts no more.
    pub(crate) fn begin_run(
        self: &Arc<Self>,
        id: &TaskId,
        version: &str,
    ) -> Arc<dyn StatusListener> {
        let held = self.own(self.status(State::Unassigned, None, None));
        let mut inner = self.lock();
        inner.runs += 1;
        let run = inner.runs;
        let known = inner
            .connectors
            .entry(Arc::clone(&id.connector))
            .or_default();
        known.tasks.insert(id.task, KnownTask { held, run });
        Arc::new(Run {
            statuses: Arc::clone(self),
            run,
            version: version.to_owned(),
        })
    }

    /// A task that was never begun has failed, or one is about to be started again.
    pub(crate) fn set_task(&self, id: &TaskId, state: State, trace: Option<String>) {
        let held = self.own(self.status(state, trace, None));
        let mut inner = self.lock();
        self.tell(|| StatusKey::Task(id.connector.to_string(), id.task), &held);
        let known = inner
            .connectors
            .entry(Arc::clone(&id.connector))
            .or_default();
        let run = known.tasks.get(&id.task).map_or(0, |task| task.run);
        known.tasks.insert(id.task, KnownTask { held, run });
    }

    /// Forgets one task.
    pub(crate) fn forget_task(&self, name: &str, task: u32) {
        if let Some(known) = self.lock().connectors.get_mut(name) {
            known.tasks.remove(&task);
            self.retract(StatusKey::Task(name.to_owned(), task));
        }
    }

    /// Forgets a connector's tasks.
    pub(crate) fn forget_tasks(&self, name: &str) {
        if let Some(known) = self.lock().connectors.get_mut(name) {
            let tasks = std::mem::take(&mut known.tasks);
            for task in tasks.into_keys() {
                self.retract(StatusKey::Task(name.to_owned(), task));
            }
        }
    }

    /// Forgets all of a connector.
    pub(crate) fn forget(&self, name: &str) {
        let Some(known) = self.lock().connectors.remove(name) else {
            return;
        };
        self.retract(StatusKey::Connector(name.to_owned()));
        for task in known.tasks.into_keys() {
            self.retract(StatusKey::Task(name.to_owned(), task));
        }
        self.retract_topics(name, known.topics);
    }

    fn retract_topics(&self, name: &str, topics: BTreeSet<String>) {
        for topic in topics {
            self.retract(StatusKey::Topic {
                connector: name.to_owned(),
                topic,
            });
        }
    }

    /// The status of a connector and its tasks, if it has one yet.
    pub(crate) fn connector(&self, name: &str, kind: &'static str) -> Option<ConnectorStatus> {
        let inner = self.lock();
        let known = inner.connectors.get(name)?;
        let tasks = known.tasks.iter().map(|(id, task)| TaskStatus {
            id: *id,
            status: task.held.status.clone(),
            flow: None,
            restart: None,
        });
        Some(ConnectorStatus {
            name: name.to_owned(),
            connector: known.connector.as_ref()?.status.clone(),
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
            status: known.held.status.clone(),
            flow: None,
            restart: None,
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
            let topics = std::mem::take(&mut known.topics);
            self.retract_topics(name, topics);
        }
    }
}

impl Predecessors for Statuses {
    fn workers(&self) -> BTreeSet<String> {
        let inner = self.lock();
        let known = inner.connectors.values().flat_map(|known| {
            let tasks = known.tasks.values().map(|task| &task.held);
            known.connector.iter().chain(tasks)
        });
        known.map(|held| held.status.worker_id.clone()).collect()
    }
}

/// A state as it is written down.
fn record(held: &Held) -> StatusRecord {
    let Held {
        status, generation, ..
    } = held;
    StatusRecord {
        state: status.state,
        trace: status.trace.clone(),
        worker_id: status.worker_id.clone(),
        generation: *generation,
        version: status.version.clone(),
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
        let statuses = &self.statuses;
        let held = statuses.own(statuses.status(state, trace, Some(&self.version)));
        let mut inner = self.statuses.lock();
        let task = inner
            .connectors
            .get_mut(&id.connector)
            .and_then(|known| known.tasks.get_mut(&id.task));
        if let Some(task) = task.filter(|task| task.run == self.run) {
            statuses.tell(|| StatusKey::Task(id.connector.to_string(), id.task), &held);
            task.held = held;
        }
    }

    fn topic(&self, id: &TaskId, topic: &str) {
        let mut inner = self.statuses.lock();
        let Some(known) = inner.connectors.get_mut(&id.connector) else {
            return;
        };
        if !known.topics.contains(topic) {
            known.topics.insert(topic.to_owned());
            if let Some(shared) = &self.statuses.shared {
                let key = StatusKey::Topic {
                    connector: id.connector.to_string(),
                    topic: topic.to_owned(),
                };
                let value = topic_value(&id.connector, topic, id.task, shared.clock.now_ms());
                shared.journal.write(key, Some(value));
            }
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
