//! Calls to HTTP servers: authentication, TLS, proxy, time limits, and answers that are read up to a bound.
//!
//! Retries are not here: who calls knows what may be sent twice.

mod auth;
mod config;
mod handshake;
pub(crate) mod headers;
mod oauth;
mod tls;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use millrace_api::ConnectError;
use reqwest::header::HeaderMap;
use reqwest::{Proxy, Request, StatusCode, Url, redirect};
use thiserror::Error;
use tokio::time::Instant;

use auth::Auth;
pub(crate) use config::{ClientConfig, millis};
pub(crate) use tls::faults as tls_faults;

/// The redirections followed one after the other.
const REDIRECTS_MAX: usize = 5;
/// Characters of an answer's body that a message shows.
const EXCERPT: usize = 1024;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(50);

/// Why a request has no answer.
#[derive(Debug, Error)]
pub(crate) enum SendError {
    /// The whole answer did not come in time.
    #[error("no complete answer within {} ms (http.request.timeout.ms)", .0.as_millis())]
    Timeout(Duration),
    /// No connection, or it broke.
    #[error("{}", chain(.0))]
    Transport(reqwest::Error),
    /// There is no token to send.
    #[error("cannot get a token: {reason}")]
    Token {
        /// Whether asking again may help.
        retriable: bool,
        /// What the token server did.
        reason: String,
    },
}

impl SendError {
    /// Whether another try can succeed.
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            Self::Transport(error) => !error.is_builder(),
            Self::Token { retriable, .. } => *retriable,
        }
    }
}

/// The error with its causes and the server's address, without the rest of the URL, which may hold secrets.
fn chain(error: &reqwest::Error) -> String {
    use std::error::Error as _;
    let server = error.url().and_then(address);
    let server = server.as_deref().unwrap_or("the server");
    let mut text = match () {
        () if error.is_connect() => format!("cannot connect to {server}"),
        () if error.is_body() || error.is_decode() => format!("the answer of {server} broke off"),
        () => format!("the exchange with {server} failed"),
    };
    if let Some(why) = handshake::explain(error) {
        return format!("{text}: {why}");
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Host and port of a URL.
fn address(url: &Url) -> Option<String> {
    let port = url.port_or_known_default()?;
    Some(format!("{}:{port}", url.host_str()?))
}

/// A server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, up to the bound that was asked for.
    pub(crate) body: Bytes,
    /// Whether the whole body is there: it was not longer than the bound and did not break off.
    pub(crate) whole: bool,
}

impl Answer {
    /// The beginning of the body, for messages.
    pub(crate) fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let shown: String = text.chars().take(EXCERPT).collect();
        let shown = shown.trim();
        match (
            shown.is_empty(),
            shown.len() < text.trim().len() || !self.whole,
        ) {
            (true, _) => "(no body)".to_owned(),
            (false, false) => shown.to_owned(),
            (false, true) => format!("{shown}…"),
        }
    }
}

/// Which redirections are followed, never to another host or from `https` to `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// 307 and 308, which keep method and body.
    KeepingMethod,
    /// All of them; for requests that only read.
    All,
}

/// Sends requests with the settings of a connector.
#[derive(Debug)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
    auth: Auth,
    timeout: Duration,
}

impl HttpClient {
    /// A client for servers that are called with `https` or not.
    ///
    /// # Errors
    /// When certificates, keys or credentials cannot be used.
    pub(crate) async fn open(
        config: &ClientConfig,
        https: bool,
        redirects: Redirects,
    ) -> Result<Self, ConnectError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("millrace/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout())
            .pool_idle_timeout(IDLE)
            .redirect(policy(redirects))
            .no_proxy();
        let token_https = config
            .oauth2_token_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https"));
        let mut builder = tls::configure(builder, config, https || token_https).await?;
        if let Some(proxy) = proxy(config)? {
            builder = builder.proxy(proxy);
        }
        let client = builder
            .build()
            .map_err(|error| ConnectError::config("cannot make an HTTP client").caused_by(error))?;
        Ok(Self {
            auth: Auth::new(config, &client)?,
            client,
            timeout: config.request_timeout(),
        })
    }

    /// Sends `request` and reads up to `body_max` bytes of the answer. If the server refuses a token, it is sent once more
    /// with a new one.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn send(
        &self,
        request: Request,
        body_max: usize,
    ) -> Result<Answer, SendError> {
        let again = match &self.auth {
            Auth::Token(_) => request.try_clone(),
            _ => None,
        };
        let (answer, used) = self.send_signed(request, body_max).await?;
        match again {
            Some(again)
                if answer.status == StatusCode::UNAUTHORIZED && self.auth.refused(&used).await =>
            {
                Ok(self.send_signed(again, body_max).await?.0)
            }
            _ => Ok(answer),
        }
    }

    async fn send_signed(
        &self,
        mut request: Request,
        body_max: usize,
    ) -> Result<(Answer, HeaderMap), SendError> {
        self.auth.sign(&mut request).await?;
        let used = match &self.auth {
            Auth::Token(_) => request.headers().clone(),
            _ => HeaderMap::new(),
        };
        let answer = exchange(&self.client, request, self.timeout, body_max).await?;
        Ok((answer, used))
    }
}

/// One request and its answer. An answer whose status has come counts, although its body may break off or never end.
async fn exchange(
    client: &reqwest::Client,
    request: Request,
    timeout: Duration,
    body_max: usize,
) -> Result<Answer, SendError> {
    let deadline = Instant::now() + timeout;
    let response = tokio::time::timeout_at(deadline, client.execute(request)).await;
    let mut response = response
        .map_err(|_| SendError::Timeout(timeout))?
        .map_err(SendError::Transport)?;
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = BytesMut::new();
    let reading = read_body(&mut response, &mut body, body_max);
    let whole = tokio::time::timeout_at(deadline, reading).await;
    Ok(Answer {
        status,
        headers,
        whole: whole.unwrap_or(false),
        body: body.freeze(),
    })
}

/// Reads into `body`; true if that is all of it.
async fn read_body(response: &mut reqwest::Response, body: &mut BytesMut, body_max: usize) -> bool {
    loop {
        match response.chunk().await {
            Ok(None) => return true,
            Ok(Some(chunk)) => {
                let room = body_max - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
}

fn policy(redirects: Redirects) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        let status = attempt.status().as_u16();
        let kept = redirects == Redirects::All || matches!(status, 307 | 308);
        let hops = attempt.previous().len();
        let near = attempt.previous().last().is_some_and(|from| {
            let to = attempt.url();
            from.host_str() == to.host_str() && (from.scheme() != "https" || to.scheme() == "https")
        });
        match kept && near && hops <= REDIRECTS_MAX {
            true => attempt.follow(),
            false => attempt.stop(),
        }
    })
}

fn proxy(config: &ClientConfig) -> Result<Option<Proxy>, ConnectError> {
    let Some(host) = config.proxy_host.as_deref().filter(|host| !host.is_empty()) else {
        return Ok(None);
    };
    let proxy = Proxy::all(format!("http://{host}:{}", config.proxy_port)).map_err(|error| {
        ConnectError::config(format!("cannot use http.proxy.host {host}")).caused_by(error)
    })?;
    let password = config
        .proxy_password
        .as_ref()
        .map_or("", |password| password.expose());
    Ok(Some(match config.proxy_user.as_deref() {
        Some(user) if !user.is_empty() => proxy.basic_auth(user, password),
        _ => proxy,
    }))
}
