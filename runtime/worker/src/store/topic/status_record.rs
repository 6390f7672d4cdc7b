//! The records of the status topic (contract connect-internals, section 1.5).

use serde_json::{Value, json};

use crate::task::State;

const CONNECTOR: &str = "status-connector-";
const TASK: &str = "status-task-";
const TOPIC: &str = "status-topic-";
const TOPIC_OF: &str = ":connector-";

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StatusKey {
    Connector(String),
    Task(String, u32),
    /// A topic that a connector uses.
    Topic {
        connector: String,
        topic: String,
    },
}

impl StatusKey {
    /// The key's text; none for one of another kind or of a wrong form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix(CONNECTOR) {
            return Some(Self::Connector(name.to_owned()));
        }
        if let Some(rest) = text.strip_prefix(TASK) {
            let (name, task) = rest.rsplit_once('-')?;
            return Some(Self::Task(name.to_owned(), task.parse().ok()?));
        }
        let rest = text.strip_prefix(TOPIC)?;
        let at = rest.find(':')?;
        let connector = rest[at..].strip_prefix(TOPIC_OF)?;
        if at == 0 || connector.is_empty() {
            return None;
        }
        Some(Self::Topic {
            connector: connector.to_owned(),
            topic: rest[..at].to_owned(),
        })
    }
}

impl std::fmt::Display for StatusKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connector(name) => write!(f, "{CONNECTOR}{name}"),
            Self::Task(name, task) => write!(f, "{TASK}{name}-{task}"),
            Self::Topic { connector, topic } => write!(f, "{TOPIC}{topic}{TOPIC_OF}{connector}"),
        }
    }
}

/// The state of a connector or a task, as workers tell each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusRecord {
    pub(crate) state: State,
    pub(crate) trace: Option<String>,
    pub(crate) worker_id: String,
    /// The generation of the group in which it was told.
    pub(crate) generation: i32,
    pub(crate) version: Option<String>,
}

impl StatusRecord {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "state": self.state.to_string(),
            "trace": self.trace,
            "worker_id": self.worker_id,
            "generation": self.generation,
            "version": self.version,
        })
    }

    /// The record of a value; none where it is no such thing.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |field| value.get(field).and_then(Value::as_str);
        let generation = value.get("generation")?.as_i64()?;
        Some(Self {
            state: state_named(text("state")?)?,
            trace: text("trace").map(str::to_owned),
            worker_id: text("worker_id")?.to_owned(),
            generation: i32::try_from(generation).ok()?,
            version: text("version").map(str::to_owned),
        })
    }
}

fn state_named(name: &str) -> Option<State> {
    [
        State::Unassigned,
        State::Running,
        State::Paused,
        State::Stopped,
        State::Failed,
        State::Restarting,
    ]
    .into_iter()
    .find(|state| state.to_string() == name)
}

/// The value that says that a connector's task has used a topic.
pub(crate) fn topic_value(connector: &str, topic: &str, task: u32, now_ms: i64) -> Value {
    json!({"topic": {
        "name": topic,
        "connector": connector,
        "task": task,
        "discoverTimestamp": now_ms,
    }})
}

#[cfg(test)]
mod tests {
    use super::{StatusKey, StatusRecord};
    use crate::task::State;

    #[test]
    fn keys_are_those_of_kafka_connect() {
        for text in [
            "status-connector-a-b",
            "status-task-a-b-12",
            "status-topic-t:connector-a:b",
        ] {
            assert_eq!(StatusKey::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "status-task-foo-#",
            "status-topic-foo:",
            "status-topic-:connector-",
            "status-task-foo",
            "other",
        ] {
            assert_eq!(StatusKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_those_of_kafka_connect() {
        let text = r#"{"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:8083","generation":3,"version":"4.1.0"}"#;
        let record = StatusRecord::parse(text.as_bytes()).unwrap();
        assert_eq!(record.to_json().to_string(), text);
        let old = br#"{"state":"FAILED","trace":"t","worker_id":"w:1","generation":0}"#;
        assert_eq!(StatusRecord::parse(old).unwrap().state, State::Failed);
        for wrong in [
            "invalid",
            "{}",
            r#"{"state":"X","worker_id":"w","generation":1}"#,
        ] {
            assert_eq!(StatusRecord::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
