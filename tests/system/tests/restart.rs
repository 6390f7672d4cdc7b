//! What a stop, a kill and a restart leave: the source resumes at its offset, the sink at its commit.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    collections::BTreeSet, fs, io::Write as _, os::unix::fs::PermissionsExt as _, time::Duration,
};

use millrace_system::{
    input,
    pipeline::{self, Pipeline, TOPIC},
    process::Millrace,
    sandbox::Sandbox,
    topic, wait,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

fn append(sandbox: &Sandbox, bytes: &[u8]) {
    let path = sandbox.join("in.log");
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

#[test]
fn a_clean_stop_neither_loses_nor_doubles() {
    let sandbox = Sandbox::new();
    // Text beyond ASCII: positions are bytes, so that the resume point is exact.
    let mut expected = Vec::new();
    for round in 0..3 {
        let lines = format!(
            "ünï {round}\n{}\nlast of {round} 日本\n",
            "x".repeat(1000 * (round + 1))
        );
        append(&sandbox, lines.as_bytes());
        expected.extend_from_slice(lines.as_bytes());
        let mut pipeline = Pipeline::file_to_file(&sandbox);
        wait::until("the round's lines", PATIENCE, || {
            sandbox.read("out.log").len() >= expected.len()
        });
        assert!(
            pipeline.millrace.stop().success(),
            "{}",
            pipeline.millrace.stderr()
        );
        assert_eq!(
            String::from_utf8_lossy(&sandbox.read("out.log")),
            String::from_utf8_lossy(&expected)
        );
    }
    assert_eq!(
        topic::values(&sandbox.join("data/broker"), &format!("{TOPIC}-0")).len(),
        9
    );
}

#[test]
fn a_kill_may_double_but_never_loses() {
    let sandbox = Sandbox::new();
    let log = input::numbered(20_000, 100);
    sandbox.write("in.log", &log);
    let mut first = Pipeline::file_to_file(&sandbox);
    wait::until("the first lines", PATIENCE, || {
        !sandbox.read("out.log").is_empty()
    });
    first.millrace.kill();

    append(&sandbox, b"after the kill\n");
    let mut second = Pipeline::file_to_file(&sandbox);
    // Well within the session timeout of the killed sink's consumer: it ended with its broker, and is not waited for.
    wait::until("the last line", Duration::from_secs(20), || {
        sandbox.read("out.log").ends_with(b"after the kill\n")
    });
    assert!(
        second.millrace.stop().success(),
        "{}",
        second.millrace.stderr()
    );

    let out = sandbox.read("out.log");
    let seen: BTreeSet<&[u8]> = input::lines(&out).into_iter().collect();
    let missing = input::lines(&log)
        .iter()
        .filter(|line| !seen.contains(*line))
        .count();
    assert_eq!(missing, 0, "lines are missing from the sink's file");
}

#[test]
fn a_failed_task_shows_its_trace_and_can_be_restarted() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.join("out")).unwrap();
    sandbox.write("in.log", "one\n");
    let sink = [
        ("name", "sink"),
        ("connector.class", "FileStreamSink"),
        ("file", "missing/out.log"),
        ("topics", TOPIC),
    ];
    let sink = pipeline::properties_file(&sandbox, "sink.properties", &sink);
    let mut pipeline = Pipeline::start(&sandbox, &[pipeline::source_file(&sandbox), sink]);
    let status = wait::until_some("the sink's task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/sink/status").body;
        (status["tasks"][0]["state"] == "FAILED").then_some(status)
    });
    let trace = status["tasks"][0]["trace"].as_str().unwrap();
    assert!(trace.contains("missing/out.log"), "{trace}");
    // Its neighbour goes on.
    pipeline.rest.await_state("source", "RUNNING");

    fs::create_dir(sandbox.join("missing")).unwrap();
    let restarted = pipeline
        .rest
        .post("/connectors/sink/tasks/0/restart", &json!(null));
    assert!([200, 202, 204].contains(&restarted.status), "{restarted:?}");
    wait::until("the line", PATIENCE, || {
        sandbox.read("missing/out.log") == b"one\n"
    });
    assert!(
        pipeline.millrace.stop().success(),
        "{}",
        pipeline.millrace.stderr()
    );
}

#[test]
fn data_folders_are_the_owners_alone() {
    let sandbox = Sandbox::new();
    let arguments = ["broker", "--override", "listeners=PLAINTEXT://127.0.0.1:0"];
    let mut millrace = Millrace::start(&sandbox, arguments);
    millrace.address("broker ");
    assert!(millrace.stop().success(), "{}", millrace.stderr());
    for folder in ["millrace-data", "millrace-data/broker"] {
        let mode = fs::metadata(sandbox.join(folder))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
}
