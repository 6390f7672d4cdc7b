//! `/health`, as Kafka Connect answers it, and `/ready`, which also counts connectors.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::answer::Answer;
use super::endpoints::{Parameter, ParameterKind};
use super::query::Query;
use super::{Api, internal};
use crate::herder::{ConnectorStatus, Status, TaskStatus};
use crate::metrics::Condition;
use crate::task::State;

/// How long `/health` waits for the worker to become ready, and how often it looks.
const HEALTH_WITHIN: Duration = Duration::from_secs(10);
const HEALTH_EVERY: Duration = Duration::from_millis(20);

/// The query of `/ready`.
pub(super) const READY: &[Parameter] = &[
    Parameter {
        name: "connectors",
        kind: ParameterKind::Text,
        meaning: "Which connectors count: names, or beginnings of names with a star, separated by commas",
    },
    Parameter {
        name: "when",
        kind: ParameterKind::OneOf(&["running", "flowing"]),
        meaning: "What a connector needs to count as ready",
    },
];

pub(super) async fn health(api: &Api) -> Answer {
    let until_settled = async {
        while !api.herder.is_ready() && !api.herder.is_stopping() {
            tokio::time::sleep(HEALTH_EVERY).await;
        }
    };
    match tokio::time::timeout(HEALTH_WITHIN, until_settled).await {
        Ok(()) if api.herder.is_stopping() => internal("Worker is shutting down."),
        Ok(()) => Answer::ok(&json!({
            "status": "healthy",
            "message": "Worker has completed startup and is ready to handle requests.",
        })),
        Err(_elapsed) => {
            let stage = api.herder.stage();
            let stage = stage.map_or(String::new(), |stage| format!(" {stage}"));
            Answer::json(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({"status": "starting", "message": format!("Worker is still starting up.{stage}")}),
            )
        }
    }
}

/// What `/ready` answers.
#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    /// Why the worker itself is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'static str>,
    /// The connectors that count and are not ready, with the reasons.
    connectors: BTreeMap<String, Vec<String>>,
}

/// Whether the worker and what counts of its connectors are as they should be. It never waits.
pub(super) fn ready(api: &Api, query: &Query) -> Answer {
    let policy = api
        .readiness
        .asked(query.first("connectors"), query.first("when"));
    let worker = match (api.herder.is_stopping(), api.herder.is_ready()) {
        (true, _) => Some("it shuts down"),
        (false, false) => Some("it has not started yet"),
        (false, true) => None,
    };
    let known = api.herder.connectors();
    let counted = known.iter().filter(|name| policy.counts(name));
    let mut connectors: BTreeMap<String, Vec<String>> = counted
        .filter_map(|name| {
            let status = api.herder.status(name).ok()?;
            let is_here = |status: &Status| api.herder.runs_here(status);
            let faults = faults(&status, is_here, policy.needs_flow);
            (!faults.is_empty()).then(|| (name.clone(), faults))
        })
        .collect();
    for missing in policy.missing(&known) {
        connectors.insert(
            missing.to_owned(),
            vec!["there is no such connector".to_owned()],
        );
    }
    let ready = worker.is_none() && connectors.is_empty();
    let status = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = Ready {
        ready,
        worker,
        connectors,
    };
    Answer::json(status, &body)
}

/// What is wrong with the parts of a connector that are of this worker.
fn faults(
    status: &ConnectorStatus,
    is_here: impl Fn(&Status) -> bool,
    needs_flow: bool,
) -> Vec<String> {
    let is_fault =
        |state: State| matches!(state, State::Failed | State::Unassigned | State::Restarting);
    let mut faults = Vec::new();
    if is_here(&status.connector) && is_fault(status.connector.state) {
        faults.push(format!("the connector is {}", status.connector.state));
    }
    for task in status.tasks.iter().filter(|task| is_here(&task.status)) {
        let state = task.status.state;
        if is_fault(state) {
            faults.push(format!("task {} is {state}", task.id));
        } else if needs_flow && is_stalled(task) {
            faults.push(format!("task {} is stalled", task.id));
        }
    }
    faults
}

fn is_stalled(task: &TaskStatus) -> bool {
    let flow = task.flow.as_ref();
    flow.is_some_and(|flow| flow.condition == Condition::Stalled)
}
