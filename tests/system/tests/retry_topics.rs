//! Retry topics on the real binary: failed records wait there and come back, before they go to the dead letter queue.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::time::Duration;

use millrace_system::{pipeline::Pipeline, sandbox::Sandbox, tool, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn put(sandbox: &Sandbox, pipeline: &Pipeline, refuse: &str, delays: &str) {
    let config = json!({
        "connector.class": "millrace.PickySinkConnector",
        "topics": "in",
        "file": sandbox.path().join("out.txt"),
        "refuse": refuse,
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
        "errors.deadletterqueue.retry.delays.ms": delays,
    });
    let answer = pipeline.rest.put("/connectors/sink/config", &config);
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

fn produce(sandbox: &Sandbox, pipeline: &Pipeline, records: &str) {
    let words = format!("produce --topic in --bootstrap-server {}", pipeline.broker);
    tool::run_with(sandbox, &words, records).ok();
}

fn written(sandbox: &Sandbox) -> String {
    String::from_utf8(sandbox.read("out.txt")).unwrap()
}

fn await_written(sandbox: &Sandbox, expected: &str) {
    let what = format!("the sink to write {expected:?}");
    wait::until(&what, PATIENCE, || written(sandbox) == expected);
}

/// The first record of a topic.
fn first(sandbox: &Sandbox, pipeline: &Pipeline, topic: &str) -> Value {
    let words = format!(
        "consume --topic {topic} --from-beginning --max-messages 1 --timeout-ms 60000 --json --bootstrap-server {}",
        pipeline.broker
    );
    tool::run(sandbox, &words).json()
}

fn header<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    let headers = record["headers"].as_array().unwrap();
    let found = headers.iter().find(|header| header["key"] == name)?;
    found["value"].as_str()
}

#[test]
fn a_record_that_keeps_failing_goes_through_all_rounds_and_then_to_the_queue() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    produce(&sandbox, &pipeline, "good-0\npoison-1\ngood-2\n");
    put(&sandbox, &pipeline, "poison", "200,400");
    let dead = first(&sandbox, &pipeline, "dead");
    assert_eq!(dead["value"], "poison-1");
    for (name, expected) in [
        ("__connect.errors.topic", Some("in")),
        ("__connect.errors.offset", Some("1")),
        ("__connect.errors.stage", Some("TASK_PUT")),
        ("__millrace.retry.topic", None),
    ] {
        assert_eq!(header(&dead, name), expected, "{name}");
    }
    for round in ["dead.sink.retry.1", "dead.sink.retry.2"] {
        let waited = first(&sandbox, &pipeline, round);
        assert_eq!(header(&waited, "__millrace.retry.offset"), Some("1"));
    }
    await_written(&sandbox, "in-0@0\tgood-0\nin-0@2\tgood-2\n");
    let first_round = first(&sandbox, &pipeline, "dead.sink.retry.1");
    let second_round = first(&sandbox, &pipeline, "dead.sink.retry.2");
    let at = |record: &Value| record["timestamp"].as_i64().unwrap();
    assert!(at(&second_round) >= at(&first_round) + 200);
}

#[test]
fn a_record_waits_through_a_kill_and_holds_up_no_other() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    produce(&sandbox, &pipeline, "poison-0\ngood-1\n");
    // Longer than all that is to happen before it is over.
    let long = "3600000";
    put(&sandbox, &pipeline, "poison", long);
    let waiting = first(&sandbox, &pipeline, "dead.sink.retry.1");
    assert_eq!(header(&waiting, "__millrace.retry.topic"), Some("in"));
    await_written(&sandbox, "in-0@1\tgood-1\n");
    put(&sandbox, &pipeline, "", long);
    produce(&sandbox, &pipeline, "good-2\n");
    await_written(&sandbox, "in-0@1\tgood-1\nin-0@2\tgood-2\n");
    wait::until("the records to be committed", PATIENCE, || {
        let offsets = pipeline.rest.get("/connectors/sink/offsets").body;
        let partitions = offsets["offsets"].as_array().unwrap().iter();
        let mut of_topic = partitions.filter(|each| each["partition"]["kafka_topic"] == "in");
        of_topic.any(|each| each["offset"]["kafka_offset"] == 3)
    });
    drop(pipeline);
    let pipeline = Pipeline::start(&sandbox, &[]);
    // The delay counts from the failure, by the setting of the day.
    put(&sandbox, &pipeline, "", "2000");
    await_written(
        &sandbox,
        "in-0@1\tgood-1\nin-0@2\tgood-2\nin-0@0\tpoison-0\n",
    );
}

#[test]
fn settings_of_our_own_that_cannot_be_are_told_at_creation() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let config = |key: &str, value: &str| {
        json!({
            "name": "sink", "connector.class": "FileStreamSink", "topics": "in",
            "file": sandbox.path().join("out.txt"), "errors.tolerance": "all", key: value,
        })
    };
    for (key, value, remedy) in [
        ("errors.bisection.max.records", "many", "0 or more"),
        (
            "errors.deadletterqueue.retry.delays.ms",
            "10s",
            "numbers of ms from 1 to",
        ),
        (
            "errors.deadletterqueue.retry.delays.ms",
            "10",
            "errors.deadletterqueue.topic.name; set both",
        ),
    ] {
        let config = config(key, value);
        let answer = pipeline.rest.put("/connectors/sink/config", &config);
        let message = answer.body["message"].as_str().unwrap();
        assert_eq!(answer.status, 400, "{message}");
        let what = format!("Invalid value {value} for configuration {key}: ");
        assert!(
            message.contains(&what) && message.contains(remedy),
            "{message}"
        );
        let path = "/connector-plugins/FileStreamSink/config/validate";
        assert_eq!(pipeline.rest.put(path, &config).body["error_count"], 1);
    }
}
