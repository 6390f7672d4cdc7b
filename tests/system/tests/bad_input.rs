//! What people get wrong and machines send by mistake: one clear message or the right code each, and nothing else
//! is disturbed.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use millrace_system::{
    apart,
    pipeline::{self, Pipeline, TOPIC},
    process::Millrace,
    random::Random,
    sandbox::Sandbox,
    wait,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `millrace` until it ends by itself; its exit code and what it said.
fn run<A: AsRef<std::ffi::OsStr>>(
    sandbox: &Sandbox,
    arguments: impl IntoIterator<Item = A>,
) -> (i32, String) {
    let mut millrace = Millrace::start(sandbox, arguments);
    let code = millrace.wait().code().unwrap();
    (code, millrace.stderr())
}

fn standalone(sandbox: &Sandbox, keys: &[(&str, &str)], connectors: &[PathBuf]) -> (i32, String) {
    let worker = pipeline::worker_file(sandbox, keys);
    run(
        sandbox,
        [PathBuf::from("standalone"), worker]
            .iter()
            .chain(connectors),
    )
}

#[track_caller]
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn configuration_errors_are_shown_together() {
    let sandbox = Sandbox::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let rest = format!("http://{}", port.local_addr().unwrap());
    let nameless = pipeline::properties_file(&sandbox, "nameless.properties", &[("topic", "t")]);
    let unknown = [
        ("name", "odd"),
        ("connector.class", "org.example.NoSuchConnector"),
    ];
    let unknown = pipeline::properties_file(&sandbox, "unknown.properties", &unknown);
    let incomplete = [
        ("name", "incomplete"),
        ("connector.class", "FileStreamSource"),
        ("batch.size", "many"),
    ];
    let incomplete = pipeline::properties_file(&sandbox, "incomplete.properties", &incomplete);
    let (code, said) = standalone(
        &sandbox,
        &[("listeners", &rest)],
        std::slice::from_ref(&incomplete),
    );
    assert_eq!(code, 2, "{said}");
    says(&said, &["incomplete.properties", "\"topic\"", "batch.size"]);
    assert!(!sandbox.join("data").exists());

    let keys = [
        ("listeners", rest.as_str()),
        ("offset.flush.interval.ms", "often"),
        ("broker.node.id", "one"),
    ];
    let (code, said) = standalone(
        &sandbox,
        &keys,
        &[nameless, unknown, sandbox.join("missing.properties")],
    );
    assert_eq!(code, 2, "{said}");
    says(
        &said,
        &[
            "offset.flush.interval.ms",
            "node.id",
            "nameless.properties",
            "NoSuchConnector",
            "missing.properties",
        ],
    );
    // The port in use was not even tried, and no folder was made.
    assert!(!sandbox.join("data").exists());
}

#[test]
fn an_unknown_connector_class_names_what_there_is() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let config =
        json!({"name": "odd", "config": {"connector.class": "org.example.NoSuchConnector"}});
    let answer = pipeline.rest.post("/connectors", &config);
    let text = answer.body.to_string();
    assert!([400, 500].contains(&answer.status), "{answer:?}");
    says(&text, &["NoSuchConnector", "FileStreamSource"]);
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn a_missing_file_is_named() {
    let sandbox = Sandbox::new();
    let (code, said) = run(&sandbox, ["standalone", "nowhere.properties"]);
    assert_eq!(code, 2, "{said}");
    says(&said, &["nowhere.properties: no such file"]);
}

#[test]
fn a_malformed_properties_file_names_the_line() {
    let sandbox = Sandbox::new();
    sandbox.write("w.properties", "a=b\nc=\\u12\n");
    let (code, said) = run(&sandbox, ["standalone", "w.properties"]);
    assert_eq!(code, 2, "{said}");
    says(&said, &["w.properties: line 2", "\\u"]);
    sandbox.write("c.json", "{\"name\": ");
    let (code, said) = standalone(&sandbox, &[], &[sandbox.join("c.json")]);
    assert_eq!(code, 2, "{said}");
    says(&said, &["c.json", "line 1"]);
}

