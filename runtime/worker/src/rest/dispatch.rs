//! From a request to its resource: the checks that all resources share.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, Response, StatusCode, Version, header, request};

use super::answer::Answer;
use super::forward::Forwarded;
use super::media::{ContentType, accepted};
use super::query::Query;
use super::route::{PathError, Resource};
use super::{
    Api, Surface, admin, connectors, dead_letters, faults, health, logs, offsets, openapi, plugins,
    preview, scrape,
};
use crate::herder::distributed::peers::{SIGNATURE, SIGNATURE_ALGORITHM};

/// The longest request target, and the most bytes that headers may have together.
const HEAD_MAX_BYTES: usize = 8192;

/// What a resource sees of a request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) surface: Surface,
    pub(super) query: Query,
    pub(super) host: String,
    /// What other workers sign their requests with.
    pub(super) signature: Option<String>,
    pub(super) signature_algorithm: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Where a request came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entrance {
    pub(super) surface: Surface,
    pub(super) is_loopback: bool,
}

/// Answers a request.
pub(super) async fn answer(api: &Api, entrance: Entrance, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answer = match checked(api, entrance, &parts, body).await {
        Ok(answer) | Err(answer) => answer,
    };
    let answer = api.guard.share(&parts.method, &parts.headers, answer);
    api.finish(answer.into_response())
}

