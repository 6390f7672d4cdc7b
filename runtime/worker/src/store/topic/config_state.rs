//! What the records of the config topic add up to, without any I/O (contract connect-internals, section 1.3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use millrace_api::Properties;
use millrace_config::NullableProperties;
use serde_json::{Map, Value, json};

use super::session_key::{SessionKey, from_base64, to_base64};
use crate::group::work::{Item, Work};
use crate::herder::RestartRequest;
use crate::task::TargetState;

/// Something that a record has changed. Equal changes that nobody has looked at yet are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// A connector that was not known.
    New(Arc<str>),
    /// The configuration of one that was, equal or not.
    Config(Arc<str>),
    /// A connector is gone.
    Deleted(Arc<str>),
    /// The tasks of a connector.
    Tasks(Arc<str>),
    /// What is wanted of a connector.
    Target(Arc<str>),
    /// A restart: with its tasks, only of what has failed.
    Restart(Arc<str>, bool, bool),
    /// The level of a logger on all workers, as text, and for how long; none for good.
    Logger(String, String, Option<Duration>),
    /// The key that signatures are made with.
    SessionKey,
}

/// A connector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its configuration.
    pub(crate) config: NullableProperties,
    /// Which record its configuration came by: each has another number.
    pub(crate) version: u64,
    /// The configurations of its tasks; empty while they are inconsistent.
    pub(crate) tasks: Vec<Properties>,
    /// The connector's configuration when its tasks were last written.
    pub(crate) applied: NullableProperties,
    /// Whether a record of tasks was missing when they were last written.
    pub(crate) inconsistent: bool,
}

/// The sum of the records so far.
#[derive(Debug, Clone)]
pub(crate) struct ConfigState {
    offset: i64,
    connectors: BTreeMap<Arc<str>, Known>,
    targets: BTreeMap<Arc<str>, TargetState>,
    /// Tasks that no commit has covered yet.
    deferred: BTreeMap<Arc<str>, BTreeMap<u32, Properties>>,
    /// How many tasks each connector had when its last round of fencing was done.
    fenced: BTreeMap<Arc<str>, usize>,
    /// Connectors whose tasks were written anew since.
    unfenced: BTreeSet<Arc<str>>,
    session_key: Option<SessionKey>,
}

const TARGET: &str = "target-state-";
const CONNECTOR: &str = "connector-";
const TASK: &str = "task-";
const COMMIT: &str = "commit-";
const RESTART: &str = "restart-connector-";
const FENCING: &str = "tasks-fencing-";
const SESSION_KEY: &str = "session-key";
const LOGGER: &str = "logger-cluster-";
/// The member of a level that says after how many milliseconds it ends. It is our own.
const EXPIRES: &str = "millrace.expires.ms";

/// What a round of fencing has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fencing {
    /// Nothing.
    Done,
    /// To note how many tasks there are.
    Note(usize),
    /// To fence the producers of so many tasks first.
    Fence(usize),
}

impl Default for ConfigState {
    fn default() -> Self {
        Self {
            offset: -1,
            connectors: BTreeMap::new(),
            targets: BTreeMap::new(),
            deferred: BTreeMap::new(),
            fenced: BTreeMap::new(),
            unfenced: BTreeSet::new(),
            session_key: None,
        }
    }
}

impl ConfigState {
    /// The offset behind the last record that was understood, -1 before the first: workers compare it.
    pub(crate) fn offset(&self) -> i64 {
        self.offset
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.connectors.keys().cloned().collect()
    }

    pub(crate) fn connector(&self, name: &str) -> Option<&Known> {
        self.connectors.get(name)
    }

