//! What the worker does around tasks, on the real binary: topics are created as the connector asks, tracked, and forgotten
//! when told; client settings are overridden as the policy allows; there are no more tasks than allowed.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::time::Duration;

use millrace_system::{pipeline::Pipeline, sandbox::Sandbox, tool, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// A file source whose records go to a topic of their own per connector.
fn source(topic: &str, more: Value) -> Value {
    let mut config = json!({
        "connector.class": "FileStreamSource", "file": "in.log", "topic": topic,
    });
    if let Value::Object(more) = more {
        config.as_object_mut().unwrap().extend(more);
    }
    config
}

fn create(pipeline: &Pipeline, name: &str, config: &Value) {
    let put = pipeline
        .rest
        .put(&format!("/connectors/{name}/config"), config);
    assert_eq!(put.status, 201, "{put:?}");
}

fn describe(sandbox: &Sandbox, pipeline: &Pipeline, topic: &str) -> String {
    let words = format!(
        "topics --describe --topic {topic} --bootstrap-server {}",
        pipeline.broker
    );
    tool::run(sandbox, &words).ok()
}

fn topics(pipeline: &Pipeline, name: &str) -> Value {
    let path = format!("/connectors/{name}/topics");
    pipeline.rest.get(&path).body[name]["topics"].clone()
}

fn await_topics(pipeline: &Pipeline, name: &str, expected: &[&str]) {
    wait::until(&format!("{name} to use {expected:?}"), PATIENCE, || {
        topics(pipeline, name) == json!(expected)
    });
}

fn await_failure(pipeline: &Pipeline, name: &str) -> String {
    wait::until_some(&format!("a task of {name} to fail"), PATIENCE, || {
        let path = format!("/connectors/{name}/status");
        let task = pipeline.rest.get(&path).body["tasks"][0].clone();
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap().to_owned())
    })
}

#[test]
fn topics_are_created_as_their_group_says() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "one\n");
    let pipeline = Pipeline::start_with(&sandbox, &[("broker.num.partitions", "4")], &[]);
    let groups = json!({
        "topic.creation.groups": "wide",
        "topic.creation.default.partitions": "-1",
        "topic.creation.default.replication.factor": "-1",
        "topic.creation.default.retention.ms": "123456",
        "topic.creation.wide.include": "wide-.*, other",
        "topic.creation.wide.exclude": "wide-not",
        "topic.creation.wide.partitions": "6",
        "topic.creation.wide.cleanup.policy": "compact",
        "topic.creation.wide.min.insync.replicas": "1",
    });
    let words = format!(
        "topics --create --topic wide-before --partitions 2 --bootstrap-server {}",
        pipeline.broker
    );
    tool::run(&sandbox, &words).ok();
    for topic in ["wide-a", "wide-not", "wide-before"] {
        create(&pipeline, topic, &source(topic, groups.clone()));
        await_topics(&pipeline, topic, &[topic]);
    }
    for (topic, expected, absent) in [
        (
            "wide-a",
            ["PartitionCount: 6", "cleanup.policy=compact"],
            "retention.ms",
        ),
        (
            "wide-not",
            ["PartitionCount: 4", "retention.ms=123456"],
            "cleanup.policy",
        ),
        (
            "wide-before",
            ["PartitionCount: 2", "ReplicationFactor: 1"],
            "cleanup.policy",
        ),
    ] {
        let described = describe(&sandbox, &pipeline, topic);
        let has = |part: &str| described.contains(part);
        assert!(expected.into_iter().all(has) && !has(absent), "{described}");
    }
}

#[test]
fn a_topic_that_cannot_be_created_fails_the_task_and_says_which_setting() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "one\n");
    let pipeline = Pipeline::start(&sandbox, &[]);
    let setting = |factor: &str, extra: &str| {
        json!({
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": factor,
            "topic.creation.default.cleanup.policy": extra,
        })
    };
    for (name, factor, policy, reason) in [
        ("factor", "3", "delete", "INVALID_REPLICATION_FACTOR"),
        ("policy", "1", "shred", "INVALID_CONFIG"),
    ] {
        create(&pipeline, name, &source(name, setting(factor, policy)));
        let trace = await_failure(&pipeline, name);
        let first = trace.lines().next().unwrap();
        for part in [
            format!(
                "failed to create new topic '{name}' with partitions=1, replication.factor={factor}"
            )
            .as_str(),
            reason,
            "Change the topic.creation.default.* settings",
        ] {
            assert!(first.contains(part), "{first}");
        }
        assert_eq!(topics(&pipeline, name), json!([]));
    }
    let refused = source("t", json!({"topic.creation.default.partitions": "1"}));
    let put = pipeline.rest.put("/connectors/refused/config", &refused);
    assert_eq!(
        (put.status, put.body["message"].as_str().unwrap()),
        (
            500,
            "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value."
        )
    );
}

#[test]
fn without_topic_creation_the_broker_creates_topics_by_itself() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "one\n");
    let keys = [
        ("topic.creation.enable", "false"),
        ("broker.num.partitions", "3"),
    ];
    let pipeline = Pipeline::start_with(&sandbox, &keys, &[]);
    let asked = json!({
        "topic.creation.default.partitions": "7",
        "topic.creation.default.replication.factor": "1",
    });
    create(&pipeline, "a", &source("a", asked));
    await_topics(&pipeline, "a", &["a"]);
    let described = describe(&sandbox, &pipeline, "a");
    assert!(described.contains("PartitionCount: 3"), "{described}");
    assert!(
        pipeline
            .millrace
            .stderr()
            .contains("topic.creation.* has no effect")
    );
}

