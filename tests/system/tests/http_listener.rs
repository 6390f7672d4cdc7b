//! The HTTP listener in the real binary: what it takes, what it refuses, and what it does while the broker stands still.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::{
    fs,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use millrace_system::{
    apart,
    pipeline::{self, Pipeline},
    process::Millrace,
    rest,
    sandbox::Sandbox,
    topic, wait,
};
use reqwest::blocking::{Client, Response};
use rustix::process::Signal;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const REST_PROXY: &str = "application/vnd.kafka.json.v2+json";

fn listener_file(sandbox: &Sandbox, port: u16, keys: &[(&str, &str)]) -> PathBuf {
    let port = port.to_string();
    let base = [
        ("name", "hooks"),
        ("connector.class", "HttpListener"),
        ("port", port.as_str()),
        ("topic", "hooks"),
    ];
    pipeline::properties_file(sandbox, "hooks.properties", base.iter().chain(keys))
}

fn client() -> Client {
    let client = rest::client().timeout(PATIENCE);
    client.build().unwrap()
}

fn post(client: &Client, port: u16, path: &str, media: &str, body: &str) -> Option<Response> {
    let request = client.post(format!("http://127.0.0.1:{port}{path}"));
    let request = request.header("Content-Type", media);
    request.body(body.to_owned()).send().ok()
}

fn values(sandbox: &Sandbox, topic: &str) -> Vec<String> {
    topic::values(&sandbox.join("data/broker"), &format!("{topic}-0"))
        .into_iter()
        .map(|value| String::from_utf8(value).unwrap())
        .collect()
}

/// Resident memory in bytes.
fn memory(process: &Millrace) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib * 1024
}

