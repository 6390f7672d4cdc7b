//! The REST API (contract connect-rest). It knows nothing of a worker but its herder and its loggers.
//!
//! A request passes these in turn: the guard against foreign web pages, the path, the method, the Accept and
//! Content-Type headers, the body's bounds, the resource. What a resource asks of the herder runs on although the
//! client goes away or its time is over, so that no change stops half way.

mod admin;
mod answer;
mod body;
mod connectors;
mod dead_letters;
mod dispatch;
mod endpoints;
mod faults;
mod forward;
mod guard;
mod health;
mod json;
mod logs;
mod media;
mod offsets;
mod openapi;
mod plugins;
mod preview;
mod query;
mod route;
mod scrape;
mod server;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use millrace_wire::metrics::Registry;

pub use faults::FaultControl;
pub use scrape::MetricsServer;
pub use server::{BindError, RestServer, bind};

use crate::config::{Readiness, ResponseHeader, RestConfig};
use crate::herder::{Herder, HerderError};
use crate::logging::Loggers;
use crate::preview::Previewer;
use answer::Answer;
use body::Bodies;
pub(crate) use dead_letters::DeadLetterService;
use endpoints::Endpoint;
use guard::Guard;

/// How long a request waits for the worker.
const REQUEST_DEADLINE: Duration = Duration::from_secs(90);

/// Which resources a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    /// All of them.
    All,
    /// All but those below `/admin`.
    Public,
    /// Only those below `/admin`.
    Admin,
}

impl Surface {
    /// Whether a listener of this kind has an endpoint.
    fn serves(self, endpoint: &Endpoint) -> bool {
        match self {
            Self::All => true,
            Self::Public => !endpoint.is_admin(),
            Self::Admin => endpoint.is_admin(),
        }
    }
}

/// What the resources need.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    herder: Arc<dyn Herder>,
    loggers: Arc<Loggers>,
    bodies: Bodies,
    guard: Guard,
    headers: Vec<(ResponseHeader, HeaderName)>,
    metrics: Arc<Registry>,
    readiness: Readiness,
    faults: Option<Arc<dyn FaultControl>>,
    preview: Option<Arc<Previewer>>,
    dead_letters: Option<Arc<DeadLetterService>>,
    /// Calls other workers, in a group.
    peers: Option<reqwest::Client>,
}

impl Api {
    /// The API of a worker.
    pub(crate) fn new(herder: Arc<dyn Herder>, loggers: Arc<Loggers>, config: &RestConfig) -> Self {
        let max = usize::try_from(config.request_max_bytes).unwrap_or(0);
        Self {
            herder,
            loggers,
            bodies: Bodies::new(max),
            guard: Guard::new(config),
            headers: response_headers(config),
            metrics: Arc::default(),
            readiness: config.readiness(),
            faults: None,
            preview: None,
            dead_letters: None,
            peers: None,
        }
    }

    /// The same, which passes on what other workers of its group have to answer.
    pub(crate) fn with_peers(self, peers: reqwest::Client) -> Self {
        Self {
            peers: Some(peers),
            ..self
        }
    }

    /// The same, which takes the faults of connectors that fail on purpose.
    pub(crate) fn with_faults(self, faults: Option<Arc<dyn FaultControl>>) -> Self {
        Self { faults, ..self }
    }

    /// The same, which takes records through configurations for whoever wants to see it.
    pub(crate) fn with_preview(self, preview: Previewer) -> Self {
        Self {
            preview: Some(Arc::new(preview)),
            ..self
        }
    }

    /// The same, which shows and replays dead letters.
    pub(crate) fn with_dead_letters(self, service: DeadLetterService) -> Self {
        Self {
            dead_letters: Some(Arc::new(service)),
            ..self
        }
    }

    /// Whether this worker has an endpoint on a listener of this kind.
    fn serves(&self, surface: Surface, endpoint: &Endpoint) -> bool {
        surface.serves(endpoint)
            && (self.faults.is_some() || !endpoint.is_of_faults())
            && (self.preview.is_some() || !endpoint.is_of_previews())
            && (self.dead_letters.is_some() || !endpoint.is_of_dead_letters())
    }

    /// The same, which shows these figures at `/metrics`.
    pub(crate) fn with_metrics(self, metrics: Arc<Registry>) -> Self {
        Self { metrics, ..self }
    }

    /// Has the herder do something; gives up waiting, not the work, when the request's time is over.
    async fn ask<T, F, W>(&self, work: W) -> Result<T, Answer>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, HerderError>> + Send,
        W: FnOnce(Arc<dyn Herder>) -> F + Send + 'static,
    {
        let herder = Arc::clone(&self.herder);
        let running = tokio::spawn(async move { work(herder).await });
        match tokio::time::timeout(REQUEST_DEADLINE, running).await {
            Ok(Ok(outcome)) => outcome.map_err(Answer::from),
            Ok(Err(error)) => Err(internal(&format!(
                "the request failed inside the worker: {error}"
            ))),
            Err(_elapsed) => Err(internal(&self.timed_out())),
        }
    }

    fn timed_out(&self) -> String {
        let stage = self.herder.stage();
        let stage = stage.map_or(String::new(), |stage| format!(" {stage}"));
        format!("Request timed out.{stage}")
    }

    /// Adds what every answer gets.
    fn finish(&self, mut response: Response<Body>) -> Response<Body> {
        for (header, name) in &self.headers {
            let Ok(value) = HeaderValue::from_str(&header.text()) else {
                continue;
            };
            if header.replaces() {
                response.headers_mut().insert(name.clone(), value);
            } else {
                response.headers_mut().append(name.clone(), value);
            }
        }
        response
    }
}

/// What `response.http.headers.config` says; its validator has found it right.
fn response_headers(config: &RestConfig) -> Vec<(ResponseHeader, HeaderName)> {
    let headers = ResponseHeader::parse_all(&config.response_headers).unwrap_or_default();
    headers
        .into_iter()
        .filter_map(|header| {
            let name = header.name.parse().ok()?;
            Some((header, name))
        })
        .collect()
}

fn internal(message: &str) -> Answer {
    Answer::error(StatusCode::INTERNAL_SERVER_ERROR, message)
}
