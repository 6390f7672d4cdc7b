//! Values from config providers, on the real binary: used where they are needed, shown nowhere, looked up again when
//! they expire.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::time::Duration;

use millrace_system::{
    pipeline::{Pipeline, properties_file, source_file},
    sandbox::Sandbox,
    tool, wait,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

/// Worker keys of the three providers.
const PROVIDERS: [(&str, &str); 5] = [
    ("config.providers", "file,dir,env"),
    (
        "config.providers.file.class",
        "org.apache.kafka.common.config.provider.FileConfigProvider",
    ),
    ("config.providers.dir.class", "DirectoryConfigProvider"),
    ("config.providers.env.class", "EnvVarConfigProvider"),
    ("config.providers.file.param.ttl.ms", "100"),
];

fn start(sandbox: &Sandbox, more: &[(&str, &str)]) -> Pipeline {
    let keys: Vec<_> = PROVIDERS.iter().chain(more).copied().collect();
    Pipeline::start_with(sandbox, &keys, &[])
}

#[test]
fn values_are_used_and_never_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("secrets.properties", "topic=hidden-topic\nfile=in.log\n");
    let folder = sandbox.path().display().to_string();
    sandbox.write("batch", "7");
    sandbox.write("in.log", "one\ntwo\n");
    let pipeline = start(&sandbox, &[]);
    let topic = format!("${{file:{folder}/secrets.properties:topic}}");
    let config = json!({
        "name": "source",
        "connector.class": "FileStreamSource",
        "file": format!("${{file:{folder}/secrets.properties:file}}"),
        "topic": topic,
        "batch.size": format!("${{dir:{folder}:batch}}"),
        "note": "${env:PATH} ${vault:a:b}",
    });
    let put = pipeline.rest.put("/connectors/source/config", &config);
    assert_eq!((put.status, &put.body["config"]), (201, &config));
    pipeline.rest.await_state("source", "RUNNING");
    let words = format!(
        "consume --topic hidden-topic --from-beginning --max-messages 2 --timeout-ms 60000 --bootstrap-server {}",
        pipeline.broker
    );
    assert_eq!(tool::run(&sandbox, &words).ok(), "one\ntwo\n");
    for path in [
        "/connectors/source",
        "/connectors/source/config",
        "/connectors/source/tasks",
        "/connectors?expand=info",
    ] {
        let shown = pipeline.rest.get(path).body.to_string();
        assert!(!shown.contains("hidden-topic"), "{path}: {shown}");
        assert!(
            shown.contains("secrets.properties:topic}"),
            "{path}: {shown}"
        );
    }
    let verdicts = pipeline.rest.put(
        "/connector-plugins/FileStreamSource/config/validate",
        &config,
    );
    let configs = verdicts.body["configs"].as_array().unwrap().clone();
    let shown = |key: &str| {
        let found = configs.iter().find(|entry| entry["value"]["name"] == key);
        found.unwrap()["value"]["value"].clone()
    };
    assert_eq!(verdicts.body["error_count"], 0);
    assert_eq!(shown("topic"), topic.as_str());
}

#[test]
fn a_value_that_cannot_be_used_is_refused_without_being_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("secrets.properties", "batch=s3cr3t\n");
    let reference = format!(
        "${{file:{}/secrets.properties:batch}}",
        sandbox.path().display()
    );
    let pipeline = start(&sandbox, &[]);
    let mut config =
        json!({"connector.class": "FileStreamSource", "topic": "t", "batch.size": reference});
    let refused = pipeline.rest.put("/connectors/source/config", &config);
    let message = refused.body["message"].as_str().unwrap();
    assert_eq!(refused.status, 400, "{message}");
    let expected =
        format!("Invalid value {reference} for configuration batch.size: Not a number of type INT");
    assert!(
        message.contains(&expected) && !message.contains("s3cr3t"),
        "{message}"
    );
    config["batch.size"] = json!("${file:/no/such/file:key}");
    let failed = pipeline.rest.put("/connectors/source/config", &config);
    assert_eq!(
        (failed.status, failed.body["message"].as_str().unwrap()),
        (
            500,
            "config provider file cannot give key of path /no/such/file: could not read properties from file /no/such/file: No such file or directory (os error 2)"
        )
    );
}

