//! The connectors that test others, on the real binary.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{collections::BTreeSet, time::Duration};

use millrace_system::{binary::repository, pipeline::Pipeline, sandbox::Sandbox, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// The JSON lines on standard output so far; the last one may be half written.
fn lines(pipeline: &Pipeline) -> Vec<Value> {
    let text = String::from_utf8(pipeline.millrace.stdout()).unwrap();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The numbers of one task in the lines of `connector` that have `mark`, or that have neither mark.
fn numbers(lines: &[Value], connector: &str, task: i64, mark: Option<&str>) -> Vec<i64> {
    lines
        .iter()
        .filter(|line| line["name"] == connector && line["task"] == task)
        .filter(|line| match mark {
            Some(mark) => line[mark] == true,
            None => line["committed"].is_null() && line["flushed"].is_null(),
        })
        .map(|line| line["seqno"].as_i64().unwrap())
        .collect()
}

fn create(pipeline: &Pipeline, name: &str, config: &Value) {
    let answer = pipeline
        .rest
        .post("/connectors", &json!({"name": name, "config": config}));
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[test]
fn what_the_verifiable_source_counts_reaches_the_verifiable_sink() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let json_converter = json!({
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "tasks.max": "2",
    });
    let with = |own: Value| {
        let mut config = json_converter.clone();
        config
            .as_object_mut()
            .unwrap()
            .extend(own.as_object().unwrap().clone());
        config
    };
    let source = "org.apache.kafka.connect.tools.VerifiableSourceConnector";
    create(
        &pipeline,
        "counts",
        &with(json!({"connector.class": source, "topic": "numbers", "throughput": "500"})),
    );
    create(
        &pipeline,
        "tells",
        &with(json!({"connector.class": "VerifiableSink", "topics": "numbers"})),
    );
    wait::until("200 flushed records of each task", PATIENCE, || {
        let lines = lines(&pipeline);
        (0..2).all(|task| numbers(&lines, "tells", task, Some("flushed")).len() >= 200)
    });
    assert_eq!(pipeline.rest.delete("/connectors/counts").status, 204);
    wait::until("what was committed to arrive", PATIENCE, || {
        let lines = lines(&pipeline);
        (0..2).all(|task| {
            let got: BTreeSet<i64> = numbers(&lines, "tells", task, None).into_iter().collect();
            let sent = numbers(&lines, "counts", task, Some("committed"));
            sent.iter().all(|number| got.contains(number))
        })
    });
    let lines = lines(&pipeline);
    for task in 0..2 {
        let made = numbers(&lines, "counts", task, None);
        assert!(made.iter().copied().eq(0..made.len() as i64));
        let got = numbers(&lines, "tells", task, None);
        assert!(got.iter().copied().eq(0..got.len() as i64), "{got:?}");
    }
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn mocks_fail_where_they_are_told_to() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let mock = |kind: &str, mode: &str| {
        let class = format!("org.apache.kafka.connect.tools.{kind}Connector");
        let mut config = json!({"connector.class": class, "mock_mode": mode, "delay_ms": "50"});
        if kind == "MockSink" {
            config["topics"] = "t".into();
        }
        config
    };
    for kind in ["MockSource", "MockSink"] {
        for mode in ["task-failure", "connector-failure", "none"] {
            let body = json!({"name": format!("{kind}-{mode}"), "config": mock(kind, mode)});
            let answer = pipeline.rest.post("/connectors", &body);
            // A connector's failure may be there before its creation is answered.
            let is_early = mode == "connector-failure" && answer.status == 500;
            assert!(answer.status == 201 || is_early, "{answer:?}");
        }
    }
    let status = |kind: &str, mode: &str| {
        let path = format!("/connectors/{kind}-{mode}/status");
        pipeline.rest.get(&path).body
    };
    for kind in ["MockSource", "MockSink"] {
        let failed = wait::until_some("the task to fail", PATIENCE, || {
            let status = status(kind, "task-failure");
            (status["tasks"][0]["state"] == "FAILED").then_some(status)
        });
        assert_eq!(failed["connector"]["state"], "RUNNING");
        let trace = failed["tasks"][0]["trace"].as_str().unwrap();
        assert!(trace.contains("mock_mode"), "{trace}");
        wait::until("the connector to fail", PATIENCE, || {
            status(kind, "connector-failure")["connector"]["state"] == "FAILED"
        });
        pipeline
            .rest
            .await_state(&format!("{kind}-none"), "RUNNING");
    }
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn generated_data_arrives() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    create(
        &pipeline,
        "orders",
        &json!({
            "connector.class": "DataGenerator", "topic": "orders", "kind": "orders",
            "rate": "-1", "records": "5000", "tasks.max": "1",
        }),
    );
    let output = sandbox.join("orders.jsonl");
    create(
        &pipeline,
        "file",
        &json!({"connector.class": "FileStreamSink", "file": output, "topics": "orders"}),
    );
    wait::until("all orders", PATIENCE, || {
        let lines = std::fs::read(&output).unwrap_or_default();
        lines.iter().filter(|byte| **byte == b'\n').count() == 5000
    });
    let lines = std::fs::read_to_string(&output).unwrap();
    for (number, line) in lines.lines().enumerate() {
        let order: Value = serde_json::from_str(line).unwrap();
        assert_eq!(order["order"], number);
    }
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn the_readmes_configurations_run() {
    let readme = repository().join("connectors/testing/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let blocks = text.split("```properties\n").skip(1);
    let blocks: Vec<&str> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    let sandbox = Sandbox::new();
    let files = blocks.iter().enumerate();
    let files: Vec<_> = files
        .map(|(number, block)| sandbox.write(&format!("{number}.properties"), block))
        .collect();
    let keys = [("unsafe.connectors", "faults")];
    let mut pipeline = Pipeline::start_with(&sandbox, &keys, &files);
    // What is configured to fail is seen to fail for the reason that it was given; all else runs.
    let ends = [
        ("mock-source", "mock_mode"),
        ("mock-sink", "mock_mode"),
        ("unlucky", "panicked in poll"),
        ("unlucky-sink", "the error in put"),
    ];
    for block in blocks {
        let name = block.lines().find_map(|line| line.strip_prefix("name="));
        let name = name.unwrap();
        let Some((_, reason)) = ends.iter().find(|(failing, _)| *failing == name) else {
            pipeline.rest.await_state(name, "RUNNING");
            continue;
        };
        wait::until(&format!("{name} to fail"), PATIENCE, || {
            let status = pipeline.rest.get(&format!("/connectors/{name}/status"));
            let task = &status.body["tasks"][0];
            task["trace"].as_str().unwrap_or_default().contains(reason)
        });
    }
    assert!(pipeline.millrace.stop().success());
}
