//! Resources below `/admin`: levels of loggers.

use axum::http::StatusCode;

use super::answer::Answer;
use super::dispatch::Call;
use super::json::{object, texts};
use super::{Api, internal};
use crate::logging::Level;

pub(super) fn list(api: &Api) -> Answer {
    Answer::ok(&api.loggers.all())
}

pub(super) fn read(api: &Api, logger: &str) -> Result<Answer, Answer> {
    let setting = api.loggers.get(logger);
    let not_found = || {
        Answer::error(
            StatusCode::NOT_FOUND,
            &format!("Logger {logger} not found."),
        )
    };
    Ok(Answer::ok(&setting.ok_or_else(not_found)?))
}

pub(super) async fn set(api: &Api, logger: &str, call: &Call) -> Result<Answer, Answer> {
    let body = object(&call.body)
        .and_then(texts)
        .map_err(|why| internal(&why))?;
    let Some(text) = body.get("level").cloned().flatten() else {
        return Err(Answer::error(
            StatusCode::BAD_REQUEST,
            "Desired 'level' parameter was not specified in request.",
        ));
    };
    if text.is_empty() {
        return Err(internal("the level is empty"));
    }
    let Some(level) = Level::parse(text.trim()) else {
        return Err(Answer::error(
            StatusCode::NOT_FOUND,
            &format!("invalid log level '{text}'."),
        ));
    };
    let is_cluster = call
        .query
        .first("scope")
        .is_some_and(|scope| scope.eq_ignore_ascii_case("cluster"));
    if is_cluster && api.herder.is_in_group() {
        let logger = logger.to_owned();
        api.ask(|herder| async move { herder.set_cluster_level(&logger, &text).await })
            .await?;
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    let changed = api.loggers.set(logger, level);
    Ok(if is_cluster {
        Answer::empty(StatusCode::NO_CONTENT)
    } else {
        Answer::ok(&changed)
    })
}