#[test]
fn requests_become_records_of_their_topics() {
    let sandbox = Sandbox::new();
    let port = apart::free_port();
    let keys = [
        ("topic", "hooks-${path.1}"),
        ("topics.allowed", "hooks-*,calls"),
        ("rest.proxy", "true"),
        ("retry.after.seconds", "7"),
    ];
    let mut pipeline = Pipeline::start(&sandbox, &[listener_file(&sandbox, port, &keys)]);
    pipeline.rest.await_state("hooks", "RUNNING");
    let client = client();
    let json =
        |path: &str, body: &str| post(&client, port, path, "application/json", body).unwrap();

    assert_eq!(json("/shop", r#"[{"a":1},{"a":2}]"#).status(), 200);
    assert_eq!(json("/shop", "{").status(), 400);
    assert_eq!(json("/a%20b", "{}").status(), 400);
    let call = r#"{"records":[{"value":{"n":1}},{"value":"two"}]}"#;
    for (topic, first) in [("calls", 0), ("calls", 2)] {
        let answer = post(&client, port, &format!("/topics/{topic}"), REST_PROXY, call).unwrap();
        let answer: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
        let place = |offset: i32| json!({"partition": 0, "offset": offset, "error_code": null, "error": null});
        assert_eq!(answer["offsets"], json!([place(first), place(first + 1)]));
    }
    let refused = post(&client, port, "/topics/other", REST_PROXY, call).unwrap();
    assert_eq!(refused.status(), 404);
    assert!(refused.text().unwrap().contains("40401"));

    pipeline.rest.put("/connectors/hooks/pause", &Value::Null);
    pipeline.rest.await_state("hooks", "PAUSED");
    let paused = json("/shop", "{}");
    assert_eq!(paused.status(), 503);
    assert_eq!(paused.headers()["retry-after"], "7");
    pipeline.rest.put("/connectors/hooks/resume", &Value::Null);
    pipeline.rest.await_state("hooks", "RUNNING");
    wait::until("the listener to go on", PATIENCE, || {
        json("/shop", "{}").status() == 200
    });

    assert!(pipeline.millrace.stop().success());
    assert_eq!(
        values(&sandbox, "hooks-shop"),
        [r#"{"a":1}"#, r#"{"a":2}"#, "{}"]
    );
    let twice = [r#"{"n":1}"#, r#""two""#].repeat(2);
    assert_eq!(values(&sandbox, "calls"), twice);
}

#[test]
fn everything_that_is_wrong_with_a_configuration_is_named() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let config = json!({
        "name": "hooks", "connector.class": "HttpListener", "port": "1", "auth.type": "basic",
        "signature.type": "github", "tls.key": "key.pem",
    });
    let answer = pipeline
        .rest
        .put("/connector-plugins/HttpListener/config/validate", &config);
    assert_eq!(answer.status, 200);
    let errors = |key: &str| {
        let configs = answer.body["configs"].as_array().unwrap();
        let config = configs.iter().find(|config| config["value"]["name"] == key);
        config.unwrap()["value"]["errors"].to_string()
    };
    for (key, remedy) in [
        ("topic", "name the topic"),
        ("connection.user", "auth.type"),
        ("connection.password", "auth.type"),
        ("signature.secret", "sender signs with"),
        ("tls.certificate", "PEM"),
    ] {
        assert!(
            errors(key).contains(&format!("for configuration {key}: "))
                && errors(key).contains(remedy),
            "{key}: {}",
            errors(key)
        );
    }
}

/// What senders were told.
#[derive(Default)]
struct Told {
    stored: Mutex<Vec<String>>,
    refused: AtomicU64,
    successes: AtomicU64,
}

/// Sends numbered records of 10 kB until told to stop.
fn send(port: u16, sender: usize, told: &Told, stop: &AtomicBool) {
    let client = client();
    let padding = "x".repeat(10_000);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let value = format!("{sender}-{number} {padding}");
        let answer = post(&client, port, "/", "text/plain", &value).unwrap();
        match answer.status().as_u16() {
            200 => {
                told.stored.lock().unwrap().push(value);
                told.successes.fetch_add(1, Ordering::Relaxed);
            }
            503 => {
                assert!(answer.headers().contains_key("retry-after"));
                told.refused.fetch_add(1, Ordering::Relaxed);
                thread::park_timeout(Duration::from_millis(1));
            }
            other => panic!("{other}: {:?}", answer.text()),
        }
    }
}

#[test]
fn a_broker_that_stands_still_costs_senders_a_503_and_no_memory() {
    let sandbox = Sandbox::new();
    let (broker_port, port) = (apart::free_port(), apart::free_port());
    let mut broker = apart::start_broker(&sandbox, broker_port);
    broker.address("broker");
    let keys = [("acknowledge.timeout.ms", "500")];
    let hooks = listener_file(&sandbox, port, &keys);
    let mut worker = apart::start_worker(&sandbox, broker_port, &[hooks]);
    rest::Rest::new(&worker.address("rest")).await_state("hooks", "RUNNING");
    let (told, stop) = (Told::default(), AtomicBool::new(false));
    let more = |counter: &AtomicU64, count: u64, what: &str| {
        let from = counter.load(Ordering::Relaxed);
        wait::until(what, PATIENCE, || {
            counter.load(Ordering::Relaxed) >= from + count
        });
    };
    thread::scope(|scope| {
        for sender in 0..16 {
            let (told, stop) = (&told, &stop);
            scope.spawn(move || send(port, sender, told, stop));
        }
        let _stop = StopOnDrop(&stop);
        more(&told.successes, 500, "requests to be taken");
        broker.signal(Signal::STOP);
        more(&told.refused, 100, "requests to be refused");
        let before = memory(&worker);
        let refused = told.refused.load(Ordering::Relaxed);
        wait::until("many more to be refused", PATIENCE, || {
            let grown = memory(&worker).saturating_sub(before);
            assert!(grown < 16 << 20, "memory has grown by {grown} bytes");
            told.refused.load(Ordering::Relaxed) > refused + 600
        });
        broker.signal(Signal::CONT);
        more(&told.successes, 500, "requests to be taken again");
    });
    assert!(worker.stop().success());
    assert!(broker.stop().success());
    let values = values(&sandbox, "hooks");
    let stored: std::collections::HashSet<&String> = values.iter().collect();
    for value in told.stored.lock().unwrap().iter() {
        let name = value.split(' ').next().unwrap();
        assert!(stored.contains(value), "{name} was taken and is gone");
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
