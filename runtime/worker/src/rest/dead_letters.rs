//! `/dead-letters`: the queues of the worker's connectors, their letters, and replays. Millrace's own; see
//! docs/errors.md.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use super::answer::Answer;
use super::dispatch::Call;
use super::endpoints::{Parameter, ParameterKind};
use super::query::Query;
use super::{Api, REQUEST_DEADLINE, internal};
use crate::dead_letters::{DeadLetterError, DeadLetterQueues, Edit, Filter, Replay};
use crate::task::Clients;

/// Letters shown where nobody says how many, and at most.
const SHOWN: usize = 20;
const SHOWN_MAX: usize = 1000;
const QUEUE: &str = "errors.deadletterqueue.topic.name";

const fn of_text(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter {
        name,
        kind: ParameterKind::Text,
        meaning,
    }
}

/// What chooses dead letters.
pub(super) const LETTERS: &[Parameter] = &[
    of_text("connector", "The connector"),
    of_text("stage", "The step that failed"),
    of_text(
        "exception",
        "The class of the error, with or without its package",
    ),
    of_text("message", "A regular expression in the error's text"),
    of_text("topic", "The topic that the record came from"),
    of_text("header", "A header, NAME or NAME=VALUE; may be repeated"),
    of_text("since", "From this time on, in ms since 1970"),
    of_text("until", "Before this time, in ms since 1970"),
    of_text("partition", "A partition of the queue"),
    of_text("fromOffset", "From this offset of the queue on"),
    of_text("toOffset", "Up to this offset of the queue"),
    of_text(
        "limit",
        "The most letters: 20 if nothing is said, at most 1000",
    ),
];

/// Reaches the queues through the clients of a worker. The calls run on the data runtime: with the included broker its
/// code runs in the caller's task.
#[derive(Debug)]
pub(crate) struct DeadLetterService {
    clients: Arc<Clients>,
    data: Handle,
}

impl DeadLetterService {
    pub(crate) fn new(clients: Arc<Clients>, data: Handle) -> Self {
        Self { clients, data }
    }

    async fn call<T, F>(
        &self,
        work: impl FnOnce(DeadLetterQueues) -> F + Send + 'static,
    ) -> Result<T, Answer>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DeadLetterError>> + Send,
    {
        let clients = Arc::clone(&self.clients);
        // A replay runs on although nobody waits for it any more.
        let running = self.data.spawn(async move {
            let queues = clients.dead_letter_queues()?;
            work(queues).await
        });
        match tokio::time::timeout(REQUEST_DEADLINE, running).await {
            Ok(Ok(outcome)) => outcome.map_err(|error| refusal(&error)),
            Ok(Err(error)) => Err(internal(&format!(
                "the request failed inside the worker: {error}"
            ))),
            Err(_) => Err(internal(&format!(
                "the request takes longer than {} s and goes on; ask for fewer letters by \"limit\"",
                REQUEST_DEADLINE.as_secs()
            ))),
        }
    }
}

fn refusal(error: &DeadLetterError) -> Answer {
    let status = match error {
        DeadLetterError::NoQueue(_) => StatusCode::NOT_FOUND,
        DeadLetterError::NoTopic(_)
        | DeadLetterError::NoTarget { .. }
        | DeadLetterError::Edit { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Answer::error(status, &error.to_string())
}

fn bad(why: &str) -> Answer {
    Answer::error(StatusCode::BAD_REQUEST, why)
}

fn service(api: &Api) -> Result<Arc<DeadLetterService>, Answer> {
    let missing = || Answer::framework_error(StatusCode::NOT_FOUND);
    api.dead_letters.clone().ok_or_else(missing)
}

/// The queues that connectors name.
pub(super) async fn list(api: &Api) -> Result<Answer, Answer> {
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in api.herder.connectors() {
        let Ok(info) = api.herder.info(&name) else {
            continue;
        };
        let queue = info.config.get(QUEUE).cloned().flatten();
        if let Some(queue) = queue.filter(|queue| !queue.trim().is_empty()) {
            let queue = queue.trim().to_owned();
            users.entry(queue).or_default().insert(name);
        }
    }
    if users.is_empty() {
        return Ok(Answer::ok(&json!([])));
    }
    let names: Vec<String> = users.keys().cloned().collect();
    let found = service(api)?
        .call(|queues| async move { queues.list(&names).await })
        .await?;
    let shown = found.iter().map(|queue| {
        let mut shown = queue.json();
        shown["connectors"] = json!(users.get(&*queue.queue));
        shown
    });
    Ok(Answer::ok(&shown.collect::<Value>()))
}

/// Letters of a queue.
pub(super) async fn show(api: &Api, queue: String, query: &Query) -> Result<Answer, Answer> {
    let filter = filter(query).map_err(|why| bad(&why))?;
    let limit = query.number("limit").map_err(|why| bad(&why))?;
    let limit = limit.map_or(SHOWN, |limit: usize| limit.min(SHOWN_MAX));
    let found = service(api)?
        .call(move |queues| async move { queues.show(&queue, &filter, limit).await })
        .await?;
    let shown = found.iter().map(|(letter, fate)| letter.json(*fate));
    Ok(Answer::ok(&shown.collect::<Value>()))
}

/// Replays letters of a queue.
pub(super) async fn replay(api: &Api, queue: String, call: &Call) -> Result<Answer, Answer> {
    let replay = read(&call.body).map_err(|why| bad(&why))?;
    let (name, dry_run) = (queue.clone(), replay.dry_run);
    let outcome = service(api)?
        .call(move |queues| async move { queues.replay(&queue, &replay).await })
        .await?;
    Ok(Answer::ok(&outcome.json(&name, dry_run)))
}

/// Reads the body of a replay, which is an object.
fn read(body: &[u8]) -> Result<Replay, String> {
    let wrong = |error| format!("cannot read the request body: {error}");
    let members: Map<String, Value> = serde_json::from_slice(body).map_err(wrong)?;
    let asked = Asked::deserialize(Value::Object(members)).map_err(wrong)?;
    asked.replay()
}

fn filter(query: &Query) -> Result<Filter, String> {
    let text = |name: &str| query.first(name).map(str::to_owned);
    let header = |text: &str| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    };
    Ok(Filter {
        connector: text("connector"),
        stage: text("stage"),
        exception: text("exception"),
        message: query.first("message").map(pattern).transpose()?,
        topic: text("topic"),
        headers: query.all("header").map(header).collect(),
        since: query.number("since")?,
        until: query.number("until")?,
        partition: query.number("partition")?,
        from_offset: query.number("fromOffset")?,
        to_offset: query.number("toOffset")?,
    })
}

fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("'{text}' is no regular expression: {error}"))
}

