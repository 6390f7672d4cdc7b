//! `/connectors/{name}/faults`: what a connector that fails on purpose is told to do. The path is there only where the
//! worker has such connectors; no connector of Kafka Connect has anything at it.
//!
//! A body is `{"faults": [...]}`, whose array the connector's plugin reads; an answer shows the faults and what has
//! become of each. They belong to the worker that answers.

use axum::http::StatusCode;
use serde_json::{Value, value::RawValue};

use super::Api;
use super::answer::Answer;
use super::dispatch::Call;
use super::json::{object, only_fields};

/// Takes faults and shows them.
pub trait FaultControl: Send + Sync + std::fmt::Debug {
    /// The faults of a connector: `{"faults": [...]}`.
    fn show(&self, connector: &str) -> Value;

    /// Replaces the faults of a connector by those of a JSON array.
    ///
    /// # Errors
    /// What is wrong with the array; nothing has changed.
    fn replace(&self, connector: &str, faults: &str) -> Result<(), String>;

    /// Forgets the faults of a connector.
    fn clear(&self, connector: &str);
}

pub(super) fn answer(api: &Api, connector: &str, call: &Call) -> Result<Answer, Answer> {
    let Some(control) = &api.faults else {
        return Err(Answer::framework_error(StatusCode::NOT_FOUND));
    };
    api.herder.info(connector)?;
    match call.method.as_str() {
        "PUT" => {
            let faults = faults(&call.body).and_then(|faults| control.replace(connector, &faults));
            faults.map_err(|why| Answer::error(StatusCode::BAD_REQUEST, &why))?;
        }
        "DELETE" => control.clear(connector),
        _ => {}
    }
    Ok(Answer::ok(&control.show(connector)))
}

/// The array of a body.
fn faults(body: &[u8]) -> Result<String, String> {
    let body = object(body)?;
    only_fields(&body, &["faults"])?;
    let faults = body.get("faults").map(|faults| RawValue::get(faults));
    faults
        .map(str::to_owned)
        .ok_or_else(|| "the body has no \"faults\"".to_owned())
}
