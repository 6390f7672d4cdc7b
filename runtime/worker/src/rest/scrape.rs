//! `GET /metrics`: what Prometheus scrapes, beside the REST API or alone.
//!
//! It is no part of Kafka Connect's API, so it is not in the table of endpoints: it answers text rather than JSON, in the
//! format that the Accept header asks for. Where the worker has listeners for administration, it is served there only.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Response, StatusCode, header, request};
use millrace_wire::metrics::{Format, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::guard::Guard;
use super::{Surface, internal};
use crate::config::Listener;

const PATH: &str = "/metrics";

/// Answers a request to a listener of this kind; `None` for one that is not for the metrics.
pub(super) async fn answer(
    metrics: &Arc<Registry>,
    surface: Surface,
    parts: &request::Parts,
) -> Option<Answer> {
    let path = parts.uri.path();
    let is_it = path == PATH || path.strip_suffix('/') == Some(PATH);
    if !is_it || surface == Surface::Public {
        return None;
    }
    Some(match parts.method {
        Method::GET | Method::HEAD => scrape(metrics, &parts.headers).await,
        Method::OPTIONS => Answer::text(StatusCode::OK, "HEAD, GET, OPTIONS".to_owned())
            .with(header::ALLOW, "HEAD,GET,OPTIONS"),
        _ => Answer::framework_error(StatusCode::METHOD_NOT_ALLOWED),
    })
}

async fn scrape(metrics: &Arc<Registry>, headers: &HeaderMap) -> Answer {
    let accept: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let format = Format::accepted(&accept.join(","));
    let metrics = Arc::clone(metrics);
    match tokio::task::spawn_blocking(move || metrics.render(format)).await {
        Ok(text) => Answer::text_of_type(text, format.content_type()),
        Err(error) => internal(&format!("cannot collect the metrics: {error}")),
    }
}

/// A listener for `GET /metrics` and nothing else.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl MetricsServer {
    /// Listens at a place such as `http://127.0.0.1:9404` and answers on the current runtime.
    ///
    /// # Errors
    /// When the place is no http address, or its port cannot be opened.
    pub async fn start(place: &str, metrics: Arc<Registry>) -> io::Result<Self> {
        let parsed = Listener::parse(place)
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
        let listener = TcpListener::bind((parsed.host.as_str(), parsed.port)).await?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            log::warn!("metrics are served on {address}, beyond this host, without authentication");
        }
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let router = Router::new().fallback(move |request: Request| {
            let metrics = Arc::clone(&metrics);
            async move { alone(&metrics, address, request).await }
        });
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
            if let Err(error) = serving.await {
                log::error!("the metrics' listener ended: {error}");
            }
        });
        Ok(Self {
            address,
            stop,
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

async fn alone(metrics: &Arc<Registry>, address: SocketAddr, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let refusal = address
        .ip()
        .is_loopback()
        .then(|| Guard::of_own_names().refusal(&parts.headers))
        .flatten();
    let answer = match refusal {
        Some(why) => Answer::error(StatusCode::FORBIDDEN, &why),
        None => answer(metrics, Surface::All, &parts)
            .await
            .unwrap_or_else(|| Answer::framework_error(StatusCode::NOT_FOUND)),
    };
    answer.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: Method, path: &str, accept: &str) -> request::Parts {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept)
            .body(())
            .unwrap();
        request.into_parts().0
    }

    #[tokio::test]
    async fn the_metrics_are_where_administration_is() {
        let metrics = Arc::new(Registry::default());
        let get = parts(Method::GET, "/metrics", "*/*");
        for (surface, expected) in [
            (Surface::All, Some(StatusCode::OK)),
            (Surface::Admin, Some(StatusCode::OK)),
            (Surface::Public, None),
        ] {
            let answer = answer(&metrics, surface, &get).await;
            assert_eq!(answer.map(|answer| answer.status), expected, "{surface:?}");
        }
    }

    #[tokio::test]
    async fn the_accept_header_chooses_the_format() {
        let metrics = Arc::new(Registry::default());
        for (accept, expected) in [
            ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
            (
                "application/openmetrics-text;version=1.0.0",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
        ] {
            let get = parts(Method::GET, "/metrics/", accept);
            let answer = answer(&metrics, Surface::All, &get).await.unwrap();
            let response = answer.into_response();
            assert_eq!(response.headers()[header::CONTENT_TYPE], expected);
        }
    }

    #[tokio::test]
    async fn other_paths_and_methods_are_not_its_own() {
        let metrics = Arc::new(Registry::default());
        let other = parts(Method::GET, "/metricsx", "*/*");
        assert!(answer(&metrics, Surface::All, &other).await.is_none());
        let post = parts(Method::POST, "/metrics", "*/*");
        let answer = answer(&metrics, Surface::All, &post).await.unwrap();
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}
