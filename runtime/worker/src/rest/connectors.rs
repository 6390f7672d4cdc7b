//! Resources below `/connectors`.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use millrace_api::TaskId;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::dispatch::Call;
use super::json::{fields, is_null, object, only_fields, optional_object, text, texts};
use super::query::Query;
use super::{Api, internal};
use crate::herder::{CreateRequest, InternalRequest, Restart, RestartRequest};
use crate::task::TargetState;

pub(super) fn list(api: &Api, query: &Query) -> Answer {
    let names = api.herder.connectors();
    if query.first("expand").is_none() {
        return Answer::ok(&names);
    }
    let wanted: Vec<&str> = query.all("expand").collect();
    let mut shown = BTreeMap::new();
    for name in names {
        if let Some(parts) = expanded(api, &name, &wanted) {
            shown.insert(name, parts);
        }
    }
    Answer::ok(&shown)
}

/// The parts of a connector that a list was asked to show; `None` if one of them is not there yet.
fn expanded(api: &Api, name: &str, wanted: &[&str]) -> Option<Map<String, Value>> {
    let mut parts = Map::new();
    for part in wanted {
        let value = match *part {
            "status" => serde_json::to_value(api.herder.status(name).ok()?),
            "info" => serde_json::to_value(api.herder.info(name).ok()?),
            _ => continue,
        };
        parts.insert((*part).to_owned(), value.ok()?);
    }
    Some(parts)
}

pub(super) async fn create(api: &Api, call: Call) -> Result<Answer, Answer> {
    let request = create_request(&call.body).map_err(|why| internal(&why))?;
    let info = api
        .ask(|herder| async move { herder.create(request).await })
        .await?;
    let location = location(&call.host, &info.name);
    Ok(Answer::json(StatusCode::CREATED, &info).with(header::LOCATION, &location))
}

fn create_request(body: &[u8]) -> Result<CreateRequest, String> {
    let body = object(body)?;
    only_fields(&body, &["name", "config", "initial_state"])?;
    let member = |key: &str| {
        body.get(key)
            .map(|value| text(value, &format!("\"{key}\"")))
    };
    let name = member("name").transpose()?.flatten().unwrap_or_default();
    let target = match member("initial_state").transpose()?.flatten() {
        None => TargetState::Started,
        Some(state) => initial_state(&state)?,
    };
    let config = body.get("config").filter(|config| !is_null(config));
    let config = config.ok_or("the request body has no \"config\"")?;
    Ok(CreateRequest {
        name: name.trim_matches(|c: char| c <= ' ').to_owned(),
        config: texts(fields(config, "\"config\"")?)?,
        target,
    })
}

fn initial_state(text: &str) -> Result<TargetState, String> {
    match text.to_ascii_uppercase().as_str() {
        "RUNNING" => Ok(TargetState::Started),
        "PAUSED" => Ok(TargetState::Paused),
        "STOPPED" => Ok(TargetState::Stopped),
        _ => Err(format!(
            "initial_state is '{text}', not one of RUNNING, PAUSED, STOPPED"
        )),
    }
}

