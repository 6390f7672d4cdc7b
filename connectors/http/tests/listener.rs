//! What the listener takes and what it refuses, over real connections; a test takes the part of worker and broker.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use millrace_http::HttpListener;
use millrace_testkit::{MemoryOffsets, SourceRun, free_port, properties};
use reqwest::{Client, RequestBuilder, Response};
use sha2::Sha256;

const PATIENCE: Duration = Duration::from_secs(60);

/// A listener with a worker that stores all that it is given.
struct Running {
    client: Client,
    base: String,
    run: SourceRun<HttpListener>,
}

impl Running {
    async fn start(pairs: &[(&str, &str)]) -> Self {
        // Plain HTTP needs no provider, but the client asks for one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let port = free_port().to_string();
        let base = [("port", port.as_str()), ("topic", "hooks")];
        let properties = properties(base.iter().chain(pairs));
        let offsets = MemoryOffsets::default();
        let started = SourceRun::start(HttpListener::default(), &properties, &offsets);
        Self {
            client: Client::new(),
            base: format!("http://127.0.0.1:{port}"),
            run: started
                .await
                .unwrap_or_else(|error| panic!("{}", error.trace())),
        }
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).body(body)
    }

    /// Sends a request while the worker stores what comes.
    async fn send(&mut self, request: RequestBuilder) -> Response {
        let sent = request.send();
        tokio::pin!(sent);
        loop {
            let records = tokio::select! {
                answer = &mut sent => return answer.unwrap(),
                polled = self.run.poll() => polled.unwrap().map_or(0, |batch| batch.len()),
            };
            self.run.acknowledge(records).await;
        }
    }

    async fn status(&mut self, request: RequestBuilder) -> u16 {
        self.send(request).await.status().as_u16()
    }
}

#[tokio::test]
async fn paths_methods_and_credentials() {
    let mut running = Running::start(&[
        ("path", "/hooks/*"),
        ("auth.type", "bearer"),
        ("bearer.token", "t0ken"),
    ])
    .await;
    let good = |running: &Running| running.post("/hooks/a", "x").bearer_auth("t0ken");
    let request = good(&running);
    assert_eq!(running.status(request).await, 200);
    let elsewhere = running.post("/other", "x").bearer_auth("t0ken");
    assert_eq!(running.status(elsewhere).await, 404);
    let without = running.post("/hooks/a", "x");
    let refused = running.send(without).await;
    assert_eq!(refused.status(), 401);
    assert!(
        refused.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
    let get = running.client.get(format!("{}/hooks/a", running.base));
    let refused = running.send(get).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["allow"]),
        (405, &"POST".parse().unwrap())
    );
    let health = running.client.get(format!("{}/health", running.base));
    assert_eq!(running.status(health).await, 200);
    running.run.stop().await;
}

#[tokio::test]
async fn bodies_beyond_the_limits() {
    let mut running = Running::start(&[
        ("body.bytes.max", "1000"),
        ("waiting.bytes.max", "1200"),
        ("records.max", "3"),
        ("format", "lines"),
    ])
    .await;
    let request = running.post("/", "x".repeat(1001));
    assert_eq!(running.status(request).await, 413);
    let request = running.post("/", "a\nb\nc\nd");
    assert_eq!(running.status(request).await, 413);
    let request = running.post("/", "a\nb\nc");
    assert_eq!(running.status(request).await, 200);
    let request = running.post("/", "x").header("Content-Encoding", "br");
    assert_eq!(running.status(request).await, 415);
    // What waits for the broker counts against the next request.
    let first = tokio::spawn(running.post("/", "x".repeat(900)).send());
    let polled = running.run.poll_records(1).await.unwrap();
    assert_eq!(polled.len(), 1);
    let refused = running.post("/", "y".repeat(900)).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "5");
    running.run.acknowledge(1).await;
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    let request = running.post("/", "y".repeat(900));
    assert_eq!(running.status(request).await, 200);
    running.run.stop().await;
}