#[test]
fn a_value_that_has_changed_restarts_the_connector_unless_it_says_none() {
    let sandbox = Sandbox::new();
    sandbox.write("secrets.properties", "topic=before\n");
    sandbox.write("in.log", "one\n");
    let reference = format!(
        "${{file:{}/secrets.properties:topic}}",
        sandbox.path().display()
    );
    let pipeline = start(&sandbox, &[]);
    for (name, action) in [("restarted", "restart"), ("kept", "none")] {
        let config = json!({
            "connector.class": "FileStreamSource", "file": "in.log", "topic": reference,
            "config.action.reload": action,
        });
        let path = format!("/connectors/{name}/config");
        assert_eq!(pipeline.rest.put(&path, &config).status, 201);
        pipeline.rest.await_state(name, "RUNNING");
    }
    let topics = |name: &str| {
        let path = format!("/connectors/{name}/topics");
        pipeline.rest.get(&path).body[name]["topics"].clone()
    };
    for name in ["restarted", "kept"] {
        wait::until("the first topic", PATIENCE, || {
            topics(name) == json!(["before"])
        });
    }
    sandbox.replace("secrets.properties", "topic=after\n");
    wait::until("the change to be seen", PATIENCE, || {
        let log = pipeline.millrace.stderr();
        log.contains("connector restarted restarts: values of config providers have changed")
            && log.contains("connector kept: values of config providers have changed; config.action.reload is none")
    });
    sandbox.append("in.log", "two\n");
    wait::until("the second topic", PATIENCE, || {
        topics("restarted") == json!(["after", "before"])
    });
    assert_eq!(topics("kept"), json!(["before"]));
}

#[test]
fn the_worker_and_its_broker_take_values_too() {
    let sandbox = Sandbox::new();
    sandbox.write("worker.secrets", "flush=150\nnode=7\n");
    let folder = sandbox.path().display().to_string();
    let reference = |key: &str| format!("${{file:{folder}/worker.secrets:{key}}}");
    let (flush, node) = (reference("flush"), reference("node"));
    let keys = [
        ("offset.flush.interval.ms", flush.as_str()),
        ("broker.node.id", node.as_str()),
    ];
    let mut pipeline = start(&sandbox, &keys);
    let server = &pipeline.broker;
    let made = format!("topics --create --topic t --bootstrap-server {server}");
    tool::run(&sandbox, &made).ok();
    let described = format!("topics --describe --topic t --bootstrap-server {server}");
    let described = tool::run(&sandbox, &described).ok();
    assert!(described.contains("Leader: 7"), "{described}");
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn a_provider_that_cannot_be_used_stops_the_start() {
    let sandbox = Sandbox::new();
    let worker = properties_file(
        &sandbox,
        "worker.properties",
        &[
            ("key.converter", "StringConverter"),
            ("value.converter", "StringConverter"),
            ("config.providers", "a,b"),
            ("config.providers.a.class", "com.example.Vault"),
            ("config.providers.b.class", "FileConfigProvider"),
            ("config.providers.b.param.allowed.paths", "relative"),
        ],
    );
    let source = source_file(&sandbox);
    let words = format!("standalone {} {}", worker.display(), source.display());
    let outcome = tool::run(&sandbox, &words);
    assert_eq!(outcome.code(), Some(2), "{outcome:?}");
    for expected in [
        "Class com.example.Vault could not be found, available config providers are: ",
        "config provider b cannot be used: Path relative is not absolute",
    ] {
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}

#[test]
fn a_trace_has_the_reference_in_the_place_of_the_value() {
    let sandbox = Sandbox::new();
    sandbox.write("secrets.properties", "topic=no topic of this name!\n");
    sandbox.write("in.log", "one\n");
    let reference = format!(
        "${{file:{}/secrets.properties:topic}}",
        sandbox.path().display()
    );
    let pipeline = start(&sandbox, &[]);
    let config = json!({
        "connector.class": "FileStreamSource", "file": "in.log", "topic": reference,
        "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
    });
    assert_eq!(
        pipeline
            .rest
            .put("/connectors/source/config", &config)
            .status,
        201
    );
    let trace = wait::until_some("the task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/source/status").body;
        let task = &status["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap().to_owned())
    });
    assert!(
        trace.contains(&reference) && !trace.contains("of this name"),
        "{trace}"
    );
}

#[test]
fn a_class_from_a_provider_is_refused_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write("plain.properties", "class=FileStreamSource\n");
    let reference = format!(
        "${{file:{}/plain.properties:class}}",
        sandbox.path().display()
    );
    let pipeline = start(&sandbox, &[]);
    let config = json!({"connector.class": reference, "file": "in.log", "topic": "t"});
    let answer = pipeline.rest.put("/connectors/source/config", &config);
    let message = answer.body["message"].as_str().unwrap();
    assert_eq!(answer.status, 400, "{message}");
    let told = format!("Invalid value {reference} for configuration connector.class: ");
    assert!(message.contains(&told), "{message}");
    assert_eq!(pipeline.rest.get("/connectors").body, json!([]));
}
