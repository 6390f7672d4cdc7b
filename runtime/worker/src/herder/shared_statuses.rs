//! What other workers of the group say of connectors and tasks, and what has to be said for those that are gone.

use std::sync::Arc;

use super::statuses::{Held, KnownTask, Statuses};
use super::views::Status;
use crate::group::work::{Item, Work};
use crate::store::topic::status_record::{StatusKey, StatusRecord};
use crate::task::State;

impl Statuses {
    /// A record of a connector or a task was read; none is a tombstone.
    pub(crate) fn hear(&self, key: &StatusKey, record: Option<StatusRecord>) {
        let heard = record.map(held);
        let mut inner = self.lock();
        match (key, heard) {
            (StatusKey::Connector(name), None) => {
                let Some(known) = inner.connectors.get_mut(&**name) else {
                    return;
                };
                // Tasks have tombstones of their own. These may lie in other partitions, and what is known of the tasks
                // may be of a later connector of the name.
                if !self.keeps(key, known.connector.as_ref()) {
                    known.connector = None;
                }
                if known.connector.is_none() && known.tasks.is_empty() && known.topics.is_empty() {
                    inner.connectors.remove(&**name);
                }
            }
            (StatusKey::Connector(name), Some(heard)) => {
                let known = inner.connectors.entry((&**name).into()).or_default();
                if self.believes(known.connector.as_ref(), &heard) {
                    known.connector = Some(heard);
                } else {
                    self.insist(key, known.connector.as_mut(), &heard);
                }
            }
            (StatusKey::Task(name, task), None) => {
                if let Some(known) = inner.connectors.get_mut(&**name)
                    && !self.keeps(key, known.tasks.get(task).map(|task| &task.held))
                {
                    known.tasks.remove(task);
                }
            }
            (StatusKey::Task(name, task), Some(heard)) => {
                let known = inner.connectors.entry((&**name).into()).or_default();
                let before = known.tasks.get(task).map(|task| &task.held);
                if self.believes(before, &heard) {
                    // A run that has begun here, and has not said so yet, is heard all the same.
                    let run = known.tasks.get(task).map_or(0, |task| task.run);
                    known.tasks.insert(*task, KnownTask { held: heard, run });
                } else {
                    let own = known.tasks.get_mut(task).map(|task| &mut task.held);
                    self.insist(key, own, &heard);
                }
            }
            (StatusKey::Topic { .. }, _) => {}
        }
    }

    /// Whether something runs here that another has taken back: the one who ran the connector of that name before, late.
    /// Then it is said once more.
    fn keeps(&self, key: &StatusKey, known: Option<&Held>) -> bool {
        let Some(known) = known.filter(|known| known.is_own) else {
            return false;
        };
        if known.status.state != State::Unassigned {
            self.tell(|| key.clone(), known);
        }
        true
    }

    /// Whether what was heard counts more than what is known.
    fn believes(&self, known: Option<&Held>, heard: &Held) -> bool {
        let Some(known) = known else { return true };
        let is_mine = heard.status.worker_id == self.worker_id();
        if known.is_own {
            // Another has what runs here only where it was given it later.
            let is_given_later = heard.generation > self.generation();
            let runs_here = known.status.state != State::Unassigned;
            return !is_mine && !is_farewell(known, heard) && (is_given_later || !runs_here);
        }
        !is_farewell(known, heard) || known.generation < heard.generation
    }

    /// Somebody has said later than this worker that nobody runs what it runs, or that another does: it took this worker
    /// for dead, spoke of the one that ran it before, or is that one and does not know yet. Says it once more, for the
    /// last word counts.
    fn insist(&self, key: &StatusKey, known: Option<&mut Held>, heard: &Held) {
        let Some(known) = known.filter(|known| known.is_own) else {
            return;
        };
        let is_mine = heard.status.worker_id == self.worker_id();
        let is_of_the_dead = is_mine
            && heard.generation > known.generation
            && heard.status.state != known.status.state;
        let is_outdated = !is_mine
            && known.status.state != State::Unassigned
            && heard.generation < self.generation();
        if is_of_the_dead || is_outdated || is_farewell(known, heard) {
            known.generation = self.generation();
            self.tell(|| key.clone(), known);
        }
    }

