//! Running a table against a worker.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    http::{Request, Response, send},
    pattern::glob,
    table::{Expected, Step, Table},
};
use crate::wait;

/// How long a repeated request may take to be answered as expected.
const PATIENCE: Duration = Duration::from_secs(60);
/// As much of a body as a difference shows.
const SHOWN: usize = 2000;
/// The status of a worker that cannot answer while its group rebalances.
const CONFLICT: u16 = 409;
/// What a group hears of a moment after a change.
const TASKS: &str = "tasks";
/// Members of statuses that are Millrace's own.
const OWN: [&str; 2] = ["flow", "restart"];

/// What a table is run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// This project's worker that stands alone.
    Millrace,
    /// This project's worker in a group.
    Group,
    /// Apache Kafka Connect.
    Java,
}

impl Subject {
    /// Those of a step's answers that are right here.
    fn answers(self, step: &Step) -> Vec<&Expected> {
        let of = |whose: &'static [Option<&'static str>]| -> Vec<&Expected> {
            let is_meant = |answer: &&Expected| whose.contains(&answer.whose);
            step.answers.iter().filter(is_meant).collect()
        };
        let own = match self {
            Self::Group => of(&[Some("group")]),
            Self::Millrace | Self::Java => Vec::new(),
        };
        match self {
            _ if !own.is_empty() => own,
            Self::Millrace | Self::Group => of(&[None, Some("millrace")]),
            Self::Java => of(&[None, Some("java")]),
        }
    }

    /// Whether a request is made until it is answered as expected.
    fn repeats(self, step: &Step) -> bool {
        let only_reads = ["GET", "HEAD"].contains(&step.request.method.as_str());
        step.is_repeated || self == Self::Group && only_reads
    }
}

/// Runs all cases of a table against the worker at `address` (`host:port`); returns what is other than expected.
pub fn run(table: &Table, subject: Subject, address: &str) -> Vec<String> {
    let mut differences = Vec::new();
    for case in &table.cases {
        delete_all(address);
        for step in &case.steps {
            if let Some(difference) = difference(step, subject, address) {
                differences.push(format!(
                    "{}:{} {}\n{difference}",
                    table.name, step.line, case.title
                ));
                break;
            }
        }
    }
    delete_all(address);
    differences
}

/// Whether the worker at `address` (`host:port`) has started.
pub fn is_healthy(address: &str) -> bool {
    send(address, &request("GET", "/health")).is_ok_and(|answer| answer.status == 200)
}

/// Deletes every connector that can be named in a path.
fn delete_all(address: &str) {
    let list = request("GET", "/connectors");
    let Ok(answer) = send(address, &list) else {
        return;
    };
    let names: Vec<String> = serde_json::from_str(&answer.body).unwrap_or_default();
    for name in names {
        let target = name
            .bytes()
            .fold("/connectors/".to_owned(), |mut text, byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    text.push(char::from(byte));
                } else {
                    write!(text, "%{byte:02X}").expect("a String takes all");
                }
                text
            });
        // What cannot be named stays; the tables know.
        drop(send(address, &request("DELETE", &target)));
    }
}

fn request(method: &str, target: &str) -> Request {
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        ..Request::default()
    }
}

/// How the answer to a request is other than expected.
fn difference(step: &Step, subject: Subject, address: &str) -> Option<String> {
    let mut last = None;
    let is_repeated = subject.repeats(step);
    let end = Instant::now()
        + if is_repeated || subject == Subject::Group {
            PATIENCE
        } else {
            Duration::ZERO
        };
    wait::until_or(end, || {
        let (status, difference) = once(step, subject, address);
        let is_over = difference.is_none() || !is_repeated && status != Some(CONFLICT);
        last = difference;
        is_over.then_some(())
    });
    last
}

/// Makes a request; gives the status of the answer and how it is other than expected.
fn once(step: &Step, subject: Subject, address: &str) -> (Option<u16>, Option<String>) {
    match send(address, &step.request) {
        Ok(answer) => (Some(answer.status), unexpected(step, subject, &answer)),
        Err(error) => {
            let Request { method, target, .. } = &step.request;
            let text = format!("  {method} {target}\n  no answer: {error}");
            (None, Some(text))
        }
    }
}

fn unexpected(step: &Step, subject: Subject, answer: &Response) -> Option<String> {
    let Request { method, target, .. } = &step.request;
    let asked = format!("  {method} {target}");
    let expected = subject.answers(step);
    let body = match subject {
        Subject::Java => answer.body.clone(),
        Subject::Millrace | Subject::Group => without_own(&answer.body),
    };
    let is_right = |expected: &&Expected| {
        expected.statuses.contains(&answer.status)
            && match subject {
                Subject::Group if is_change(&step.request) => {
                    expected.pattern.admits_but(TASKS, answer.status, &body)
                }
                _ => expected.pattern.admits(answer.status, &body),
            }
    };
    let wrong_header = step
        .headers
        .iter()
        .find(|(name, wanted)| !has(answer, name, wanted.as_deref()));
    let what = if !expected.iter().any(is_right) && !expected.is_empty() {
        let one_of =
            |expected: &&Expected| format!("{:?} {:?}", expected.statuses, expected.pattern);
        let all: Vec<String> = expected.iter().map(one_of).collect();
        format!("expected {}", all.join(" or "))
    } else {
        let (name, wanted) = wrong_header?;
        format!("expected the header {name} to be {wanted:?}")
    };
    let body: String = answer.body.chars().take(SHOWN).collect();
    let headers: Vec<String> = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    Some(format!(
        "{asked}\n  {what}\n  got {} {}\n  {body}",
        answer.status,
        headers.join(" | ")
    ))
}

/// A body without the members that Kafka Connect does not know.
fn without_own(body: &str) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, value| !(OWN.contains(&&**name) && value.is_object()));
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let is_with_own = OWN.iter().any(|name| body.contains(name));
    match serde_json::from_str::<Value>(body) {
        Ok(mut value) if is_with_own => {
            strip(&mut value);
            value.to_string()
        }
        _ => body.to_owned(),
    }
}

/// Whether a request changes the configuration of a connector, so that its answer shows the connector.
fn is_change(request: &Request) -> bool {
    let path = request.target.trim_end_matches('/');
    match request.method.as_str() {
        "POST" => path == "/connectors",
        "PUT" | "PATCH" => path.ends_with("/config"),
        _ => false,
    }
}

fn has(answer: &Response, name: &str, wanted: Option<&str>) -> bool {
    match (answer.header(name), wanted) {
        (None, wanted) => wanted.is_none(),
        (Some(value), Some(wanted)) => {
            // Lists such as Allow come in any order.
            glob(wanted, &value) || sorted(wanted) == sorted(&value)
        }
        (Some(_), None) => false,
    }
}

fn sorted(list: &str) -> Vec<&str> {
    let mut items: Vec<&str> = list.split(',').map(str::trim).collect();
    items.sort_unstable();
    items
}
