//! What a request carries to prove who sends it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::ConnectError;
use millrace_api::config::Secret;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::SendError;
use super::config::{ApiKeyLocation, AuthType, ClientConfig};
use super::oauth::TokenSource;

/// The authentication of all requests of a client.
#[derive(Debug)]
pub(super) enum Auth {
    None,
    /// A fixed header.
    Header(HeaderName, HeaderValue),
    /// A fixed parameter of the query.
    Query(String, Secret),
    /// A token that is fetched, and fetched again before it expires.
    Token(Box<TokenSource>),
}

impl Auth {
    pub(super) fn new(
        config: &ClientConfig,
        client: &reqwest::Client,
    ) -> Result<Self, ConnectError> {
        let secret = |secret: &Option<Secret>| {
            secret
                .as_ref()
                .map(|secret| secret.expose().to_owned())
                .unwrap_or_default()
        };
        Ok(match config.auth_type {
            AuthType::None => Self::None,
            AuthType::Basic => {
                let user = config.user.as_deref().unwrap_or_default();
                Self::Header(AUTHORIZATION, basic(user, &secret(&config.password))?)
            }
            AuthType::Bearer => Self::Header(AUTHORIZATION, bearer(&secret(&config.bearer_token))?),
            AuthType::ApiKey => {
                let name = config.api_key_name.clone().unwrap_or_default();
                let value = secret(&config.api_key_value);
                match config.api_key_location {
                    ApiKeyLocation::Query => Self::Query(name, Secret::new(value)),
                    ApiKeyLocation::Header => Self::Header(
                        HeaderName::from_bytes(name.as_bytes()).map_err(|error| {
                            ConnectError::config("cannot use api.key.name as a header")
                                .caused_by(error)
                        })?,
                        hidden(&value)?,
                    ),
                }
            }
            AuthType::OAuth2 => Self::Token(Box::new(TokenSource::new(config, client.clone())?)),
        })
    }

    /// Authenticates `request`.
    ///
    /// # Errors
    /// When there is no token.
    pub(super) async fn sign(&self, request: &mut Request) -> Result<(), SendError> {
        match self {
            Self::None => {}
            Self::Header(name, value) => {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            Self::Query(name, value) => {
                request
                    .url_mut()
                    .query_pairs_mut()
                    .append_pair(name, value.expose());
            }
            Self::Token(source) => {
                let token = source.token().await?;
                request.headers_mut().insert(AUTHORIZATION, token);
            }
        }
        Ok(())
    }

    /// The server has refused the authentication of a request: true if another one can be had.
    pub(super) async fn refused(&self, request: &reqwest::header::HeaderMap) -> bool {
        match (self, request.get(AUTHORIZATION)) {
            (Self::Token(source), Some(used)) => {
                source.forget(used).await;
                true
            }
            _ => false,
        }
    }
}

pub(super) fn basic(user: &str, password: &str) -> Result<HeaderValue, ConnectError> {
    hidden(&format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    ))
}

pub(super) fn bearer(token: &str) -> Result<HeaderValue, ConnectError> {
    hidden(&format!("Bearer {token}"))
}

/// A header's value that is not shown in logs.
fn hidden(text: &str) -> Result<HeaderValue, ConnectError> {
    let mut value = HeaderValue::from_str(text).map_err(|error| {
        ConnectError::config(
            "cannot send the credentials, which have characters that no header may have",
        )
        .caused_by(error)
    })?;
    value.set_sensitive(true);
    Ok(value)
}