    /// What is wanted of a connector.
    pub(crate) fn target(&self, name: &str) -> TargetState {
        self.targets.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn session_key(&self) -> Option<&SessionKey> {
        self.session_key.as_ref()
    }

    /// What a round of fencing has to do before the tasks of a connector as they are now may start.
    pub(crate) fn fencing(&self, name: &str) -> Fencing {
        let tasks = self.connector(name).map_or(0, |known| known.tasks.len());
        match self.fenced.get(name) {
            _ if !self.unfenced.contains(name) => Fencing::Done,
            // One task takes over from one by itself.
            None => Fencing::Note(tasks),
            Some(1) if tasks == 1 => Fencing::Note(tasks),
            Some(before) => Fencing::Fence(*before),
        }
    }

    /// All connectors and tasks.
    pub(crate) fn work(&self) -> Work {
        let mut work = Work::new();
        for (name, known) in &self.connectors {
            work.insert(Item::Connector(Arc::clone(name)));
            let tasks =
                (0..known.tasks.len()).map(|task| Item::Task(Arc::clone(name), task as u32));
            work.extend(tasks);
        }
        work
    }

    /// Takes a record in. What it changes is told; before the log was read to its end, restarts and levels are not.
    pub(crate) fn apply(
        &mut self,
        offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        caught_up: bool,
    ) -> Option<Change> {
        let value = match value {
            None => Value::Null,
            Some(bytes) => match serde_json::from_slice(bytes) {
                Ok(value) => value,
                Err(error) => {
                    log::error!(
                        "the config topic has a record at {offset} that is no JSON: {error}"
                    );
                    return None;
                }
            },
        };
        self.offset = offset + 1;
        let key = std::str::from_utf8(key?).ok()?;
        if let Some(name) = key.strip_prefix(TARGET) {
            return self.target_record(name, &value);
        }
        if let Some(name) = key.strip_prefix(CONNECTOR) {
            return self.connector_record(name, &value);
        }
        if key.starts_with(TASK) {
            self.task_record(key, &value);
            return None;
        }
        if let Some(name) = key.strip_prefix(COMMIT) {
            return self.commit_record(name, &value);
        }
        if let Some(name) = key.strip_prefix(RESTART) {
            let flag = |field| value.get(field).and_then(Value::as_bool).unwrap_or(false);
            let change = Change::Restart(name.into(), flag("include-tasks"), flag("only-failed"));
            return (caught_up && value.is_object()).then_some(change);
        }
        if let Some(name) = key.strip_prefix(FENCING) {
            let count = value.get("task-count").and_then(Value::as_u64)?;
            let count = usize::try_from(count).ok()?;
            self.fenced.insert(name.into(), count);
            self.unfenced.remove(name);
            return None;
        }
        if key == SESSION_KEY {
            return self.session_key_record(&value);
        }
        if let Some(logger) = key.strip_prefix(LOGGER) {
            let level = value.get("level").and_then(Value::as_str)?;
            let lasting = value.get(EXPIRES).and_then(Value::as_u64);
            let lasting = lasting.map(Duration::from_millis);
            let change = Change::Logger(logger.to_owned(), level.to_owned(), lasting);
            return caught_up.then_some(change);
        }
        log::debug!("the config topic has a record of unknown kind: {key}");
        None
    }

    fn target_record(&mut self, name: &str, value: &Value) -> Option<Change> {
        let before = self.target(name);
        if value.is_null() {
            self.targets.remove(name);
        } else {
            let text = ["state.v2", "state"]
                .iter()
                .find_map(|field| value.get(field).and_then(Value::as_str));
            self.targets.insert(name.into(), target_named(text?)?);
        }
        let (name, _) = self.connectors.get_key_value(name)?;
        (self.target(name) != before).then(|| Change::Target(Arc::clone(name)))
    }

    fn connector_record(&mut self, name: &str, value: &Value) -> Option<Change> {
        if value.is_null() {
            self.deferred.remove(name);
            self.unfenced.remove(name);
            let (name, _) = self.connectors.remove_entry(name)?;
            return Some(Change::Deleted(name));
        }
        let config = nullable(value.get("properties")?.as_object()?);
        let name: Arc<str> = name.into();
        let version = self.offset.unsigned_abs();
        let is_new = !self.connectors.contains_key(&name);
        let known = self.connectors.entry(Arc::clone(&name)).or_default();
        known.config = config;
        known.version = version;
        Some(if is_new {
            Change::New(name)
        } else {
            Change::Config(name)
        })
    }

    fn task_record(&mut self, key: &str, value: &Value) {
        let parts: Vec<&str> = key.split('-').collect();
        let (Some(task), true) = (
            parts.last().and_then(|last| last.parse::<u32>().ok()),
            parts.len() > 2,
        ) else {
            return;
        };
        let name = parts[1..parts.len() - 1].join("-");
        let Some(properties) = value.get("properties").and_then(Value::as_object) else {
            return;
        };
        let given = nullable(properties).into_iter();
        let config = given
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        self.deferred
            .entry(name.into())
            .or_default()
            .insert(task, config);
    }

    fn commit_record(&mut self, name: &str, value: &Value) -> Option<Change> {
        let count = value.get("tasks").and_then(Value::as_u64)?;
        let mut deferred = self.deferred.remove(name).unwrap_or_default();
        let (name, _) = self.connectors.get_key_value(name)?;
        let name = Arc::clone(name);
        let known = self.connectors.get_mut(&name)?;
        let configs: Option<Vec<Properties>> = (0..count)
            .map(|task| deferred.remove(&u32::try_from(task).ok()?))
            .collect();
        match configs {
            Some(configs) => {
                known.tasks = configs;
                known.applied.clone_from(&known.config);
                known.inconsistent = false;
                self.unfenced.insert(Arc::clone(&name));
            }
            None => {
                log::warn!(
                    "connector {name}: records of its tasks are missing in the config topic, so it has none until \
                     they are written again"
                );
                known.tasks.clear();
                known.inconsistent = true;
            }
        }
        Some(Change::Tasks(name))
    }

    fn session_key_record(&mut self, value: &Value) -> Option<Change> {
        let text = |field| value.get(field).and_then(Value::as_str);
        self.session_key = Some(SessionKey {
            bytes: from_base64(text("key")?)?,
            algorithm: text("algorithm")?.to_owned(),
            created_ms: value.get("creation-timestamp")?.as_i64()?,
        });
        Some(Change::SessionKey)
    }
}

fn nullable(map: &Map<String, Value>) -> NullableProperties {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    map.iter()
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}

fn target_named(name: &str) -> Option<TargetState> {
    match name {
        "STARTED" => Some(TargetState::Started),
        "PAUSED" => Some(TargetState::Paused),
        "STOPPED" => Some(TargetState::Stopped),
        _ => None,
    }
}

/// A record to write: its key and value, none for a tombstone.
pub(crate) type Written = (String, Option<Value>);

pub(crate) fn connector_written(name: &str, config: Option<&NullableProperties>) -> Written {
    let value = config.map(|config| json!({ "properties": config }));
    (format!("{CONNECTOR}{name}"), value)
}

pub(crate) fn task_written(name: &str, task: usize, config: &Properties) -> Written {
    let value = json!({ "properties": config });
    (format!("{TASK}{name}-{task}"), Some(value))
}

pub(crate) fn commit_written(name: &str, count: usize) -> Written {
    (format!("{COMMIT}{name}"), Some(json!({ "tasks": count })))
}

pub(crate) fn target_written(name: &str, target: Option<TargetState>) -> Written {
    let value = target.map(|target| match target {
        TargetState::Started => json!({"state": "STARTED", "state.v2": "STARTED"}),
        TargetState::Paused => json!({"state": "PAUSED", "state.v2": "PAUSED"}),
        TargetState::Stopped => json!({"state": "PAUSED", "state.v2": "STOPPED"}),
    });
    (format!("{TARGET}{name}"), value)
}

pub(crate) fn fencing_written(name: &str, tasks: usize) -> Written {
    (
        format!("{FENCING}{name}"),
        Some(json!({ "task-count": tasks })),
    )
}

pub(crate) fn session_key_written(key: &SessionKey) -> Written {
    let value = json!({
        "key": to_base64(&key.bytes),
        "algorithm": key.algorithm,
        "creation-timestamp": key.created_ms,
    });
    (SESSION_KEY.to_owned(), Some(value))
}

pub(crate) fn restart_written(name: &str, request: RestartRequest) -> Written {
    let value = json!({
        "include-tasks": request.include_tasks,
        "only-failed": request.only_failed,
    });
    (format!("{RESTART}{name}"), Some(value))
}

/// Workers of Kafka Connect set such a level for good.
pub(crate) fn logger_written(logger: &str, level: &str, lasting: Option<Duration>) -> Written {
    let mut value = json!({ "level": level });
    if let Some(lasting) = lasting {
        value[EXPIRES] = u64::try_from(lasting.as_millis())
            .unwrap_or(u64::MAX)
            .into();
    }
    (format!("{LOGGER}{logger}"), Some(value))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Change, ConfigState, Fencing, fencing_written, logger_written};
    use crate::task::TargetState;

