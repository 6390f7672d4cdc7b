//! The worker's REST API as a test sees it: a status and a JSON body.

use std::time::Duration;

use reqwest::{
    Method,
    blocking::{Client, ClientBuilder, Response},
};
use rustls::crypto::ring;
use serde_json::Value;

use crate::wait;

/// A client of one worker.
#[derive(Debug)]
pub struct Rest {
    client: Client,
    base: String,
}

/// An answer: its status and its body, null where it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// A client of plain HTTP, which trusts no certificates.
pub fn client() -> ClientBuilder {
    // Another client may have chosen the provider of this process before.
    let _chosen = ring::default_provider().install_default().is_ok();
    Client::builder().tls_certs_only([])
}

impl Rest {
    /// A client of the worker that listens at `address` (`host:port`).
    ///
    /// # Panics
    /// If no HTTP client can be made.
    pub fn new(address: &str) -> Self {
        let client = client()
            .timeout(Duration::from_secs(90))
            .build()
            .expect("an HTTP client");
        Self {
            client,
            base: format!("http://{address}"),
        }
    }

    /// Where the worker listens, as `host:port`.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None)
    }

    /// POST with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body))
    }

    /// PUT with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body))
    }

    /// PATCH with a JSON body.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body))
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None)
    }

    /// Sends raw bytes as JSON; the answer, or the way in which the connection failed.
    pub fn post_bytes(&self, path: &str, body: Vec<u8>) -> Result<Answer, reqwest::Error> {
        let request = self.client.post(format!("{}{path}", self.base));
        request
            .header("Content-Type", "application/json")
            .body(body)
            .send()
            .map(answer)
    }

    /// Waits until the connector and all of its tasks are in `state`.
    ///
    /// # Panics
    /// If they do not get there in time.
    pub fn await_state(&self, connector: &str, state: &str) {
        let what = format!("{connector} and its tasks to be {state}");
        wait::until(&what, Duration::from_secs(120), || {
            let status = self.get(&format!("/connectors/{connector}/status"));
            let is = |part: &Value| part["state"] == state;
            let tasks = status.body["tasks"].as_array();
            is(&status.body["connector"])
                && tasks.is_some_and(|tasks| !tasks.is_empty() && tasks.iter().all(is))
        });
    }

    fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        answer(
            request
                .send()
                .unwrap_or_else(|error| panic!("{path}: {error}")),
        )
    }
}

fn answer(response: Response) -> Answer {
    let status = response.status().as_u16();
    let text = response.text().unwrap_or_default();
    let body = serde_json::from_str(&text).unwrap_or_else(|_| {
        if text.is_empty() {
            Value::Null
        } else {
            text.into()
        }
    });
    Answer { status, body }
}