#[test]
fn a_port_in_use_is_named() {
    let sandbox = Sandbox::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listeners = format!("PLAINTEXT://{address}");
    let (code, said) = standalone(&sandbox, &[("broker.listeners", &listeners)], &[]);
    assert_eq!(code, 3, "{said}");
    says(&said, &[&address.to_string(), "in use"]);

    let (code, said) = standalone(
        &sandbox,
        &[("listeners", &format!("http://{address}"))],
        &[],
    );
    assert_eq!(code, 3, "{said}");
    says(&said, &[&address.to_string(), "in use"]);
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "not a folder");
    let (code, said) = standalone(&sandbox, &[("broker.log.dirs", "file/broker")], &[]);
    assert_eq!(code, 3, "{said}");
    says(&said, &["file/broker"]);
    let (code, said) = standalone(
        &sandbox,
        &[("offset.storage.file.filename", "file/offsets")],
        &[],
    );
    assert_ne!(code, 0, "{said}");
    says(&said, &["file/offsets"]);
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let sandbox = Sandbox::new();
    let first = Pipeline::start(&sandbox, &[]);
    let (code, said) = standalone(&sandbox, &[], &[]);
    assert_eq!(code, 3, "{said}");
    says(&said, &["data/broker"]);
    assert_eq!(first.rest.get("/").status, 200);
}

#[test]
fn nobody_at_bootstrap_servers_is_said_at_once() {
    let sandbox = Sandbox::new();
    let free = format!("127.0.0.1:{}", apart::free_port());
    let started = Instant::now();
    let (code, said) = standalone(&sandbox, &[("bootstrap.servers", &free)], &[]);
    assert_eq!(code, 3, "{said}");
    // What waits for a broker waits for minutes.
    assert!(started.elapsed() < Duration::from_secs(30));
    says(
        &said,
        &[&free, "millrace broker", "leave bootstrap.servers out"],
    );
}

#[test]
fn a_full_disk_fails_the_task_that_writes_to_it() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "one\ntwo\n");
    let full = [
        ("name", "full"),
        ("connector.class", "FileStreamSink"),
        ("file", "/dev/full"),
        ("topics", TOPIC),
    ];
    let full = pipeline::properties_file(&sandbox, "full.properties", &full);
    let connectors = [
        pipeline::source_file(&sandbox),
        pipeline::sink_file(&sandbox),
        full,
    ];
    let mut pipeline = Pipeline::start(&sandbox, &connectors);
    let status = wait::until_some("the sink's task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/full/status").body;
        (status["tasks"][0]["state"] == "FAILED").then_some(status)
    });
    says(
        status["tasks"][0]["trace"].as_str().unwrap(),
        &["/dev/full", "No space left"],
    );
    wait::until("the other sink to go on", PATIENCE, || {
        sandbox.read("out.log") == b"one\ntwo\n"
    });
    pipeline.millrace.stop();
}

#[test]
fn a_line_above_max_request_size_names_file_position_size_and_key() {
    too_long("producer.max.request.size", "4096", "max.request.size");
}

#[test]
fn a_line_above_message_max_bytes_names_file_position_size_and_key() {
    too_long("broker.message.max.bytes", "4096", "message.max.bytes");
}

fn too_long(key: &str, limit: &str, named: &str) {
    let sandbox = Sandbox::new();
    let long = "x".repeat(10_000);
    sandbox.write("in.log", format!("short\n{long}\nshort\n"));
    let pipeline = Pipeline::start_with(
        &sandbox,
        &[(key, limit)],
        &[pipeline::source_file(&sandbox)],
    );
    let status = wait::until_some("the source's task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/source/status").body;
        (status["tasks"][0]["state"] == "FAILED").then_some(status)
    });
    says(
        status["tasks"][0]["trace"].as_str().unwrap(),
        &["in.log", "position", "100", named],
    );
    assert_eq!(pipeline.rest.get("/connectors").status, 200);
}