/// The address of a connector; slashes in its name stay as they are.
fn location(host: &str, name: &str) -> String {
    let mut text = format!("http://{host}/connectors/");
    for byte in name.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/".contains(&byte) => {
                text.push(char::from(byte))
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

pub(super) async fn read(api: &Api, name: String) -> Result<Answer, Answer> {
    Ok(Answer::ok(&api.herder.info(&name)?))
}

pub(super) async fn config(api: &Api, name: String) -> Result<Answer, Answer> {
    Ok(Answer::ok(&api.herder.info(&name)?.config))
}

pub(super) async fn put_config(api: &Api, name: String, call: Call) -> Result<Answer, Answer> {
    let config = object(&call.body)
        .and_then(texts)
        .map_err(|why| internal(&why))?;
    let put = api
        .ask(|herder| async move { herder.put_config(&name, config).await })
        .await?;
    if !put.created {
        return Ok(Answer::ok(&put.info));
    }
    let location = location(&call.host, &put.info.name);
    Ok(Answer::json(StatusCode::CREATED, &put.info).with(header::LOCATION, &location))
}

pub(super) async fn patch_config(api: &Api, name: String, call: Call) -> Result<Answer, Answer> {
    let changes = optional_object(&call.body).map_err(|why| internal(&why))?;
    // An unknown connector is said before a body that is missing.
    api.herder.info(&name)?;
    let changes = changes
        .ok_or_else(|| "the request body is empty or null where changes are required".to_owned())
        .and_then(texts)
        .map_err(|why| internal(&why))?;
    let info = api
        .ask(|herder| async move { herder.patch_config(&name, changes).await })
        .await?;
    Ok(Answer::ok(&info))
}

pub(super) async fn delete(api: &Api, name: String) -> Result<Answer, Answer> {
    api.ask(|herder| async move { herder.delete(&name).await })
        .await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn tasks(api: &Api, name: String) -> Result<Answer, Answer> {
    Ok(Answer::ok(&api.herder.tasks(&name)?))
}

/// A task's number; one that is none names no resource, and a negative one names an unknown task.
pub(super) fn task_id(
    name: &str,
    task: &str,
    unknown: fn(&str, i32) -> String,
) -> Result<TaskId, Answer> {
    let not_found = || Answer::resource_error(StatusCode::NOT_FOUND);
    let number: i32 = task.parse().map_err(|_| not_found())?;
    let task = u32::try_from(number)
        .map_err(|_| Answer::error(StatusCode::NOT_FOUND, &unknown(name, number)))?;
    Ok(TaskId {
        connector: name.into(),
        task,
    })
}

pub(super) fn task_status(api: &Api, name: &str, task: &str) -> Result<Answer, Answer> {
    let id = task_id(name, task, |name, number| {
        format!("No status found for task {name}-{number}")
    })?;
    Ok(Answer::ok(&api.herder.task_status(&id)?))
}

pub(super) async fn restart_task(api: &Api, name: &str, task: &str) -> Result<Answer, Answer> {
    let unknown: fn(&str, i32) -> String = match api.herder.is_in_group() {
        true => |name, number| format!("Unknown task: {name}-{number}"),
        false => |name, number| format!("Task {name}-{number} not found"),
    };
    let id = task_id(name, task, unknown)?;
    api.ask(|herder| async move { herder.restart_task(&id).await })
        .await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn restart(api: &Api, name: String, query: &Query) -> Result<Answer, Answer> {
    let request = RestartRequest {
        include_tasks: query.flag("includeTasks", false),
        only_failed: query.flag("onlyFailed", false),
    };
    let restart = api
        .ask(move |herder| async move { herder.restart(&name, request).await })
        .await?;
    Ok(match restart {
        Restart::Done => Answer::empty(StatusCode::NO_CONTENT),
        Restart::Planned(status) => Answer::json(StatusCode::ACCEPTED, &status),
    })
}

pub(super) async fn pause(api: &Api, name: String) -> Result<Answer, Answer> {
    api.ask(|herder| async move { herder.pause(&name).await })
        .await?;
    Ok(Answer::empty(StatusCode::ACCEPTED))
}

pub(super) async fn resume(api: &Api, name: String) -> Result<Answer, Answer> {
    api.ask(|herder| async move { herder.resume(&name).await })
        .await?;
    Ok(Answer::empty(StatusCode::ACCEPTED))
}

pub(super) async fn stop(api: &Api, name: String) -> Result<Answer, Answer> {
    api.ask(|herder| async move { herder.stop(&name).await })
        .await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// What another worker of the group says of the tasks of a connector that it has.
pub(super) async fn put_tasks(api: &Api, name: String, call: Call) -> Result<Answer, Answer> {
    let request = internal_request(call);
    api.ask(|herder| async move { herder.put_tasks(&name, request).await })
        .await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// Another worker of the group wants earlier tasks of a source to write no more.
pub(super) async fn fence(api: &Api, name: String, call: Call) -> Result<Answer, Answer> {
    let request = internal_request(call);
    api.ask(|herder| async move { herder.fence(&name, request).await })
        .await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

fn internal_request(call: Call) -> InternalRequest {
    InternalRequest {
        body: call.body,
        signature: call.signature,
        algorithm: call.signature_algorithm,
    }
}
