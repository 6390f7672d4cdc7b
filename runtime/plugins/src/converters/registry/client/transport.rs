//! HTTP calls to a registry: failover between its addresses, repetition while it is away, credentials, and bounds on
//! time and size.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value as Json;

use super::super::config::{BasicSource, BearerSource, RegistryConfig};
use super::error::CallError;
use super::tls;
use super::token::Tokens;

/// What registries of this kind speak.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// A larger answer is none that a schema has; it is not read.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// One registry, at one or several addresses.
#[derive(Debug)]
pub(super) struct Transport {
    config: RegistryConfig,
    urls: Vec<Url>,
    /// The address that answered last.
    current: AtomicUsize,
    /// Whether calls fail at once, since one has just found no registry.
    away: AtomicBool,
    headers: BTreeMap<String, String>,
    client: Mutex<Option<Client>>,
    tokens: Tokens,
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Below the address; each part is still to be escaped.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Json>,
}

impl Transport {
    pub(super) fn new(
        config: RegistryConfig,
        headers: BTreeMap<String, String>,
    ) -> Result<Self, CallError> {
        let parse = |url: &String| {
            Url::parse(url).map_err(|error| {
                CallError::Settings(format!("schema.registry.url holds no address: {error}"))
            })
        };
        let mut urls: Vec<Url> = config.url.iter().map(parse).collect::<Result<_, _>>()?;
        if config.access.basic_source == BasicSource::UserInfo {
            for url in &mut urls {
                // Fails only for addresses without a host, which have no user either.
                url.set_username("").ok();
                url.set_password(None).ok();
            }
        }
        Ok(Self {
            tokens: Tokens::new(&config.access),
            config,
            urls,
            current: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            headers,
            client: Mutex::default(),
        })
    }

    /// The answer to `call`. Ends by the time that `http.read.timeout.ms` allows, however often it is repeated.
    pub(super) async fn answer(self: Arc<Self>, call: Call) -> Result<Json, CallError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(self.is_away("it did not answer a moment ago"));
        }
        let whole = millis(self.config.access.read_timeout_ms);
        let outcome = match tokio::time::timeout(whole, self.attempts(&call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.is_away(&format!(
                "no answer within {} ms (http.read.timeout.ms)",
                whole.as_millis()
            ))),
        };
        if matches!(outcome, Err(CallError::Away { .. })) {
            self.stay_away_for_a_while();
        }
        outcome
    }

    /// Spares the records that come next a wait of their own: until the next repetition would be due, calls fail at once.
    fn stay_away_for_a_while(self: &Arc<Self>) {
        self.away.store(true, Ordering::Relaxed);
        let transport = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(millis(transport.config.access.retry_wait_ms)).await;
            transport.away.store(false, Ordering::Relaxed);
        });
    }

    async fn attempts(&self, call: &Call) -> Result<Json, CallError> {
        let access = &self.config.access;
        let mut pause = millis(access.retry_wait_ms);
        let mut left = access.max_retries;
        loop {
            let error = match self.each_address(call).await {
                Err(error) if error.may_pass() => error,
                outcome => return outcome,
            };
            if left == 0 {
                return Err(error);
            }
            left -= 1;
            log::warn!("{error}; asking again in {} ms", pause.as_millis());
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(millis(access.retry_max_wait_ms));
        }
    }

    async fn each_address(&self, call: &Call) -> Result<Json, CallError> {
        let first = self.current.load(Ordering::Relaxed);
        let mut last = None;
        for offset in 0..self.urls.len() {
            let index = (first + offset) % self.urls.len();
            match self.once(&self.urls[index], call).await {
                Err(error) if error.may_pass() => last = Some(error),
                outcome => {
                    self.current.store(index, Ordering::Relaxed);
                    return outcome;
                }
            }
        }
        Err(last.unwrap_or_else(|| self.is_away("there is no address")))
    }

    async fn once(&self, url: &Url, call: &Call) -> Result<Json, CallError> {
        let client = self.client()?;
        let request = self.request(&client, url, call).await?;
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => {
                return Err(CallError::Settings(format!(
                    "cannot call {}: {}",
                    shown(url),
                    chain(&error)
                )));
            }
            Err(error) => return Err(self.is_away(&chain(&error))),
        };
        let status = response.status().as_u16();
        let bytes = self.body(url, response).await?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&bytes).map_err(|error| CallError::Unreadable {
                at: shown(url),
                why: format!("it is no JSON: {error}"),
            });
        }
        if status == 401 {
            self.tokens.forget();
        }
        Err(refusal(status, &bytes))
    }

    async fn body(&self, url: &Url, mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_MAX => {
                    bytes.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    return Err(CallError::Unreadable {
                        at: shown(url),
                        why: format!("it is longer than {ANSWER_MAX} bytes"),
                    });
                }
                Ok(None) => return Ok(bytes),
                Err(error) => return Err(self.is_away(&chain(&error))),
            }
        }
    }

    async fn request(
        &self,
        client: &Client,
        url: &Url,
        call: &Call,
    ) -> Result<RequestBuilder, CallError> {
        let mut url = url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let accept = format!("{MEDIA_TYPE}, application/vnd.schemaregistry+json, application/json");
        let mut request = client
            .request(call.method.clone(), url)
            .header("Accept", accept);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &call.body {
            request = request
                .header("Content-Type", MEDIA_TYPE)
                .body(body.to_string());
        }
        self.with_credentials(client, request).await
    }

    async fn with_credentials(
        &self,
        client: &Client,
        mut request: RequestBuilder,
    ) -> Result<RequestBuilder, CallError> {
        let access = &self.config.access;
        if access.basic_source == BasicSource::UserInfo
            && let Some(info) = &access.user_info
        {
            let (user, password) = match info.expose().split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (info.expose(), None),
            };
            return Ok(request.basic_auth(user, password));
        }
        let bearer = match access.bearer_source {
            BearerSource::Token => access.token.as_ref().map(|token| token.expose().to_owned()),
            BearerSource::Issuer => Some(self.tokens.token(client).await?),
        };
        let Some(bearer) = bearer else {
            return Ok(request);
        };
        for (name, value) in [
            ("target-sr-cluster", &access.logical_cluster),
            ("Confluent-Identity-Pool-Id", &access.identity_pool),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        Ok(request.bearer_auth(bearer))
    }

    fn client(&self) -> Result<Client, CallError> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let secure = self.urls.iter().any(|url| url.scheme() == "https")
            || self.config.access.issuer.is_some();
        let built = tls::client(&self.config.access, secure)?;
        *client = Some(built.clone());
        Ok(built)
    }

    fn is_away(&self, why: &str) -> CallError {
        let tried: Vec<String> = self.urls.iter().map(shown).collect();
        CallError::Away {
            tried: tried.join(", "),
            why: why.to_owned(),
        }
    }
}