/// A broker that nothing but the test talks to.
fn broker(sandbox: &Sandbox) -> (Millrace, String) {
    let mut millrace = Millrace::start(
        sandbox,
        ["broker", "--override", "listeners=PLAINTEXT://127.0.0.1:0"],
    );
    let address = millrace.address("broker ");
    (millrace, address)
}

/// Sends bytes and waits until the broker closes the connection; what it answered.
fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The broker may close before it has read everything.
    drop(stream.write_all(bytes));
    drop(stream.shutdown(std::net::Shutdown::Write));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    answer
}

/// An ApiVersions request of version 0, and whether it is answered.
fn answers(address: &str) -> bool {
    let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    send(address, &request).get(4..8) == Some(&[0, 0, 0, 7])
}

#[test]
fn a_request_that_claims_2_gb_closes_its_connection_only() {
    let sandbox = Sandbox::new();
    let (mut millrace, address) = broker(&sandbox);
    let neighbour = TcpStream::connect(&address).unwrap();
    for claim in [i32::MAX, -1, i32::MIN, 0] {
        let mut bytes = claim.to_be_bytes().to_vec();
        bytes.extend_from_slice(&[0, 18, 0, 0, 0, 0, 0, 7]);
        assert_eq!(send(&address, &bytes), b"", "{claim}");
    }
    assert!(answers(&address));
    assert_eq!(
        neighbour
            .take_error()
            .unwrap()
            .map(|error| error.to_string()),
        None
    );
    assert!(millrace.peak_memory().unwrap() < 200 << 20);
    assert!(millrace.stop().success(), "{}", millrace.stderr());
}

#[test]
fn random_bytes_on_the_broker_port_harm_nobody() {
    let sandbox = Sandbox::new();
    let (mut millrace, address) = broker(&sandbox);
    let mut random = Random::new(7);
    for round in 0..200 {
        let len = random.below(4096) as usize;
        let mut bytes: Vec<u8> = (0..len).map(|_| random.bits() as u8).collect();
        if round % 2 == 0 && bytes.len() > 12 {
            // A right length and a known key let the noise reach the decoders.
            let body = (bytes.len() - 4) as i32;
            bytes[..4].copy_from_slice(&body.to_be_bytes());
            bytes[4..6].copy_from_slice(&(random.below(23) as i16).to_be_bytes());
            bytes[6..8].copy_from_slice(&(random.below(13) as i16).to_be_bytes());
        }
        send(&address, &bytes);
    }
    assert!(answers(&address));
    assert!(millrace.stop().success(), "{}", millrace.stderr());
    says(&millrace.stderr(), &[]);
}

#[test]
fn a_rest_body_of_100_mb_is_refused() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let before = pipeline.millrace.peak_memory().unwrap();
    // Refused by a status, or by a closed connection while the body is still being sent.
    if let Ok(answer) = pipeline
        .rest
        .post_bytes("/connectors", vec![b' '; 100 << 20])
    {
        assert!([400, 413].contains(&answer.status), "{answer:?}");
    }
    assert!(pipeline.millrace.peak_memory().unwrap() - before < 50 << 20);
    assert_eq!(pipeline.rest.get("/").status, 200);
    assert!(
        pipeline.millrace.stop().success(),
        "{}",
        pipeline.millrace.stderr()
    );
}

#[test]
fn the_log_configuration_is_checked_first() {
    let sandbox = Sandbox::new();
    sandbox.write("log.yaml", "appenders: [");
    let (code, said) = run(&sandbox, ["broker", "--log-config", "log.yaml"]);
    assert_eq!(code, 2, "{said}");
    says(&said, &["log.yaml"]);
    assert!(!fs::exists(sandbox.join("millrace-data")).unwrap());
}
