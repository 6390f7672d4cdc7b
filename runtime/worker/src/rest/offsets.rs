//! `/connectors/{name}/offsets`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::body::{object, only_fields};
use super::{Api, internal};
use crate::herder::PartitionOffset;

const NONE_GIVEN: &str = "Partitions / offsets need to be provided for an alter offsets request";

pub(super) async fn list(api: &Api, name: String) -> Result<Answer, Answer> {
    let offsets = api
        .ask(|herder| async move { herder.offsets(&name).await })
        .await?;
    Ok(Answer::ok(&json!({ "offsets": offsets })))
}

pub(super) async fn alter(api: &Api, name: String, body: &[u8]) -> Result<Answer, Answer> {
    let changes = changes(body).map_err(|why| internal(&why))?;
    if changes.is_empty() {
        return Err(Answer::error(StatusCode::BAD_REQUEST, NONE_GIVEN));
    }
    let message = api
        .ask(|herder| async move { herder.alter_offsets(&name, changes).await })
        .await?;
    Ok(Answer::ok(&json!({ "message": message })))
}

pub(super) async fn reset(api: &Api, name: String) -> Result<Answer, Answer> {
    let message = api
        .ask(|herder| async move { herder.reset_offsets(&name).await })
        .await?;
    Ok(Answer::ok(&json!({ "message": message })))
}

fn changes(body: &[u8]) -> Result<Vec<PartitionOffset>, String> {
    let mut object = object(body)?;
    only_fields(&object, &["offsets"])?;
    let changes = match object.remove("offsets") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(changes) => changes,
    };
    if let Some(change) = changes
        .as_array()
        .and_then(|list| list.iter().find_map(Value::as_object))
    {
        only_fields(change, &["partition", "offset"])?;
    }
    serde_json::from_value(changes).map_err(|error| format!("cannot read \"offsets\": {error}"))
}
