//! Asking a worker by its REST API.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::super::run::{NoWorker, Usage};

/// How long a worker may take: reading is bounded by the request, and a source by what its start and stop may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(180);
/// How long opening a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The worker's answer to a preview request.
pub(super) async fn preview(worker: &str, body: &Value) -> anyhow::Result<Value> {
    // Another client may have chosen the provider of this process before.
    let _chosen = rustls::crypto::ring::default_provider()
        .install_default()
        .is_ok();
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .build()
        .context("cannot make an HTTP client")?;
    let url = format!("{}/preview", worker.trim_end_matches('/'));
    let sent = client.post(&url).json(body).send().await;
    let answer = sent.map_err(|error| match error.is_connect() {
        true => anyhow::Error::from(NoWorker {
            worker: worker.to_owned(),
        }),
        false => anyhow::Error::from(error).context(format!("cannot ask the worker at {worker}")),
    })?;
    let status = answer.status();
    let answer: Value = answer.json().await.with_context(|| {
        format!("the answer of {url} ({status}) is no JSON; is a worker there?")
    })?;
    if status.is_success() {
        return Ok(answer);
    }
    let message = answer["message"].as_str().unwrap_or_default().to_owned();
    match status.as_u16() {
        400 | 404 => Err(Usage::new(message).into()),
        _ => bail!("{message} ({status})"),
    }
}
