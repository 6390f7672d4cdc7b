//! The HTTP sink on the real binary, against a server that is slow, flaky, rate-limiting, dead and lying: each record is
//! delivered, tried again, or in the dead letter queue with status and reason; order per key holds; and the README runs.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

#[path = "../../../connectors/http/tests/server/mod.rs"]
mod server;

use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use millrace_system::{
    binary::repository,
    pipeline::{Pipeline, properties_file},
    sandbox::Sandbox,
    tool, wait,
};
use serde_json::Value;
use server::{Reply, Server};

const PATIENCE: Duration = Duration::from_secs(60);

fn sink<'a>(keys: &[(&'a str, &'a str)], url: &'a str) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("name", "sink"),
        (
            "connector.class",
            "io.confluent.connect.http.HttpSinkConnector",
        ),
        ("topics", "in"),
        ("http.api.url", url),
        ("retry.backoff.ms", "20"),
    ];
    base.into_iter().chain(keys.iter().copied()).collect()
}

fn start(sandbox: &Sandbox, url: &str, keys: &[(&str, &str)]) -> Pipeline {
    let file = properties_file(sandbox, "sink.properties", &sink(keys, url));
    let pipeline = Pipeline::start(sandbox, &[file]);
    pipeline.rest.await_state("sink", "RUNNING");
    pipeline
}

fn produce(sandbox: &Sandbox, pipeline: &Pipeline, records: &str) {
    let words = format!(
        "produce --topic in --bootstrap-server {} --property parse.key=true",
        pipeline.broker
    );
    tool::run_with(sandbox, &words, records).ok();
}

