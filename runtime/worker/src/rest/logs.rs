//! The last log lines of connectors and tasks. The resources are our own, beside Connect's.

use axum::http::StatusCode;

use super::Api;
use super::answer::Answer;
use super::connectors::task_id;
use super::endpoints::{Parameter, ParameterKind};
use super::query::Query;
use crate::herder::{HerderError, Status};
use crate::logging::Level;
use crate::task::State;

/// Lines that are shown unless a request says how many.
const SHOWN: usize = 100;
/// The most lines that a request may have; a connector's last lines are bounded in bytes as well.
const SHOWN_MAX: usize = 10_000;

/// What chooses lines.
pub(super) const LINES: &[Parameter] = &[
    Parameter {
        name: "lines",
        kind: ParameterKind::Number(0),
        meaning: "The most lines, the last ones: 100 if nothing is said, at most 10000",
    },
    Parameter {
        name: "level",
        kind: ParameterKind::OneOf(&["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]),
        meaning: "Only lines that are at least as severe",
    },
];

/// The lines of a connector, and of those of its tasks that run there, from the worker that has it.
pub(super) fn of_connector(api: &Api, name: &str, query: &Query) -> Result<Answer, Answer> {
    api.herder.info(name)?;
    // One that was just made has no state yet.
    if let Ok(status) = api.herder.status(name) {
        must_be_here(api, &status.connector)?;
    }
    shown(api, name, None, query)
}

/// The lines of a task, from the worker that runs it.
pub(super) fn of_task(api: &Api, name: &str, task: &str, query: &Query) -> Result<Answer, Answer> {
    let id = task_id(name, task, |name, number| {
        format!("Task {name}-{number} not found")
    })?;
    must_be_here(api, &api.herder.task_status(&id)?.status)?;
    shown(api, name, Some(id.task), query)
}

/// Sends the request on where another worker has what it is about.
fn must_be_here(api: &Api, status: &Status) -> Result<(), Answer> {
    let is_elsewhere = api.herder.is_in_group()
        && status.state != State::Unassigned
        && !api.herder.runs_here(status);
    match is_elsewhere {
        true => Err(HerderError::elsewhere(format!("http://{}/", status.worker_id)).into()),
        false => Ok(()),
    }
}

fn shown(api: &Api, name: &str, task: Option<u32>, query: &Query) -> Result<Answer, Answer> {
    let bad = |why: &str| Answer::error(StatusCode::BAD_REQUEST, why);
    let most: Option<usize> = query.number("lines").map_err(|why| bad(&why))?;
    let most = most.map_or(SHOWN, |most| most.min(SHOWN_MAX));
    let level = match query.first("level").filter(|text| !text.is_empty()) {
        Some(text) => Level::parse(text.trim())
            .ok_or_else(|| bad(&format!("the query parameter level has no level: '{text}'")))?,
        None => Level::All,
    };
    Ok(Answer::ok(&api.loggers.lines(name, task, level, most)))
}
