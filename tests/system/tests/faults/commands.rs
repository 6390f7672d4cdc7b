//! Faults that are commanded over REST, where the worker allows it.

use std::time::{Duration, Instant};

use millrace_system::{pipeline::Pipeline, sandbox::Sandbox, wait};
use serde_json::{Value, json};

use crate::bench::{Bench, PATIENCE};

#[test]
fn faults_are_commanded_and_ended_while_connectors_run() {
    let bench = Bench::start();
    let rest = &bench.pipeline.rest;
    bench.create(
        "source",
        &json!({"connector.class": "FaultSource", "topic": "numbers", "rate": "200"}),
    );
    bench.create(
        "sink",
        &json!({"connector.class": "FaultSink", "topics": "numbers", "file": bench.sandbox.join("sink")}),
    );
    let flows = || {
        let before = bench.sandbox.lines("sink").len();
        wait::until("records to flow", PATIENCE, || {
            bench.sandbox.lines("sink").len() > before + 20
        });
    };
    flows();
    let command = |connector: &str, fault: Value| {
        let path = format!("/connectors/{connector}/faults");
        let answer = rest.put(&path, &json!({"faults": [fault]}));
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    command("sink", json!({"call": "put", "fault": "error"}));
    let failed = bench.await_task("sink", "FAILED");
    assert!(failed["trace"].as_str().unwrap().contains("error in put"));
    bench.restart("sink");
    flows();
    // A poll that hangs is shown where the task does not do what it is asked to.
    command("source", json!({"call": "poll", "fault": "block"}));
    wait::until("the poll to hang", PATIENCE, || {
        bench.happened("source") > 0
    });
    assert_eq!(
        rest.put("/connectors/source/pause", &Value::Null).status,
        202
    );
    let failed = bench.await_task("source", "FAILED");
    let trace = failed["trace"].as_str().unwrap();
    assert!(
        trace.contains("did not return from poll") && trace.contains("pause"),
        "{trace}"
    );
    assert_eq!(
        rest.put("/connectors/source/resume", &Value::Null).status,
        202
    );
    bench.restart("source");
    flows();
    // The one that hangs still is let go.
    assert_eq!(
        rest.delete("/connectors/source/faults").body,
        json!({"faults": []})
    );
    command("source", json!({"call": "poll", "fault": "hang"}));
    wait::until("the poll to hang", PATIENCE, || {
        bench.happened("source") > 0
    });
    let asked = Instant::now();
    assert_eq!(rest.delete("/connectors/source").status, 204);
    assert!(
        asked.elapsed() < Duration::from_secs(40),
        "{:?}",
        asked.elapsed()
    );
    let refused = rest.put(
        "/connectors/sink/faults",
        &json!({"faults": [{"call": "put", "fault": "joke"}]}),
    );
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.body["message"].as_str().unwrap().contains("joke"));
    assert_eq!(rest.get("/connectors/nobody/faults").status, 404);
    bench.neighbours_flow();
    bench.stop();
}

#[test]
fn without_the_key_there_is_nothing_that_fails_on_command() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let plugins = pipeline.rest.get("/connector-plugins").body.to_string();
    assert!(!plugins.contains("Fault"), "{plugins}");
    let paths = pipeline.rest.get("/openapi.json").body["paths"].clone();
    assert!(paths["/connectors/{connector}/faults"].is_null());
    assert!(!paths["/connectors/{connector}/status"].is_null());
    let source = json!({"name": "a", "config": {"connector.class": "DataGenerator", "topic": "t"}});
    assert_eq!(pipeline.rest.post("/connectors", &source).status, 201);
    assert_eq!(pipeline.rest.get("/connectors/a/faults").status, 404);
    assert!(pipeline.millrace.stop().success());
}