    /// A record about a topic of a connector was read.
    pub(crate) fn hear_topic(&self, connector: &str, topic: &str, is_used: bool) {
        let mut inner = self.lock();
        if is_used {
            let known = inner.connectors.entry(connector.into()).or_default();
            known.topics.insert(topic.to_owned());
        } else if let Some(known) = inner.connectors.get_mut(connector) {
            known.topics.remove(topic);
        }
    }

    /// Says of what ran on dead workers that nobody runs it; what ran here before this process began counts too.
    /// What is `assigned` is left to those who have it now.
    pub(crate) fn unassign_the_dead(&self, is_dead: impl Fn(&str) -> bool, assigned: &Work) {
        let generation = self.generation();
        let runs_nowhere = |held: &Held, item: Item| {
            let seemed_alive = matches!(
                held.status.state,
                State::Running | State::Paused | State::Restarting
            );
            let is_dead = is_dead(&held.status.worker_id);
            seemed_alive && !held.is_own && is_dead && !assigned.contains(&item)
        };
        let mut inner = self.lock();
        for (name, known) in &mut inner.connectors {
            if let Some(held) = &mut known.connector
                && runs_nowhere(held, Item::Connector(Arc::clone(name)))
            {
                bury(held, generation);
                self.tell(|| StatusKey::Connector(name.to_string()), held);
            }
            for (task, known) in &mut known.tasks {
                if runs_nowhere(&known.held, Item::Task(Arc::clone(name), *task)) {
                    bury(&mut known.held, generation);
                    self.tell(|| StatusKey::Task(name.to_string(), *task), &known.held);
                }
            }
        }
    }

    /// Takes back what is said of connectors and tasks that are not configured: `tasks` says how many a connector
    /// has, none if there is no such connector.
    pub(crate) fn keep_only(&self, tasks: impl Fn(&str) -> Option<usize>) {
        let names: Vec<_> = self.lock().connectors.keys().cloned().collect();
        for name in names {
            let Some(count) = tasks(&name) else {
                self.forget(&name);
                continue;
            };
            let mut inner = self.lock();
            let Some(known) = inner.connectors.get_mut(&name) else {
                continue;
            };
            let gone: Vec<u32> = known
                .tasks
                .range(count as u32..)
                .map(|(task, _)| *task)
                .collect();
            for task in gone {
                known.tasks.remove(&task);
                self.retract(StatusKey::Task(name.to_string(), task));
            }
        }
    }
}

/// Whether another worker than the one that runs it says that nobody does.
fn is_farewell(known: &Held, heard: &Held) -> bool {
    heard.status.state == State::Unassigned
        && known.status.state != State::Unassigned
        && known.status.worker_id != heard.status.worker_id
}

fn bury(held: &mut Held, generation: i32) {
    held.status.state = State::Unassigned;
    held.status.version = None;
    held.status.trace = None;
    held.generation = generation;
}