#[test]
fn topics_in_use_are_tracked_and_forgotten_when_told() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "one\n");
    let pipeline = Pipeline::file_to_file(&sandbox);
    for name in ["source", "sink"] {
        await_topics(&pipeline, name, &["lines"]);
    }
    assert_eq!(topics(&pipeline, "nobody"), json!([]));
    let reset = |name: &str| {
        let path = format!("/connectors/{name}/topics/reset");
        let answer = pipeline.rest.put(&path, &Value::Null);
        (answer.status, answer.body)
    };
    for name in ["source", "sink", "nobody"] {
        assert_eq!(reset(name), (202, Value::Null), "{name}");
        assert_eq!(topics(&pipeline, name), json!([]), "{name}");
    }
    // The next record is news again, as it is in Kafka Connect.
    sandbox.append("in.log", "two\n");
    for name in ["source", "sink"] {
        await_topics(&pipeline, name, &["lines"]);
    }
    assert_eq!(pipeline.rest.delete("/connectors/sink").status, 204);
    assert_eq!(topics(&pipeline, "sink"), json!([]));
}

#[test]
fn tracking_and_its_reset_can_be_switched_off() {
    let sandbox = Sandbox::new();
    for (key, path_of_reset, expected) in [
        (
            "topic.tracking.enable",
            false,
            "Topic tracking is disabled.",
        ),
        ("topic.tracking.enable", true, "Topic tracking is disabled."),
        (
            "topic.tracking.allow.reset",
            true,
            "Topic tracking reset is disabled.",
        ),
    ] {
        let pipeline = Pipeline::start_with(&sandbox, &[(key, "false")], &[]);
        let answer = match path_of_reset {
            true => pipeline
                .rest
                .put("/connectors/c/topics/reset", &Value::Null),
            false => pipeline.rest.get("/connectors/c/topics"),
        };
        assert_eq!(
            (answer.status, answer.body["message"].as_str().unwrap()),
            (403, expected)
        );
    }
}

#[test]
fn client_settings_are_overridden_as_the_policy_allows() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "one\n");
    let overriding = source(
        "t",
        json!({
            "producer.override.max.request.size": "100",
            "producer.override.linger.ms": "1",
            "consumer.override.acks": "not a source's",
        }),
    );
    let refused = |policy: &str, key: &str| {
        format!(
            "The '{policy}' policy does not allow '{key}' to be overridden in the connector configuration."
        )
    };
    for (policy, errors) in [
        (
            "None",
            vec![
                refused("None", "linger.ms"),
                refused("None", "max.request.size"),
            ],
        ),
        (
            "Principal",
            vec![
                refused("Principal", "linger.ms"),
                refused("Principal", "max.request.size"),
            ],
        ),
        ("Allowlist", vec![refused("Allowlist", "max.request.size")]),
        (
            "org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy",
            vec![],
        ),
    ] {
        let keys = [
            ("connector.client.config.override.policy", policy),
            (
                "connector.client.config.override.allowlist",
                "linger.ms, acks",
            ),
        ];
        let pipeline = Pipeline::start_with(&sandbox, &keys, &[]);
        let answer = pipeline
            .rest
            .put("/connector-plugins/FileStreamSource/config/validate", &{
                let mut config = overriding.clone();
                config["name"] = json!("s");
                config
            });
        assert_eq!(
            answer.body["error_count"],
            errors.len(),
            "{policy}: {}",
            answer.body
        );
        let put = pipeline.rest.put("/connectors/s/config", &overriding);
        if errors.is_empty() {
            assert_eq!(put.status, 201, "{put:?}");
            sandbox.append("in.log", format!("{}\n", "x".repeat(200)));
            let trace = await_failure(&pipeline, "s");
            assert!(trace.contains("max.request.size"), "{trace}");
        } else {
            let message = put.body["message"].as_str().unwrap();
            let all = errors.iter().all(|error| message.contains(error.as_str()));
            assert!(put.status == 400 && all, "{policy}: {message}");
        }
    }
}

#[test]
fn more_tasks_than_allowed_fail_the_connector_unless_that_is_not_enforced() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start_with(&sandbox, &[("unsafe.connectors", "faults")], &[]);
    let greedy = |enforce: &str| {
        json!({
            "connector.class": "FaultSource", "topic": "t", "rate": "1",
            "tasks.max": "2", "surplus.tasks": "1", "tasks.max.enforce": enforce,
        })
    };
    let said = "The connector greedy has generated 3 tasks, which is greater than 2, the maximum number of tasks it is configured to create. ";
    let put = pipeline
        .rest
        .put("/connectors/greedy/config", &greedy("true"));
    assert_eq!(put.status, 500, "{put:?}");
    assert!(
        put.body["message"].as_str().unwrap().starts_with(said),
        "{put:?}"
    );
    let status = wait::until_some("the connector to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/greedy/status").body;
        (status["connector"]["state"] == "FAILED").then_some(status)
    });
    assert_eq!(status["tasks"], json!([]));
    assert!(
        status["connector"]["trace"]
            .as_str()
            .unwrap()
            .contains(said),
        "{status}"
    );
    let put = pipeline
        .rest
        .put("/connectors/greedy/config", &greedy("false"));
    assert_eq!(put.status, 200, "{put:?}");
    pipeline.rest.await_state("greedy", "RUNNING");
    let tasks = pipeline.rest.get("/connectors/greedy/tasks").body;
    assert_eq!(tasks.as_array().unwrap().len(), 3);
    assert!(pipeline.millrace.stderr().contains(said));
}
