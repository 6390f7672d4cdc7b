//! Resources below `/connector-plugins`.

use super::answer::Answer;
use super::json::{object, texts};
use super::query::Query;
use super::{Api, internal};

pub(super) fn list(api: &Api, query: &Query) -> Answer {
    Answer::ok(&api.herder.plugins(query.flag("connectorsOnly", true)))
}

pub(super) async fn config(api: &Api, plugin: String, query: &Query) -> Result<Answer, Answer> {
    let version = query.first("version").map(str::to_owned);
    let keys = api
        .ask(|herder| async move { herder.plugin_config(&plugin, version.as_deref()).await })
        .await?;
    Ok(Answer::ok(&keys))
}

pub(super) async fn validate(api: &Api, plugin: String, body: &[u8]) -> Result<Answer, Answer> {
    let config = object(body).and_then(texts).map_err(|why| internal(&why))?;
    let verdicts = api
        .ask(|herder| async move { herder.validate(&plugin, config).await })
        .await?;
    Ok(Answer::ok(&verdicts))
}