/// The first records of the dead letter queue.
fn dead(sandbox: &Sandbox, pipeline: &Pipeline, count: usize) -> Vec<Value> {
    let words = format!(
        "consume --topic dead --from-beginning --max-messages {count} --timeout-ms 60000 --json --bootstrap-server {}",
        pipeline.broker
    );
    let text = tool::run(sandbox, &words).ok();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn why(record: &Value) -> String {
    let headers = record["headers"].as_array().unwrap();
    let message = headers
        .iter()
        .find(|header| header["key"] == "__connect.errors.exception.message");
    message.unwrap()["value"].as_str().unwrap().to_owned()
}

const DEAD_LETTERS: [(&str, &str); 3] = [
    ("errors.tolerance", "all"),
    ("errors.deadletterqueue.topic.name", "dead"),
    ("errors.deadletterqueue.context.headers.enable", "true"),
];

/// What the server does with a record that it sees for the first time; what it is sent again it takes, but for those that
/// it never takes.
fn misbehave(number: usize, tried: usize) -> Reply {
    match (number % 20, tried) {
        (13, _) => Reply::status(422, "unprocessable"),
        (17, _) => Reply::status(500, "always broken"),
        (1, 0) => Reply::Hangup,
        (2, 0) => Reply::status(503, "busy"),
        (3, 0) => Reply::status(429, "slow down").with("retry-after", "1"),
        (4, 0) => Reply::Raw(b"HTTP/1.1 2".to_vec()),
        (5, 0) => Reply::Silence,
        (6, _) => Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut".to_vec()),
        (7, _) => Reply::status(200, &"x".repeat(1 << 20)),
        (8, _) => Reply::Late(Duration::from_millis(30), Box::new(Reply::ok())),
        (9, 0) => Reply::Raw(b"not HTTP at all\r\n\r\n".to_vec()),
        (10, _) => Reply::status(307, "").with("location", &format!("/moved/{number}")),
        _ => Reply::ok(),
    }
}

#[test]
fn every_record_is_delivered_or_dead_and_keys_keep_their_order() {
    let (sandbox, server) = (Sandbox::new(), Server::start());
    let tried: Vec<AtomicUsize> = (0..200).map(|_| AtomicUsize::new(0)).collect();
    server.script(move |request, _| {
        let number: usize = request.text().parse().unwrap_or(0);
        match request.path.starts_with("/moved/") {
            true => Reply::ok(),
            false => misbehave(number, tried[number].fetch_add(1, Ordering::SeqCst)),
        }
    });
    let keys = [
        ("headers", "Key:${key}"),
        ("parallel.requests", "8"),
        ("request.order", "key"),
        // Enough for a busy machine, on which an answer may take longer than the server means it to.
        ("max.retries", "5"),
        ("http.request.timeout.ms", "2000"),
    ];
    let keys: Vec<_> = keys.into_iter().chain(DEAD_LETTERS).collect();
    let mut pipeline = start(&sandbox, &server.url(), &keys);
    let records: String = (0..200)
        .map(|number| format!("k{}\t{number}\n", number % 16))
        .collect();
    produce(&sandbox, &pipeline, &records);
    let dead = dead(&sandbox, &pipeline, 20);
    let mut ended: BTreeMap<usize, String> = BTreeMap::new();
    for record in &dead {
        let number: usize = record["value"].as_str().unwrap().parse().unwrap();
        let why = why(record);
        let expected = match number % 20 {
            13 => ["422", "unprocessable"],
            _ => ["500", "always broken"],
        };
        assert!(
            expected.iter().all(|part| why.contains(part)),
            "{number}: {why}"
        );
        ended.insert(number, why);
    }
    assert_eq!(ended.len(), 20);
    assert!(
        ended.keys().all(|number| matches!(number % 20, 13 | 17)),
        "{ended:?}"
    );
    wait::until("all others to be delivered", PATIENCE, || {
        let mut delivered: Vec<usize> = server
            .bodies()
            .iter()
            .map(|body| body.parse().unwrap())
            .collect();
        delivered.sort_unstable();
        delivered.dedup();
        delivered.len() == 180
    });
    check_order(&server);
    assert!(pipeline.millrace.stop().success());
}

/// The accepted requests of each key come in the order of their records.
fn check_order(server: &Server) {
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for request in server.accepted() {
        let number: usize = request.text().parse().unwrap();
        let before = last.insert(request.headers["key"].clone(), number);
        assert!(
            before.is_none_or(|before| before <= number),
            "{number} came after {before:?}"
        );
    }
}

#[test]
fn a_dead_server_holds_up_neither_group_nor_stop_and_nothing_is_lost_over_restarts() {
    let (sandbox, server) = (Sandbox::new(), Server::start());
    server.script(|_, _| Reply::status(503, "away"));
    let keys = [
        ("max.retries", "-1"),
        ("consumer.override.max.poll.interval.ms", "6000"),
    ];
    let mut pipeline = start(&sandbox, &server.url(), &keys);
    let records: String = (0..1_000).map(|number| format!("k\t{number}\n")).collect();
    produce(&sandbox, &pipeline, &records);
    wait::until("the server to be called", PATIENCE, || {
        server.requests().len() > 2
    });
    let member = || {
        let words = format!(
            "groups --describe --group connect-sink --members --bootstrap-server {}",
            pipeline.broker
        );
        tool::run(&sandbox, &words).ok()
    };
    let (begun, first) = (Instant::now(), member());
    wait::until("more than the poll interval to pass", PATIENCE, || {
        begun.elapsed() > Duration::from_secs(8)
    });
    assert_eq!(member(), first, "the task has stayed in its group");
    let asked = Instant::now();
    assert!(pipeline.millrace.stop().success());
    assert!(
        asked.elapsed() < Duration::from_secs(30),
        "the stop took {:?}",
        asked.elapsed()
    );
    drop(pipeline);
    let file = sandbox.join("sink.properties");
    let mut pipeline = Pipeline::start(&sandbox, &[file]);
    server.script(|_, _| Reply::ok());
    wait::until("all records to be delivered", PATIENCE, || {
        server.accepted().len() >= 1_000
    });
    let delivered: Vec<usize> = server
        .bodies()
        .iter()
        .map(|body| body.parse().unwrap())
        .collect();
    assert_eq!(delivered, (0..1_000).collect::<Vec<_>>());
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn kills_lose_nothing() {
    let (sandbox, server) = (Sandbox::new(), Server::start());
    server.script(|_, before| match before % 5 {
        0 => Reply::status(503, "busy"),
        _ => Reply::Late(Duration::from_millis(1), Box::new(Reply::ok())),
    });
    let keys = [
        ("max.retries", "-1"),
        ("batch.max.size", "5"),
        ("batch.separator", "\\n"),
    ];
    let mut pipeline = start(&sandbox, &server.url(), &keys);
    let records: String = (0..3_000)
        .map(|number| format!("k{}\t{number}\n", number % 7))
        .collect();
    produce(&sandbox, &pipeline, &records);
    for kill in 1..=4 {
        wait::until("some records to be delivered", PATIENCE, || {
            server.accepted().len() >= 50 * kill
        });
        pipeline.millrace.kill();
        pipeline = Pipeline::start(&sandbox, &[sandbox.join("sink.properties")]);
    }
    wait::until("all records to be delivered", PATIENCE, || {
        let mut delivered: Vec<usize> = server
            .bodies()
            .iter()
            .flat_map(|body| {
                body.lines()
                    .map(|line| line.parse().unwrap())
                    .collect::<Vec<_>>()
            })
            .collect();
        delivered.sort_unstable();
        delivered.dedup();
        delivered.len() == 3_000
    });
}

#[test]
fn without_tolerance_a_refusal_fails_the_task_and_names_the_answer() {
    let (sandbox, server) = (Sandbox::new(), Server::start());
    server.script(|_, _| Reply::status(403, "forbidden"));
    let pipeline = start(&sandbox, &server.url(), &[]);
    produce(&sandbox, &pipeline, "k\tvalue\n");
    let trace = wait::until_some("the task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/sink/status").body;
        let task = &status["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap_or_default().to_owned())
    });
    assert!(
        trace.contains("403") && trace.contains("forbidden") && trace.contains("in-0-0"),
        "{trace}"
    );
}

#[test]
fn everything_wrong_is_said_at_once_with_key_value_and_remedy() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let config = serde_json::json!({
        "name": "sink", "connector.class": "HttpSink", "topics": "in",
        "http.api.url": "localhost:8080", "retry.on.status.codes": "5xx", "request.method": "SHOUT",
        "batch.max.size": "many"
    });
    let answer = pipeline
        .rest
        .put("/connector-plugins/HttpSink/config/validate", &config);
    let wrong: BTreeMap<String, String> = answer.body["configs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|config| config["value"]["errors"] != serde_json::json!([]))
        .map(|config| {
            (
                config["value"]["name"].as_str().unwrap().to_owned(),
                config["value"]["errors"].to_string(),
            )
        })
        .collect();
    for (key, value, remedy) in [
        ("http.api.url", "localhost:8080", "http://"),
        ("retry.on.status.codes", "5xx", "500-599"),
        ("request.method", "SHOUT", "POST"),
        ("batch.max.size", "many", "batch.max.size"),
    ] {
        let said = wrong
            .get(key)
            .unwrap_or_else(|| panic!("{key} is not refused: {wrong:?}"));
        assert!(said.contains(value) && said.contains(remedy), "{said}");
    }
    let together = serde_json::json!({
        "name": "sink", "connector.class": "HttpSink", "topics": "in", "http.api.url": "http://localhost:8080",
        "auth.type": "OAUTH2", "preset": "influxdb"
    });
    let answer = pipeline.rest.post(
        "/connectors",
        &serde_json::json!({"name": "sink", "config": together}),
    );
    let message = answer.body["message"].as_str().unwrap();
    for key in [
        "oauth2.token.url",
        "oauth2.client.id",
        "oauth2.client.secret",
        "influxdb.bucket",
    ] {
        assert!(message.contains(key), "{message}");
    }
}

/// The configurations of the README, in the order in which they stand there.
fn readme() -> Vec<String> {
    let text = fs::read_to_string(repository().join("connectors/http/README.md")).unwrap();
    let blocks = text.split("```properties\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    blocks.filter(|block| block.contains("HttpSink")).collect()
}

#[test]
fn the_readmes_configurations_run() {
    let configurations = readme();
    assert!(configurations.len() >= 6, "{}", configurations.len());
    for text in configurations {
        let (sandbox, server) = (Sandbox::new(), Server::start());
        server.script(|_, _| Reply::status(200, r#"{"errors":false,"access_token":"token"}"#));
        let own: String = text
            .lines()
            .map(|line| match line.split_once("//localhost:") {
                Some((before, after)) => {
                    let path = after.find('/').map_or("", |path| &after[path..]);
                    format!("{before}//{}{path}\n", server.address)
                }
                None => format!("{line}\n"),
            })
            .collect();
        let topic = own
            .lines()
            .find_map(|line| line.strip_prefix("topics="))
            .unwrap();
        let file = sandbox.write("sink.properties", &own);
        let pipeline = Pipeline::start(&sandbox, &[file]);
        let words = format!(
            "produce --topic {topic} --bootstrap-server {} --property parse.key=true",
            pipeline.broker
        );
        tool::run_with(&sandbox, &words, "k\t{\"id\":1,\"temperature\":20.5}\n").ok();
        wait::until(&format!("a record to be sent by {text}"), PATIENCE, || {
            let is_ours = |request: &server::Request| {
                request.headers.contains_key("content-encoding") || request.text().contains("20.5")
            };
            server.accepted().iter().any(is_ours)
        });
    }
}