#[tokio::test]
async fn a_broker_that_does_not_answer_closes_the_gate_until_it_does() {
    let mut running =
        Running::start(&[("acknowledge.timeout.ms", "50"), ("requests.max", "1")]).await;
    let waiting = tokio::spawn(running.post("/", "first").send());
    running.run.poll_records(1).await.unwrap();
    let refused = running.post("/", "beside").send().await.unwrap();
    assert!(matches!(refused.status().as_u16(), 429 | 503));
    assert_eq!(waiting.await.unwrap().unwrap().status(), 503);
    let refused = running.post("/", "second").send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.text().await.unwrap().contains("broker"));
    running.run.acknowledge(1).await;
    // On a busy machine an acknowledgement may come too late, and is made up for.
    let begun = Instant::now();
    loop {
        let request = running.post("/", "third");
        match running.status(request).await {
            200 => break,
            status => assert!(status == 503 && begun.elapsed() < PATIENCE, "{status}"),
        }
    }
    running.run.stop().await;
}

#[tokio::test]
async fn ids_are_stored_once() {
    let mut running = Running::start(&[("id.header", "X-Id"), ("id.window", "2")]).await;
    for (id, expected) in [
        ("a", "{\"records\":1}"),
        ("a", "{\"records\":0,\"duplicate\":true}"),
        ("b", "{\"records\":1}"),
        ("c", "{\"records\":1}"),
        ("a", "{\"records\":1}"),
    ] {
        let request = running.post("/", "x").header("X-Id", id);
        assert_eq!(
            running.send(request).await.text().await.unwrap(),
            expected,
            "{id}"
        );
    }
    // One that is on its way is neither stored again nor said to be stored.
    let first = tokio::spawn(running.post("/", "x").header("X-Id", "d").send());
    running.run.poll_records(1).await.unwrap();
    let second = running
        .post("/", "x")
        .header("X-Id", "d")
        .send()
        .await
        .unwrap();
    assert_eq!(second.status(), 409);
    running.run.acknowledge(1).await;
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    running.run.stop().await;
}

#[tokio::test]
async fn only_signed_bodies_are_taken() {
    let mut running =
        Running::start(&[("signature.type", "github"), ("signature.secret", "s")]).await;
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"s").unwrap();
    mac.update(b"{\"a\":1}");
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for (body, expected) in [("{\"a\":1}", 200), ("{\"a\":2}", 401)] {
        let request = running
            .post("/", body)
            .header("X-Hub-Signature-256", format!("sha256={hex}"));
        assert_eq!(running.status(request).await, expected, "{body}");
    }
    let unsigned = running.post("/", "{\"a\":1}");
    assert_eq!(running.status(unsigned).await, 401);
    running.run.stop().await;
}

#[tokio::test]
async fn tls_with_certificate_and_key_from_files() {
    let file = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let (certificate, key) = (file("localhost.pem"), file("localhost.key.pem"));
    let mut running = Running::start(&[("tls.certificate", &certificate), ("tls.key", &key)]).await;
    let pem = std::fs::read(&certificate).unwrap();
    let trusted = reqwest::Certificate::from_pem(&pem).unwrap();
    let client = Client::builder().tls_certs_only([trusted]).build().unwrap();
    let url = running
        .base
        .replace("http://127.0.0.1", "https://localhost");
    let request = client.post(&url).body("x");
    assert_eq!(running.status(request).await, 200);
    let plain = running.post("/", "x").send().await;
    assert!(plain.is_err(), "{plain:?}");
    running.run.stop().await;
}

#[tokio::test]
async fn slow_clients_and_large_headers_are_let_go() {
    let running = Running::start(&[
        ("slow.client.timeout.ms", "1500"),
        ("header.bytes.max", "8192"),
        ("connections.max", "2"),
    ])
    .await;
    let address = running.base.trim_start_matches("http://").to_owned();
    let talk = move |head: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        // A reset after the answer is as good as its end.
        let _end = stream.read_to_string(&mut answer).is_ok();
        answer
    };
    let answers = tokio::task::spawn_blocking(move || {
        [
            talk("POST / HTTP/1.1\r\nHost: x\r\n"),
            talk("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"),
            talk(&format!(
                "POST / HTTP/1.1\r\nX: {}\r\n\r\n",
                "y".repeat(20_000)
            )),
        ]
    });
    let [no_headers, no_body, large] = answers.await.unwrap();
    assert!(!no_headers.contains(" 200 "), "{no_headers}");
    assert!(no_body.contains(" 408 "), "{no_body}");
    assert!(large.contains(" 431 "), "{large}");
    running.run.stop().await;
}
