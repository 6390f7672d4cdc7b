//! Passing a request on to the worker that has to answer it (contract connect-internals, section 2.5).
//!
//! The first hop says `forward=true`, the second `forward=false`; who gets the latter and still has to pass it on
//! answers 409. Method, path, body and the other parameters stay; of the headers only `Authorization` goes along.

use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode, header, request};

use super::answer::Answer;
use super::internal;

/// How long the other worker may take: as long as this one's own clients wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
const FORWARD: &str = "forward";
/// The largest answer that is passed on.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A request that may have to be passed on.
#[derive(Debug, Clone)]
pub(super) struct Forwarded {
    method: Method,
    path: String,
    query: Vec<String>,
    /// What the request says of its hops.
    hop: Option<bool>,
    authorization: Option<String>,
    body: Vec<u8>,
}

impl Forwarded {
    pub(super) fn new(parts: &request::Parts, body: &[u8]) -> Self {
        let raw = parts.uri.query().unwrap_or_default();
        let is_hop = |part: &&str| part.split('=').next() == Some(FORWARD);
        let given: Vec<&str> = raw.split('&').filter(|part| !part.is_empty()).collect();
        let hop = given.iter().find(|part| is_hop(part)).map(|part| {
            part.split_once('=')
                .is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"))
        });
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: given
                .into_iter()
                .filter(|part| !is_hop(part))
                .map(str::to_owned)
                .collect(),
            hop,
            authorization: text(&parts.headers),
            body: body.to_vec(),
        }
    }

    /// The URL at another worker; none after the last hop.
    fn url(&self, worker: &str) -> Option<String> {
        let next = match self.hop {
            None => "true",
            Some(true) => "false",
            Some(false) => return None,
        };
        let mut query = vec![format!("{FORWARD}={next}")];
        query.extend(self.query.iter().cloned());
        let base = worker.trim_end_matches('/');
        Some(format!("{base}{}?{}", self.path, query.join("&")))
    }

    /// Asks the worker at `worker` and gives its answer.
    pub(super) async fn ask(self, client: &reqwest::Client, worker: &str) -> Answer {
        let Some(url) = self.url(worker) else {
            return Answer::error(
                StatusCode::CONFLICT,
                "Cannot complete request because of a conflicting operation (e.g. worker rebalance)",
            );
        };
        let mut request = client
            .request(self.method, url)
            .timeout(ANSWER_WITHIN)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "kafka-connect")
            .header(header::CONTENT_LENGTH, self.body.len())
            .body(self.body);
        if let Some(authorization) = self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        match request.send().await {
            Ok(answer) => passed_on(answer).await,
            Err(error) => failed(&error),
        }
    }
}

async fn passed_on(answer: reqwest::Response) -> Answer {
    let status = answer.status();
    let is_json = answer.headers().contains_key(header::CONTENT_TYPE);
    let location = answer.headers().get(header::LOCATION).cloned();
    let is_large = |length| length > ANSWER_BYTES_MAX as u64;
    if answer.content_length().is_some_and(is_large) {
        return internal("the answer of the other worker is too large");
    }
    let body = match answer.bytes().await {
        Ok(body) => body.to_vec(),
        Err(error) => return failed(&error),
    };
    let answer = Answer::of_other(status, body, is_json);
    match location
        .as_ref()
        .and_then(|location| location.to_str().ok())
    {
        Some(location) => answer.with(header::LOCATION, location),
        None => answer,
    }
}

fn failed(error: &reqwest::Error) -> Answer {
    internal(&format!(
        "IO Error trying to forward REST request: {}",
        crate::causes::chain(error)
    ))
}

fn text(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?;
    value.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::Forwarded;

    #[test]
    fn a_request_is_passed_on_twice_at_most() {
        let url = |target: &str| {
            let (parts, ()) = Request::builder()
                .uri(target)
                .body(())
                .unwrap()
                .into_parts();
            Forwarded::new(&parts, b"").url("http://w:8083/")
        };
        assert_eq!(
            url("/connectors/a%20b/restart?includeTasks=true&onlyFailed=false").unwrap(),
            "http://w:8083/connectors/a%20b/restart?forward=true&includeTasks=true&onlyFailed=false"
        );
        assert_eq!(
            url("/connectors?forward=True").unwrap(),
            "http://w:8083/connectors?forward=false"
        );
        assert_eq!(url("/connectors?forward=false"), None);
    }
}
