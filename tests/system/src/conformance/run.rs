//! Running a table against a worker.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use super::{
    http::{Request, Response, send},
    pattern::glob,
    table::{Expected, Step, Table},
};
use crate::wait;

/// How long a repeated request may take to be answered as expected.
const PATIENCE: Duration = Duration::from_secs(30);
/// As much of a body as a difference shows.
const SHOWN: usize = 2000;

/// What a table is run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// This project's worker.
    Millrace,
    /// Apache Kafka Connect.
    Java,
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Millrace => "millrace",
            Self::Java => "java",
        }
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
    let end = Instant::now()
        + if step.is_repeated {
            PATIENCE
        } else {
            Duration::ZERO
        };
    wait::until_or(end, || {
        last = once(step, subject, address);
        last.is_none().then_some(())
    });
    last
}

fn once(step: &Step, subject: Subject, address: &str) -> Option<String> {
    let Request { method, target, .. } = &step.request;
    let asked = format!("  {method} {target}");
    let answer = match send(address, &step.request) {
        Ok(answer) => answer,
        Err(error) => return Some(format!("{asked}\n  no answer: {error}")),
    };
    let expected: Vec<&Expected> = step
        .answers
        .iter()
        .filter(|expected| expected.whose.is_none_or(|whose| whose == subject.name()))
        .collect();
    let is_right = |expected: &&Expected| {
        expected.statuses.contains(&answer.status)
            && expected.pattern.admits(answer.status, &answer.body)
    };
    let wrong_header = step
        .headers
        .iter()
        .find(|(name, wanted)| !has(&answer, name, wanted.as_deref()));
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
