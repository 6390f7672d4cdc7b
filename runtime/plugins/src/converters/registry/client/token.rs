//! Bearer tokens from an issuer (OAuth 2.0, client credentials): asked for once, and again when the registry refuses one.

use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::config::Secret;
use reqwest::Client;
use serde_json::Value as Json;

use super::super::config::AccessConfig;
use super::error::CallError;
use super::transport::chain;

/// The issuer, and the token that it gave last.
#[derive(Debug)]
pub(super) struct Tokens {
    issuer: Option<String>,
    client_id: String,
    client_secret: Secret,
    scope: Option<String>,
    last: Mutex<Option<Secret>>,
}

impl Tokens {
    pub(super) fn new(access: &AccessConfig) -> Self {
        Self {
            issuer: access.issuer.clone(),
            client_id: access.client_id.clone().unwrap_or_default(),
            client_secret: access.client_secret.clone().unwrap_or_default(),
            scope: access.scope.clone(),
            last: Mutex::default(),
        }
    }

    /// Has the next call ask for a new token.
    pub(super) fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A token, asked for if there is none.
    pub(super) async fn token(&self, client: &Client) -> Result<String, CallError> {
        let last = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(token) = last {
            return Ok(token.expose().to_owned());
        }
        let token = self.ask(client).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Secret::new(token.clone()));
        Ok(token)
    }

    async fn ask(&self, client: &Client) -> Result<String, CallError> {
        let Some(issuer) = &self.issuer else {
            return Err(CallError::Settings(
                "bearer.auth.credentials.source=OAUTHBEARER needs bearer.auth.issuer.endpoint.url, bearer.auth.client.id and bearer.auth.client.secret".to_owned(),
            ));
        };
        let away = |why: String| CallError::Away {
            tried: format!("{issuer} (bearer.auth.issuer.endpoint.url)"),
            why,
        };
        let credentials = format!("{}:{}", self.client_id, self.client_secret.expose());
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            let mut pairs =
                reqwest::Url::parse("http://scope").map_err(|error| away(error.to_string()))?;
            pairs.query_pairs_mut().append_pair("scope", scope);
            form.push('&');
            form.push_str(pairs.query().unwrap_or_default());
        }
        let request = client
            .post(issuer)
            .header(
                "Authorization",
                format!("Basic {}", STANDARD.encode(credentials)),
            )
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        let response = request.send().await.map_err(|error| away(chain(&error)))?;
        let status = response.status().as_u16();
        let answer: Json = response.json().await.unwrap_or_default();
        match answer.get("access_token").and_then(Json::as_str) {
            Some(token) => Ok(token.to_owned()),
            None => Err(CallError::Settings(format!(
                "the issuer of tokens at {issuer} gives none (status {status}); check bearer.auth.client.id, bearer.auth.client.secret and bearer.auth.scope"
            ))),
        }
    }
}