fn held(record: StatusRecord) -> Held {
    Held {
        status: Status {
            state: record.state,
            worker_id: record.worker_id,
            version: record.version,
            trace: record.trace.filter(|trace| !trace.is_empty()),
        },
        generation: record.generation,
        is_own: false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use millrace_api::TaskId;
    use millrace_wire::clock::ManualClock;
    use serde_json::Value;

    use crate::group::work::Work;
    use crate::herder::statuses::{StatusJournal, Statuses};
    use crate::store::topic::status_record::{StatusKey, StatusRecord};
    use crate::task::State;

    #[derive(Debug, Default)]
    struct Journal(Mutex<Vec<(String, Option<String>)>>);

    impl StatusJournal for Journal {
        fn write(&self, key: StatusKey, value: Option<Value>) {
            let state = value.map(|value| value["state"].as_str().unwrap_or("-").to_owned());
            self.0.lock().unwrap().push((key.to_string(), state));
        }
    }

    fn statuses() -> (Arc<Statuses>, Arc<Journal>) {
        let journal = Arc::new(Journal::default());
        let clock = Arc::new(ManualClock::new(0));
        let statuses = Statuses::shared("me:1".to_owned(), journal.clone(), clock);
        statuses.set_generation(5);
        (statuses, journal)
    }

    fn record(state: State, worker: &str, generation: i32) -> Option<StatusRecord> {
        Some(StatusRecord {
            state,
            trace: None,
            worker_id: worker.to_owned(),
            generation,
            version: None,
        })
    }

    fn task() -> StatusKey {
        StatusKey::Task("c".to_owned(), 0)
    }

    #[test]
    fn a_late_farewell_of_another_worker_does_not_count() {
        let (statuses, _) = statuses();
        let state = || {
            statuses
                .task("c", 0)
                .map(|task| (task.status.state, task.status.worker_id))
        };
        for (heard, expected) in [
            (record(State::Running, "a:1", 10), (State::Running, "a:1")),
            (record(State::Unassigned, "b:1", 9), (State::Running, "a:1")),
            (record(State::Running, "c:1", 1), (State::Running, "c:1")),
            (
                record(State::Unassigned, "c:1", 1),
                (State::Unassigned, "c:1"),
            ),
        ] {
            statuses.hear(&task(), heard);
            assert_eq!(state(), Some((expected.0, expected.1.to_owned())));
        }
        statuses.hear(&task(), None);
        assert_eq!(state(), None);
    }

    #[test]
    fn what_runs_here_is_not_changed_by_records_of_its_own() {
        let (statuses, journal) = statuses();
        let id = TaskId {
            connector: "c".into(),
            task: 0,
        };
        let run = statuses.begin_run(&id, "1");
        run.task(&id, State::Running, None);
        statuses.hear(&task(), record(State::Unassigned, "me:1", 5));
        assert_eq!(statuses.task("c", 0).unwrap().status.state, State::Running);
        journal.0.lock().unwrap().clear();
        statuses.hear(&task(), record(State::Unassigned, "me:1", 6));
        let told = journal.0.lock().unwrap().clone();
        assert_eq!(
            told,
            [("status-task-c-0".to_owned(), Some("RUNNING".to_owned()))]
        );
    }

    #[test]
    fn what_runs_here_is_said_again_after_the_farewell_of_the_worker_that_ran_it_before() {
        let (statuses, journal) = statuses();
        let id = TaskId {
            connector: "c".into(),
            task: 0,
        };
        let run = statuses.begin_run(&id, "1");
        run.task(&id, State::Running, None);
        let connector = StatusKey::Connector("d".to_owned());
        statuses.hear(&connector, record(State::Running, "a:1", 6));
        journal.0.lock().unwrap().clear();
        for (key, farewell) in [(task(), 9), (connector, 6)] {
            statuses.hear(&key, record(State::Unassigned, "b:1", farewell));
        }
        assert_eq!(statuses.task("c", 0).unwrap().status.state, State::Running);
        assert_eq!(statuses.connector_state("d"), Some(State::Running));
        let told = journal.0.lock().unwrap().clone();
        assert_eq!(
            told,
            [("status-task-c-0".to_owned(), Some("RUNNING".to_owned()))]
        );
    }

    #[test]
    fn a_worker_that_wakes_up_late_does_not_take_back_what_runs_here_by_now() {
        let (statuses, journal) = statuses();
        let (name, id) = (
            "c".into(),
            TaskId {
                connector: "c".into(),
                task: 0,
            },
        );
        statuses.set_connector(&name, State::Paused, None, Some("1"));
        let run = statuses.begin_run(&id, "1");
        run.task(&id, State::Paused, None);
        for key in [StatusKey::Connector("c".to_owned()), task()] {
            journal.0.lock().unwrap().clear();
            // It hears that it is taken for dead and says that it is not; then it learns the rest and gives up.
            statuses.hear(&key, record(State::Paused, "late:1", 3));
            statuses.hear(&key, record(State::Unassigned, "late:1", 3));
            let told = journal.0.lock().unwrap().clone();
            let said = (key.to_string(), Some("PAUSED".to_owned()));
            assert_eq!(told, [said.clone(), said]);
        }
        assert_eq!(statuses.connector_state("c"), Some(State::Paused));
        assert_eq!(statuses.task("c", 0).unwrap().status.worker_id, "me:1");
        run.task(&id, State::Running, None);
        assert_eq!(statuses.task("c", 0).unwrap().status.state, State::Running);
        statuses.hear(&task(), record(State::Running, "next:1", 6));
        assert_eq!(statuses.task("c", 0).unwrap().status.worker_id, "next:1");
        let run = statuses.begin_run(&id, "1");
        statuses.hear(&task(), record(State::Running, "late:1", 3));
        run.task(&id, State::Running, None);
        assert_eq!(statuses.task("c", 0).unwrap().status.worker_id, "me:1");
    }

    #[test]
    fn a_late_tombstone_takes_nothing_from_a_later_connector_of_the_name() {
        let (statuses, journal) = statuses();
        let id = TaskId {
            connector: "c".into(),
            task: 1,
        };
        let connector = StatusKey::Connector("c".to_owned());
        // The partition of the task is read first, that of the connector begins with the end of the one before.
        statuses.hear(&task(), record(State::Running, "a:1", 6));
        statuses.hear(&connector, None);
        statuses.hear(&connector, record(State::Running, "a:1", 6));
        assert_eq!(statuses.task("c", 0).unwrap().status.state, State::Running);
        statuses.hear(&task(), None);
        assert!(statuses.task("c", 0).is_none());

        let run = statuses.begin_run(&id, "1");
        run.task(&id, State::Running, None);
        journal.0.lock().unwrap().clear();
        statuses.hear(&StatusKey::Task("c".to_owned(), 1), None);
        assert_eq!(statuses.task("c", 1).unwrap().status.state, State::Running);
        let told = journal.0.lock().unwrap().clone();
        assert_eq!(
            told,
            [("status-task-c-1".to_owned(), Some("RUNNING".to_owned()))]
        );
    }

    #[test]
    fn the_dead_run_nothing() {
        let (statuses, journal) = statuses();
        statuses.hear(&task(), record(State::Running, "dead:1", 4));
        statuses.hear(
            &StatusKey::Connector("c".to_owned()),
            record(State::Running, "alive:1", 4),
        );
        statuses.unassign_the_dead(|worker| worker != "alive:1", &Work::new());
        assert_eq!(
            statuses.task("c", 0).unwrap().status.state,
            State::Unassigned
        );
        assert_eq!(statuses.connector_state("c"), Some(State::Running));
        let told = journal.0.lock().unwrap().clone();
        assert_eq!(
            told,
            [("status-task-c-0".to_owned(), Some("UNASSIGNED".to_owned()))]
        );
    }

    #[test]
    fn what_is_not_configured_any_more_is_taken_back() {
        let (statuses, journal) = statuses();
        for (key, worker) in [
            (StatusKey::Connector("c".to_owned()), "a:1"),
            (StatusKey::Task("c".to_owned(), 0), "a:1"),
            (StatusKey::Task("c".to_owned(), 1), "a:1"),
            (StatusKey::Connector("gone".to_owned()), "a:1"),
        ] {
            statuses.hear(&key, record(State::Running, worker, 1));
        }
        statuses.keep_only(|name| (name == "c").then_some(1));
        let told: Vec<_> = journal.0.lock().unwrap().clone();
        assert_eq!(
            told,
            [
                ("status-task-c-1".to_owned(), None),
                ("status-connector-gone".to_owned(), None)
            ]
        );
    }
}