    /// The state after these records, from offset 0, and what was told.
    fn read(records: &[(&str, &str)]) -> (ConfigState, Vec<Change>) {
        let mut state = ConfigState::default();
        let mut changes = Vec::new();
        for (offset, (key, value)) in records.iter().enumerate() {
            let value = (*value != "null").then_some(value.as_bytes());
            changes.extend(state.apply(offset as i64, Some(key.as_bytes()), value, false));
        }
        (state, changes)
    }

    const CONFIG: &str = r#"{"properties":{"k":"v"}}"#;

    #[test]
    fn what_was_seen_of_kafka_connect_holds() {
        let (state, _) = read(&[
            ("connector-x", CONFIG),
            ("unknown", "{}"),
            ("target-state-x", r#"{"state":"PAUSED"}"#),
            ("task-x-1", CONFIG),
            ("commit-x", r#"{"tasks":2}"#),
            ("restart-connector-x", r#"{"include-tasks":true}"#),
            ("connector-y", "no JSON"),
        ]);
        assert_eq!(state.offset(), 6);
        assert_eq!(state.target("x"), TargetState::Paused);
        assert!(state.connector("x").unwrap().inconsistent && state.connector("y").is_none());
        assert_eq!(state.work().len(), 1);
    }

    #[test]
    fn target_states_are_read_in_both_forms() {
        for (value, expected) in [
            (r#"{"state":"PAUSED"}"#, TargetState::Paused),
            (
                r#"{"state":"PAUSED","state.v2":"STOPPED"}"#,
                TargetState::Stopped,
            ),
            (r#"{"state":"BOGUS"}"#, TargetState::Started),
        ] {
            let (state, changes) = read(&[("target-state-x", value), ("connector-x", CONFIG)]);
            assert_eq!(state.target("x"), expected);
            assert_eq!(changes, [Change::New("x".into())]);
        }
        let (state, _) = read(&[
            ("connector-x", CONFIG),
            ("task-x-0", CONFIG),
            ("task-x-1", CONFIG),
            ("target-state-x", "null"),
            ("commit-x", r#"{"tasks":2}"#),
        ]);
        assert_eq!(
            (state.target("x"), state.offset()),
            (TargetState::Started, 5)
        );
        assert_eq!(state.work().len(), 3);
    }

    #[test]
    fn tasks_whose_records_are_gone_are_none_until_they_are_written_again() {
        let records = [
            ("connector-a-b", CONFIG),
            ("task-a-b-1", CONFIG),
            ("commit-a-b", r#"{"tasks":2}"#),
            ("task-a-b-0", CONFIG),
        ];
        let (mut state, _) = read(&records);
        assert!(state.connector("a-b").unwrap().inconsistent);
        assert_eq!((state.offset(), state.work().len()), (4, 1));
        for (offset, (key, value)) in [("task-a-b-0", CONFIG), ("commit-a-b", r#"{"tasks":1}"#)]
            .iter()
            .enumerate()
        {
            state.apply(
                4 + offset as i64,
                Some(key.as_bytes()),
                Some(value.as_bytes()),
                true,
            );
        }
        assert!(!state.connector("a-b").unwrap().inconsistent);
        assert_eq!(state.work().len(), 2);
    }

    #[test]
    fn a_deleted_connector_leaves_nothing_that_a_later_one_of_the_name_takes_over() {
        let (state, changes) = read(&[
            ("connector-x", CONFIG),
            ("task-x-0", CONFIG),
            ("connector-x", "null"),
            ("target-state-x", "null"),
            ("commit-x", r#"{"tasks":1}"#),
            ("connector-x", CONFIG),
        ]);
        assert_eq!(state.connector("x").unwrap().tasks.len(), 0);
        let x = || "x".into();
        assert_eq!(
            changes,
            [Change::New(x()), Change::Deleted(x()), Change::New(x())]
        );
    }

    #[test]
    fn a_round_of_fencing_is_due_when_tasks_were_written_after_the_last_one() {
        let connector = ("connector-c", "{\"properties\":{\"name\":\"c\"}}");
        let task = |number| match number {
            0 => ("task-c-0", "{\"properties\":{}}"),
            _ => ("task-c-1", "{\"properties\":{}}"),
        };
        let (one, two) = (("commit-c", "{\"tasks\":1}"), ("commit-c", "{\"tasks\":2}"));
        let done = ("tasks-fencing-c", "{\"task-count\":1}");
        for (records, expected) in [
            (vec![connector], Fencing::Done),
            (vec![connector, task(0), one], Fencing::Note(1)),
            (vec![connector, task(0), one, done], Fencing::Done),
            (
                vec![connector, task(0), one, done, task(0), one],
                Fencing::Note(1),
            ),
            (
                vec![connector, task(0), one, done, task(0), task(1), two],
                Fencing::Fence(1),
            ),
        ] {
            assert_eq!(read(&records).0.fencing("c"), expected, "{records:?}");
        }
        let (key, value) = fencing_written("c", 1);
        assert_eq!((&*key, &*value.unwrap().to_string()), done);
    }

    #[test]
    fn restarts_and_levels_are_told_only_when_they_are_new() {
        let mut state = ConfigState::default();
        let restart = (
            Some(&b"restart-connector-x"[..]),
            Some(&b"{\"only-failed\":1}"[..]),
        );
        let level = (
            Some(&b"logger-cluster-a.B"[..]),
            Some(&b"{\"level\":\"debug\"}"[..]),
        );
        assert_eq!(state.apply(0, restart.0, restart.1, false), None);
        assert_eq!(state.apply(1, level.0, level.1, false), None);
        assert_eq!(
            state.apply(2, restart.0, restart.1, true),
            Some(Change::Restart("x".into(), false, false))
        );
        assert_eq!(
            state.apply(3, level.0, level.1, true),
            Some(Change::Logger("a.B".to_owned(), "debug".to_owned(), None))
        );
        let minute = Some(Duration::from_secs(60));
        let (key, value) = logger_written("a.B", "debug", minute);
        let value = value.map(|value| value.to_string().into_bytes());
        assert_eq!(
            state.apply(4, Some(key.as_bytes()), value.as_deref(), true),
            Some(Change::Logger("a.B".to_owned(), "debug".to_owned(), minute))
        );
    }
}
