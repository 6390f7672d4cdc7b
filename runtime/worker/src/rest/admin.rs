//! Resources below `/admin`: levels of loggers.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use super::answer::Answer;
use super::dispatch::Call;
use super::json::{object, texts};
use super::{Api, internal};
use crate::herder::Herder;
use crate::logging::Level;

/// The parameter that says after how many milliseconds a level ends. It is our own.
pub(super) const EXPIRES: &str = "expiresMs";
/// The longest such time.
const EXPIRES_MAX_MS: u64 = 365 * 24 * 3600 * 1000;

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
    let lasting = lasting(call)?;
    let is_cluster = call
        .query
        .first("scope")
        .is_some_and(|scope| scope.eq_ignore_ascii_case("cluster"));
    if is_cluster && api.herder.is_in_group() {
        let logger = logger.to_owned();
        let set = move |herder: Arc<dyn Herder>| async move {
            herder.set_cluster_level(&logger, &text, lasting).await
        };
        api.ask(set).await?;
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    let changed = api.loggers.set(logger, level, lasting);
    Ok(if is_cluster {
        Answer::empty(StatusCode::NO_CONTENT)
    } else {
        Answer::ok(&changed)
    })
}

/// For how long a level is to hold; none for good.
fn lasting(call: &Call) -> Result<Option<Duration>, Answer> {
    let bad = |why: &str| Answer::error(StatusCode::BAD_REQUEST, why);
    let lasting = call.query.number::<u64>(EXPIRES);
    match lasting.map_err(|why| bad(&why))? {
        Some(0) => Err(bad("expiresMs must be 1 or more")),
        Some(ms) if ms > EXPIRES_MAX_MS => Err(bad(&format!(
            "expiresMs must be {EXPIRES_MAX_MS} at most, which is a year"
        ))),
        lasting => Ok(lasting.map(Duration::from_millis)),
    }
}
