//! What keeps a connector from its neighbours: memory that is bounded and shown, log lines of its own.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use millrace_system::{
    input, pipeline, pipeline::Pipeline, process::Millrace, sandbox::Sandbox, wait,
};
use rustix::process::Signal;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_source_that_has_used_up_its_memory_waits_and_says_so() {
    const MAX: u64 = 2 << 20;
    const LINES: usize = 300_000;
    let sandbox = Sandbox::new();
    let keys = ["listeners=PLAINTEXT://127.0.0.1:0", "log.dirs=data/broker"];
    let overrides = keys.iter().flat_map(|key| ["--override", key]);
    let mut broker = Millrace::start(&sandbox, ["broker"].into_iter().chain(overrides));
    let address = broker.address("broker ");
    let worker = pipeline::worker_file(&sandbox, &[("bootstrap.servers", &address)]);
    let mut worker = Millrace::start(&sandbox, ["standalone".into(), worker]);
    let rest = millrace_system::rest::Rest::new(&worker.address("rest "));
    sandbox.write("in.log", "first\n");
    let config = json!({
        "connector.class": "FileStreamSource", "file": sandbox.join("in.log"), "topic": "lines",
        "memory.max.bytes": MAX.to_string(),
    });
    assert_eq!(rest.put("/connectors/c/config", &config).status, 201);
    let flow = || rest.get("/connectors/c/status").body["tasks"][0]["flow"].clone();
    wait::until("the first line", PATIENCE, || {
        flow()["last_commit"].is_i64()
    });
    broker.signal(Signal::STOP);
    let mut file = File::options()
        .append(true)
        .open(sandbox.join("in.log"))
        .unwrap();
    file.write_all(&input::numbered(LINES, 100)).unwrap();
    let mut seen = Value::Null;
    wait::until("the task to wait for memory", PATIENCE, || {
        seen = flow();
        seen["stage"] == "memory"
    });
    let memory = &seen["memory"];
    let bytes = memory["connector_bytes"].as_u64().unwrap();
    assert!((MAX..MAX + (2 << 20)).contains(&bytes), "{seen}");
    assert_eq!(memory["connector_max_bytes"], MAX, "{seen}");
    assert_eq!(memory["worker_bytes"], bytes, "{seen}");
    assert!(
        memory["worker_max_bytes"].as_u64().unwrap() > 64 << 20,
        "{seen}"
    );
    broker.signal(Signal::CONT);
    wait::until("all lines", PATIENCE, || flow()["records"] == LINES + 1);
    wait::until("the memory to be free again", PATIENCE, || {
        flow()["memory"]["bytes"] == 0
    });
    assert!(worker.stop().success(), "{}", worker.stderr());
    assert!(broker.stop().success());
}

#[test]
fn lines_of_connectors_and_tasks_are_read_by_rest_and_levels_end_by_themselves() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let rest = &pipeline.rest;
    let set = |level: &str, query: &str| {
        let path = format!("/admin/loggers/connector.quiet{query}");
        rest.put(&path, &json!({ "level": level }))
    };
    assert_eq!(set("TRACE", "?expiresMs=0").status, 400);
    assert_eq!(set("TRACE", "?expiresMs=soon").status, 400);
    assert_eq!(
        set("WARN", "?expiresMs=600000").body,
        json!(["connector.quiet"])
    );
    let logger = rest.get("/admin/loggers/connector.quiet").body;
    assert!(logger["expires"].as_i64().unwrap() > logger["last_modified"].as_i64().unwrap());
    let config = |topic: &str| json!({"connector.class": "FileStreamSink", "topics": topic, "file": sandbox.join("out.log")});
    for name in ["loud", "quiet"] {
        let path = format!("/connectors/{name}/config");
        assert_eq!(rest.put(&path, &config("lines")).status, 201);
        rest.await_state(name, "RUNNING");
    }
    let lines = |path: &str| {
        let answer = rest.get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["lines"].as_array().unwrap().clone()
    };
    let is_of_client = |line: &Value| {
        line["logger"]
            .as_str()
            .unwrap()
            .starts_with("millrace_client")
    };
    // Its consumer says when it has joined its group.
    let of_task = wait::until_some("a line of the task's consumer", PATIENCE, || {
        let lines = lines("/connectors/loud/tasks/0/logs");
        lines.iter().any(is_of_client).then_some(lines)
    });
    assert!(of_task.iter().all(|line| line["task"] == 0), "{of_task:?}");
    assert!(lines("/connectors/loud/logs").len() >= of_task.len());
    assert_eq!(lines("/connectors/loud/logs?lines=1").len(), 1);
    assert!(lines("/connectors/loud/logs?level=ERROR").is_empty());
    let quiet = lines("/connectors/quiet/logs");
    assert!(quiet.is_empty(), "{quiet:?}");
    for (path, status) in [
        ("/connectors/none/logs", 404),
        ("/connectors/loud/tasks/7/logs", 404),
        ("/connectors/loud/logs?lines=x", 400),
        ("/connectors/loud/logs?level=LOUD", 400),
    ] {
        assert_eq!(rest.get(path).status, status, "{path}");
    }
    assert_eq!(set("DEBUG", "?expiresMs=1").status, 200);
    wait::until("the level to end", PATIENCE, || {
        rest.get("/admin/loggers/connector.quiet").body["level"] == "INFO"
    });
    assert!(
        pipeline
            .millrace
            .stderr()
            .contains("connector.loud.task.0: ")
    );
    assert!(pipeline.millrace.stop().success());
}
