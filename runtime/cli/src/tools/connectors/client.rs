//! Asking workers by Kafka Connect's REST API and nothing else, so that Java's workers answer as well as Millrace's.
//!
//! Of several workers the first that takes a connection is asked, and is kept. What passes by itself, as a rebalance
//! does, is asked again for a while.

use std::{cell::Cell, time::Duration};

use anyhow::Context as _;
use reqwest::{Certificate, Method};
use serde_json::Value;

use super::{context::Target, error::Refusal};
use crate::tools::run::{NoWorker, Usage};

/// Connect itself gives up after 90 seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(100);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How often, and how long apart, a request is repeated that the worker cannot take at the moment.
const REPETITIONS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(250);

/// A cluster of workers.
#[derive(Debug)]
pub(super) struct Workers {
    http: reqwest::Client,
    target: Target,
    /// The worker that answered last.
    chosen: Cell<usize>,
}

/// What a worker answered with success.
#[derive(Debug)]
pub(super) struct Answer {
    /// Null where there is none.
    pub(super) body: Value,
}

impl Workers {
    /// # Errors
    /// A certificate that cannot be read, or URLs that are none.
    pub(super) fn new(target: Target) -> anyhow::Result<Self> {
        // Another client may have chosen the provider of this process before.
        let _chosen = rustls::crypto::ring::default_provider()
            .install_default()
            .is_ok();
        for url in &target.urls {
            reqwest::Url::parse(url)
                .map_err(|error| Usage::new(format!("{url} is no URL of a worker: {error}")))?;
        }
        let builder = reqwest::Client::builder();
        let builder = match target.certificates()? {
            Some(pem) => builder.tls_certs_only(
                Certificate::from_pem_bundle(&pem)
                    .context("the certificates to trust cannot be read")?,
            ),
            // Without a worker at https the system's own need not be read.
            None if target.urls.iter().all(|url| url.starts_with("http:")) => {
                builder.tls_certs_only([])
            }
            None => builder,
        };
        let http = builder
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self {
            http,
            target,
            chosen: Cell::default(),
        })
    }

    /// Where the brokers of these workers are, if the context says so.
    pub(super) fn bootstrap_servers(&self) -> Option<&str> {
        self.target.bootstrap_servers.as_deref()
    }

    /// The body of a GET.
    ///
    /// # Errors
    /// As [`Workers::send`].
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.send(Method::GET, path, None).await?.body)
    }

    /// Sends a request, again where that may help.
    ///
    /// # Errors
    /// [`NoWorker`] where none takes a connection, [`Refusal`] where one answers with an error.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let mut left = REPETITIONS;
        loop {
            let outcome = self.once(&method, path, body).await;
            let passes = outcome
                .as_ref()
                .is_err_and(|error| error.downcast_ref::<Refusal>().is_some_and(Refusal::passes));
            if !passes || left == 0 {
                return outcome;
            }
            left -= 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks the first worker that takes a connection.
    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let count = self.target.urls.len();
        let mut silent = Vec::new();
        for step in 0..count {
            let index = (self.chosen.get() + step) % count;
            let base = &self.target.urls[index];
            let url = format!("{}{path}", base.trim_end_matches('/'));
            let mut request = self
                .http
                .request(method.clone(), &url)
                .header("Accept", "application/json");
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(user) = &self.target.user {
                request = request.basic_auth(user, self.target.password.as_ref());
            }
            match request.send().await {
                Ok(response) => {
                    self.chosen.set(index);
                    return answer(method, url, response).await;
                }
                Err(error) if error.is_connect() => {
                    silent.push(format!("{base} ({})", root_cause(&error)));
                }
                Err(error) => {
                    return Err(error).with_context(|| {
                        format!("{method} {url} was not answered; it may have been carried out")
                    });
                }
            }
        }
        Err(NoWorker {
            worker: silent.join(", "),
        }
        .into())
    }
}

async fn answer(
    method: &Method,
    url: String,
    response: reqwest::Response,
) -> anyhow::Result<Answer> {
    let status = response.status();
    let text = response
        .text()
        .await
        .with_context(|| format!("the answer to {method} {url} ({status}) broke off"))?;
    if status.is_success() {
        let body = match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).with_context(|| {
                format!("the answer to {method} {url} ({status}) is no JSON; is a worker there?")
            })?,
        };
        return Ok(Answer { body });
    }
    let message = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|body| Some(body["message"].as_str()?.to_owned()))
        .unwrap_or_else(|| text.trim().chars().take(500).collect());
    Err(Refusal {
        method: method.clone(),
        url,
        status: status.as_u16(),
        message,
    }
    .into())
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// A path of a connector: its name as one segment, and what follows.
///
/// # Errors
/// Names that no path can hold.
pub(super) fn of(name: &str, rest: &str) -> Result<String, Usage> {
    Ok(format!("/connectors/{}{rest}", segment(name)?))
}

/// A text as one segment of a path.
///
/// # Errors
/// The two texts that mean something else there.
pub(super) fn segment(text: &str) -> Result<String, Usage> {
    if matches!(text, "" | "." | "..") {
        return Err(Usage::new(format!("'{text}' cannot be named in a path")));
    }
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn any_name_is_one_segment() {
        assert_eq!(
            of("a b/ü%$", "/status").unwrap(),
            "/connectors/a%20b%2F%C3%BC%25%24/status"
        );
        assert!(of("..", "").is_err());
    }
}