async fn checked(
    api: &Api,
    entrance: Entrance,
    parts: &request::Parts,
    body: Body,
) -> Result<Answer, Answer> {
    check_head(parts)?;
    if let Some(why) = entrance
        .is_loopback
        .then(|| api.guard.refusal(&parts.headers))
        .flatten()
    {
        return Err(Answer::error(StatusCode::FORBIDDEN, &why));
    }
    if let Some(answer) = scrape::answer(&api.metrics, entrance.surface, parts).await {
        return Ok(answer);
    }
    let (resource, endpoint) = Resource::at(parts.uri.path()).map_err(|error| match error {
        PathError::Malformed => Answer::html(
            StatusCode::BAD_REQUEST,
            "The path is not one that this server understands.",
        ),
        PathError::Unknown => Answer::framework_error(StatusCode::NOT_FOUND),
    })?;
    if !api.serves(entrance.surface, endpoint) {
        return Err(Answer::framework_error(StatusCode::NOT_FOUND));
    }
    if parts.method == Method::OPTIONS {
        let allow = endpoint.allow();
        return Ok(
            Answer::text(StatusCode::OK, allow.replace(',', ", ")).with(header::ALLOW, &allow)
        );
    }
    let method = if parts.method == Method::HEAD {
        Method::GET
    } else {
        parts.method.clone()
    };
    let operation = endpoint
        .operation(&method)
        .ok_or_else(|| Answer::framework_error(StatusCode::METHOD_NOT_ALLOWED))?;
    let content_type = content_type(&resource, parts)?;
    let accept: Vec<&str> = parts
        .headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let parameters =
        accepted(&accept).ok_or_else(|| Answer::framework_error(StatusCode::NOT_ACCEPTABLE))?;
    let body = if operation.body.is_some() {
        api.bodies.read(&parts.headers, body).await?
    } else {
        Vec::new()
    };
    if content_type == ContentType::Absent && !body.is_empty() {
        return Err(Answer::resource_error(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let forwarded = api
        .peers
        .as_ref()
        .map(|peers| (peers, Forwarded::new(parts, &body)));
    let call = Call {
        method,
        surface: entrance.surface,
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        host: host(parts),
        signature: header_text(parts, SIGNATURE),
        signature_algorithm: header_text(parts, SIGNATURE_ALGORITHM),
        body,
    };
    let mut answer = match serve(api, resource, call).await {
        Ok(answer) | Err(answer) => answer,
    };
    if let (Some(worker), Some((peers, request))) = (answer.elsewhere.take(), forwarded) {
        answer = request.ask(peers, &worker).await;
    }
    Ok(answer.echo_parameters(&parameters))
}

fn check_head(parts: &request::Parts) -> Result<(), Answer> {
    let target = parts
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target > HEAD_MAX_BYTES {
        return Err(Answer::html(
            StatusCode::URI_TOO_LONG,
            "The request target is too long.",
        ));
    }
    let headers: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if headers > HEAD_MAX_BYTES {
        return Err(Answer::html(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "The request has too many header bytes.",
        ));
    }
    let hosts = parts.headers.get_all(header::HOST).iter().count();
    if parts.version == Version::HTTP_11 && hosts != 1 {
        return Err(Answer::html(
            StatusCode::BAD_REQUEST,
            "A request needs exactly one Host header.",
        ));
    }
    Ok(())
}

fn content_type(resource: &Resource, parts: &request::Parts) -> Result<ContentType, Answer> {
    let given = parts
        .headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("?"));
    let found = ContentType::of(given);
    match found {
        _ if !resource.checks_content_type(&parts.method) => Ok(ContentType::Json),
        ContentType::Malformed => Err(Answer::html(
            StatusCode::BAD_REQUEST,
            "The Content-Type is not a media type.",
        )),
        ContentType::Other => Err(Answer::framework_error(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
        ContentType::Json | ContentType::Absent => Ok(found),
    }
}

fn header_text(parts: &request::Parts, name: &str) -> Option<String> {
    let value = parts.headers.get(name)?;
    Some(value.to_str().unwrap_or_default().to_owned())
}

fn host(parts: &request::Parts) -> String {
    let header = parts
        .headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    header.unwrap_or("localhost").to_owned()
}

async fn serve(api: &Api, resource: Resource, call: Call) -> Result<Answer, Answer> {
    match resource {
        Resource::Root => Ok(Answer::ok(&api.herder.worker())),
        Resource::Health => Ok(health::health(api).await),
        Resource::Ready => Ok(health::ready(api, &call.query)),
        Resource::OpenApi => Ok(Answer::ok(&openapi::document(|endpoint| {
            api.serves(call.surface, endpoint)
        }))),
        Resource::Connectors if call.method == Method::POST => connectors::create(api, call).await,
        Resource::Connectors => Ok(connectors::list(api, &call.query)),
        Resource::Connector(name) if call.method == Method::DELETE => {
            connectors::delete(api, name).await
        }
        Resource::Connector(name) => connectors::read(api, name).await,
        Resource::Config(name) if call.method == Method::PUT => {
            connectors::put_config(api, name, call).await
        }
        Resource::Config(name) if call.method == Method::PATCH => {
            connectors::patch_config(api, name, call).await
        }
        Resource::Config(name) => connectors::config(api, name).await,
        Resource::Status(name) => Ok(Answer::ok(&api.herder.status(&name)?)),
        Resource::Tasks(name) if call.method == Method::POST => {
            connectors::put_tasks(api, name, call).await
        }
        Resource::Tasks(name) => connectors::tasks(api, name).await,
        Resource::TaskStatus(name, task) => connectors::task_status(api, &name, &task),
        Resource::TaskRestart(name, task) => connectors::restart_task(api, &name, &task).await,
        Resource::Logs(name) => logs::of_connector(api, &name, &call.query),
        Resource::TaskLogs(name, task) => logs::of_task(api, &name, &task, &call.query),
        Resource::Restart(name) => connectors::restart(api, name, &call.query).await,
        Resource::Pause(name) => connectors::pause(api, name).await,
        Resource::Resume(name) => connectors::resume(api, name).await,
        Resource::Stop(name) => connectors::stop(api, name).await,
        Resource::Topics(name) => Ok(Answer::ok(&api.herder.topics(&name)?)),
        Resource::TopicsReset(name) => {
            api.herder.reset_topics(&name)?;
            Ok(Answer::empty(StatusCode::ACCEPTED))
        }
        Resource::Offsets(name) if call.method == Method::PATCH => {
            offsets::alter(api, name, &call.body).await
        }
        Resource::Offsets(name) if call.method == Method::DELETE => offsets::reset(api, name).await,
        Resource::Offsets(name) => offsets::list(api, name).await,
        Resource::Preview => preview::answer(api, &call).await,
        Resource::DeadLetterQueues => dead_letters::list(api).await,
        Resource::DeadLetters(queue) => dead_letters::show(api, queue, &call.query).await,
        Resource::DeadLetterReplay(queue) => dead_letters::replay(api, queue, &call).await,
        Resource::Faults(name) => faults::answer(api, &name, &call),
        Resource::Fence(name) => connectors::fence(api, name, call).await,
        Resource::Plugins => Ok(plugins::list(api, &call.query)),
        Resource::PluginConfig(plugin) => plugins::config(api, plugin, &call.query).await,
        Resource::PluginValidate(plugin) => plugins::validate(api, plugin, &call.body).await,
        Resource::Loggers => Ok(admin::list(api)),
        Resource::Logger(logger) if call.method == Method::PUT => {
            admin::set(api, &logger, &call).await
        }
        Resource::Logger(logger) => admin::read(api, &logger),
    }
}