/// The body of a replay.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Asked {
    filter: AskedFilter,
    to: Option<String>,
    edits: Vec<Map<String, Value>>,
    limit: Option<usize>,
    dry_run: bool,
    in_doubt: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct AskedFilter {
    connector: Option<String>,
    stage: Option<String>,
    exception: Option<String>,
    message: Option<String>,
    topic: Option<String>,
    headers: BTreeMap<String, Option<String>>,
    since: Option<i64>,
    until: Option<i64>,
    partition: Option<i32>,
    from_offset: Option<i64>,
    to_offset: Option<i64>,
}

impl Asked {
    fn replay(self) -> Result<Replay, String> {
        let asked = self.filter;
        let filter = Filter {
            connector: asked.connector,
            stage: asked.stage,
            exception: asked.exception,
            message: asked.message.as_deref().map(pattern).transpose()?,
            topic: asked.topic,
            headers: asked.headers.into_iter().collect(),
            since: asked.since,
            until: asked.until,
            partition: asked.partition,
            from_offset: asked.from_offset,
            to_offset: asked.to_offset,
        };
        let edits = self.edits.iter().map(edit);
        Ok(Replay {
            filter,
            to: self.to,
            edits: edits.collect::<Result<_, _>>()?,
            limit: self.limit,
            dry_run: self.dry_run,
            take_over: self.in_doubt,
        })
    }
}

/// One change of a value: `set` with `value`, `remove`, `replace` with `with`, or `whole`.
fn edit(asked: &Map<String, Value>) -> Result<Edit, String> {
    let members: Vec<(&str, &Value)> = asked
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let pointer = |text: &str| match text.is_empty() || text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err(format!("'{text}' is no JSON pointer: it begins with /")),
    };
    Ok(match members[..] {
        [("set", Value::String(at)), ("value", value)]
        | [("value", value), ("set", Value::String(at))] => Edit::Set {
            pointer: pointer(at)?,
            value: value.clone(),
        },
        [("remove", Value::String(at))] => Edit::Remove {
            pointer: pointer(at)?,
        },
        [
            ("replace", Value::String(text)),
            ("with", Value::String(with)),
        ]
        | [
            ("with", Value::String(with)),
            ("replace", Value::String(text)),
        ] => Edit::Replace {
            pattern: pattern(text)?,
            with: with.clone(),
        },
        [("whole", Value::String(text))] => Edit::Whole(Some(Bytes::from(text.clone()))),
        [("whole", Value::Null)] => Edit::Whole(None),
        _ => {
            return Err(format!(
                "an edit is {{\"set\": POINTER, \"value\": …}}, {{\"remove\": POINTER}}, {{\"replace\": PATTERN, \"with\": TEXT}} or {{\"whole\": TEXT}}, not {}",
                Value::Object(asked.clone())
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_replays() {
        let body = r#"{"filter": {"stage": "TASK_PUT", "headers": {"a": null, "b": "1"}, "fromOffset": 3},
            "edits": [{"set": "/a", "value": 1}, {"remove": "/b"}, {"replace": "x", "with": "y"}, {"whole": null}],
            "to": "t", "limit": 5, "dryRun": true, "inDoubt": true}"#;
        let replay = read(body.as_bytes()).unwrap();
        assert_eq!(replay.filter.from_offset, Some(3));
        assert_eq!(replay.filter.headers.len(), 2);
        assert_eq!(replay.edits.len(), 4);
        assert!(replay.dry_run && replay.take_over);
        for wrong in [
            "[]",
            r#"{"filters": {}}"#,
            r#"{"edits": [{"set": "a", "value": 1}]}"#,
            r#"{"edits": [{"replace": "(", "with": ""}]}"#,
            r#"{"edits": [{"move": "a"}]}"#,
            r#"{"edits": [{}]}"#,
            r#"{"edits": [{"set": "/a"}]}"#,
            r#"{"filter": {"message": "("}}"#,
            r#"{"limit": -1}"#,
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(read(b"{}").is_ok());
    }
}
