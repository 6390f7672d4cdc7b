//! `/connectors/{name}/offsets`.

use axum::http::StatusCode;
use serde_json::{json, value::RawValue};

use super::answer::Answer;
use super::json::{elements, fields, is_null, object, only_fields, parse};
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
    let body = object(body)?;
    only_fields(&body, &["offsets"])?;
    match body.get("offsets").filter(|list| !is_null(list)) {
        None => Ok(Vec::new()),
        Some(list) => {
            let list = elements(list, "\"offsets\"")?;
            list.iter().map(|change| one_change(change)).collect()
        }
    }
}

fn one_change(change: &RawValue) -> Result<PartitionOffset, String> {
    let what = "an element of \"offsets\"";
    only_fields(&fields(change, what)?, &["partition", "offset"])?;
    parse(change, what)
}