/// What a registry says by an answer that is none of success.
fn refusal(status: u16, bytes: &[u8]) -> CallError {
    let json: Json = serde_json::from_slice(bytes).unwrap_or_default();
    let message = match json
        .get("message")
        .or_else(|| json.get("detail"))
        .and_then(Json::as_str)
    {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(&bytes[..bytes.len().min(300)])
            .trim()
            .to_owned(),
    };
    CallError::Refused {
        status,
        code: json
            .get("error_code")
            .and_then(Json::as_i64)
            .unwrap_or(status.into()),
        message: if message.is_empty() {
            "nothing".to_owned()
        } else {
            message
        },
    }
}

/// An address without its credentials.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for addresses without a host, which have no user either.
    url.set_username("").ok();
    url.set_password(None).ok();
    url.to_string()
}

/// An error with its causes, without the address, which may hold credentials.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    match text.is_empty() {
        true if error.is_timeout() => "connecting took too long".to_owned(),
        true => "the connection failed".to_owned(),
        false => text,
    }
}

fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_whatever_their_form() {
        for (body, expected) in [
            (
                r#"{"error_code":40901,"message":"no"}"#,
                "no (status 409, error code 40901)",
            ),
            (r#"{"detail":"no"}"#, "no (status 409, error code 409)"),
            (
                "<html>no</html>",
                "<html>no</html> (status 409, error code 409)",
            ),
            ("", "nothing (status 409, error code 409)"),
        ] {
            assert_eq!(refusal(409, body.as_bytes()).to_string(), expected);
        }
    }

    #[test]
    fn addresses_are_shown_without_credentials() {
        let url = Url::parse("https://user:secret@registry:8081/base").unwrap();
        assert_eq!(shown(&url), "https://registry:8081/base");
    }
}
