//! The listener passes the suite of all connectors, as far as it fits a source that is sent to.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::Properties;
use millrace_http::HttpListener;
use millrace_testkit::conformance::{self, PushFixture, SourceFixture};
use millrace_testkit::free_port;
use tokio::task::JoinSet;

/// Bytes of a request.
const REQUEST_BYTES: usize = 500_000;

/// Senders that try until they are answered with success.
struct Fixture {
    client: reqwest::Client,
    port: u16,
    senders: JoinSet<()>,
    answered: Arc<AtomicUsize>,
}

fn properties(port: u16, pairs: &[(&str, &str)]) -> Properties {
    let base = [
        ("port", port.to_string()),
        ("topic", "hooks".to_owned()),
        ("format", "lines".to_owned()),
        ("waiting.bytes.max", "67108864".to_owned()),
    ];
    let given = pairs.iter().map(|(key, value)| (*key, (*value).to_owned()));
    let all: BTreeMap<_, _> = base.into_iter().chain(given).collect();
    all.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

async fn send(client: &reqwest::Client, url: &str, body: String) {
    loop {
        let sent = client.post(url).body(body.clone()).send().await;
        if sent.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[async_trait]
impl SourceFixture for Fixture {
    type Connector = HttpListener;

    fn connector(&self) -> HttpListener {
        HttpListener::default()
    }

    async fn reset(&mut self) -> Properties {
        self.senders = JoinSet::new();
        self.answered = Arc::default();
        self.port = free_port();
        properties(self.port, &[])
    }

    async fn produce(&mut self, values: &[String]) {
        let mut bodies = vec![(String::new(), 0)];
        for value in values {
            if let Some((body, count)) = bodies.last_mut() {
                body.push_str(value);
                body.push('\n');
                *count += 1;
                if body.len() > REQUEST_BYTES {
                    bodies.push((String::new(), 0));
                }
            }
        }
        for (body, count) in bodies {
            let (client, answered) = (self.client.clone(), Arc::clone(&self.answered));
            let url = format!("http://127.0.0.1:{}/", self.port);
            self.senders.spawn(async move {
                send(&client, &url, body).await;
                answered.fetch_add(count, Ordering::Relaxed);
            });
        }
    }

    async fn refused(&mut self) -> Vec<conformance::Refused> {
        let port = free_port();
        let case =
            |pairs: &[(&str, &str)], mention: &str| (properties(port, pairs), mention.to_owned());
        vec![
            case(&[("port", "x")], "port"),
            case(&[("topic", "")], "topic"),
            case(&[("topic", "${path.1}")], "topics.allowed"),
            case(&[("signature.type", "stripe")], "signature.secret"),
            case(&[("host", "256.0.0.1")], "256.0.0.1"),
            case(
                &[("tls.certificate", "/gone.pem"), ("tls.key", "/gone.pem")],
                "/gone.pem",
            ),
        ]
    }
}

#[async_trait]
impl PushFixture for Fixture {
    async fn answered(&mut self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    // Plain HTTP needs no provider, but the client asks for one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut fixture = Fixture {
        client: reqwest::Client::new(),
        port: 0,
        senders: JoinSet::new(),
        answered: Arc::default(),
    };
    conformance::pushed_source(&mut fixture).await;
}
