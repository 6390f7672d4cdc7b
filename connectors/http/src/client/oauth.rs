//! OAuth 2 client credentials (RFC 6749, section 4.4): a token is fetched once for all requests, again shortly before
//! it expires, and once when a server refuses it.

use std::time::Duration;

use millrace_api::ConnectError;
use millrace_api::config::Secret;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::config::{ClientAuthMode, ClientConfig};
use super::{SendError, auth, exchange, headers};
use crate::template::percent_encode;

/// The largest answer of a token server that is read.
const ANSWER_MAX: usize = 64 << 10;
/// A token is fetched again so long before it expires, or when a tenth of its life is left.
const MARGIN: Duration = Duration::from_secs(60);

/// Fetches tokens and keeps the last one.
#[derive(Debug)]
pub(super) struct TokenSource {
    client: Client,
    url: Url,
    form: Secret,
    headers: HeaderMap,
    property: String,
    timeout: Duration,
    kept: Mutex<Option<Token>>,
}

#[derive(Debug, Clone)]
struct Token {
    authorization: HeaderValue,
    /// When to fetch the next one, and until when this one may stand in if that fails; none for no limit.
    life: Option<(Instant, Instant)>,
}

impl TokenSource {
    pub(super) fn new(config: &ClientConfig, client: Client) -> Result<Self, ConnectError> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let url = Url::parse(&text(&config.oauth2_token_url)).map_err(|error| {
            ConnectError::config("cannot use oauth2.token.url").caused_by(error)
        })?;
        let id = text(&config.oauth2_client_id);
        let secret = config
            .oauth2_client_secret
            .as_ref()
            .map_or("", Secret::expose);
        let mut fields = vec![("grant_type", "client_credentials")];
        let scope = text(&config.oauth2_client_scope);
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        match config.oauth2_client_auth_mode {
            ClientAuthMode::Url => {
                fields.extend([("client_id", id.as_str()), ("client_secret", secret)])
            }
            ClientAuthMode::Header => {
                let (mut user, mut password) = (String::new(), String::new());
                percent_encode(&mut user, &id);
                percent_encode(&mut password, secret);
                headers.insert(
                    reqwest::header::AUTHORIZATION,
                    auth::basic(&user, &password)?,
                );
            }
        }
        let given = headers::read(
            &config.oauth2_client_headers,
            &config.oauth2_client_header_separator,
        );
        for (name, value) in given.map_err(ConnectError::config)? {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                headers.insert(name, value);
            }
        }
        Ok(Self {
            client,
            url,
            form: Secret::new(encode(&fields)),
            headers,
            property: config.oauth2_token_property.clone(),
            timeout: config.request_timeout(),
            kept: Mutex::new(None),
        })
    }

    /// The value of the authorization header. Whoever comes while a token is fetched waits for the same one.
    pub(super) async fn token(&self) -> Result<HeaderValue, SendError> {
        let mut kept = self.kept.lock().await;
        let now = Instant::now();
        if let Some(token) = kept.as_ref()
            && token.life.is_none_or(|(renew, _)| now < renew)
        {
            return Ok(token.authorization.clone());
        }
        match self.fetch().await {
            Ok(token) => {
                let authorization = token.authorization.clone();
                *kept = Some(token);
                Ok(authorization)
            }
            Err(error) => match kept.as_ref() {
                Some(token) if token.life.is_some_and(|(_, end)| now < end) => {
                    log::warn!(
                        "could not renew a token and uses the old one while it lasts: {error}"
                    );
                    Ok(token.authorization.clone())
                }
                _ => Err(error),
            },
        }
    }

    /// Forgets the token if it is still the one that was `used`.
    pub(super) async fn forget(&self, used: &HeaderValue) {
        let mut kept = self.kept.lock().await;
        if kept
            .as_ref()
            .is_some_and(|token| token.authorization == *used)
        {
            *kept = None;
        }
    }

    async fn fetch(&self) -> Result<Token, SendError> {
        let mut request = Request::new(Method::POST, self.url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(self.form.expose().to_owned().into());
        let answer = exchange(&self.client, request, self.timeout, ANSWER_MAX).await;
        let answer = answer.map_err(|error| SendError::Token {
            retriable: error.is_retriable(),
            reason: error.to_string(),
        })?;
        let refused = |retriable: bool, reason: String| SendError::Token { retriable, reason };
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            let retriable = matches!(status, 408 | 425 | 429) || status >= 500;
            let reason = format!("the token server answered {status}: {}", answer.excerpt());
            return Err(refused(retriable, reason));
        }
        let parsed: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let token = parsed
            .as_ref()
            .and_then(|parsed| parsed.get(&self.property)?.as_str());
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            let property = &self.property;
            let reason = format!(
                "the token server's answer has no text '{property}'; check oauth2.token.property"
            );
            return Err(refused(true, reason));
        };
        let authorization =
            auth::bearer(token).map_err(|error| refused(false, error.to_string()))?;
        let life = parsed.as_ref().and_then(seconds).map(|life| {
            let life = Duration::from_secs(life);
            let now = Instant::now();
            (now + life.saturating_sub(MARGIN.min(life / 10)), now + life)
        });
        Ok(Token {
            authorization,
            life,
        })
    }
}

/// The life of a token, as a number or as text.
fn seconds(answer: &Value) -> Option<u64> {
    let life = answer.get("expires_in")?;
    let life = life.as_u64().or_else(|| life.as_str()?.parse().ok())?;
    // A hundred years are as good as for ever, and can be added to a time.
    Some(life.min(3_155_760_000))
}

fn encode(fields: &[(&str, &str)]) -> String {
    let mut form = String::new();
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        percent_encode(&mut form, value);
    }
    form
}
