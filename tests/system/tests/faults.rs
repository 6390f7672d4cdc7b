//! Connectors that do wrong, in each of their calls: the status says what happened, REST and the neighbours are
//! unharmed, a restart recovers, and nothing that was acknowledged is lost.
//!
//! One worker runs a connector for each fault, all at once, beside a healthy pipeline.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use millrace_system::{
    pipeline::{Pipeline, TOPIC},
    sandbox::Sandbox,
    topic, wait,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
/// What one call may take in these workers.
const CALL_MS: u64 = 1500;
/// What REST may take, in a debug build on a machine that other tests share.
const REST_WITHIN: Duration = Duration::from_secs(5);

/// What becomes of the task in whose call something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Becomes {
    /// FAILED, with this in the first line of the trace.
    Failed(&'static str),
    /// It goes on.
    Goes,
    /// It goes on, and a line of the log explains it.
    Told(&'static str),
}

use Becomes::{Failed, Goes, Told};

/// The faults of a source's task.
const SOURCE: &[(&str, &str, Becomes)] = &[
    ("start", "error", Failed("error in start")),
    ("start", "retriable", Failed("retriable error in start")),
    ("start", "delay", Goes),
    ("start", "hang", Failed("did not return from start")),
    ("start", "block", Failed("did not return from start")),
    ("start", "panic", Failed("panicked in start")),
    ("poll", "error", Failed("error in poll")),
    (
        "poll",
        "retriable",
        Told("could not poll and will try again"),
    ),
    ("poll", "delay", Goes),
    ("poll", "panic", Failed("panicked in poll")),
    ("poll", "flood", Goes),
    ("poll", "duplicate", Goes),
    ("poll", "backward", Goes),
    ("poll", "foreign", Failed("partition 1000000")),
    ("acknowledged", "delay", Goes),
    (
        "acknowledged",
        "hang",
        Failed("did not return from acknowledged"),
    ),
    (
        "acknowledged",
        "block",
        Failed("did not return from acknowledged"),
    ),
    ("acknowledged", "panic", Failed("panicked in acknowledged")),
    ("commit", "delay", Goes),
    ("commit", "hang", Failed("did not return from commit")),
    ("commit", "block", Failed("did not return from commit")),
    ("commit", "panic", Failed("panicked in commit")),
];

/// The faults of a sink's task.
const SINK: &[(&str, &str, Becomes)] = &[
    ("start", "error", Failed("error in start")),
    ("start", "retriable", Failed("retriable error in start")),
    ("start", "delay", Goes),
    ("start", "hang", Failed("did not return from start")),
    ("start", "block", Failed("did not return from start")),
    ("start", "panic", Failed("panicked in start")),
    ("open", "error", Failed("error in open")),
    ("open", "retriable", Failed("retriable error in open")),
    ("open", "delay", Goes),
    ("open", "hang", Failed("did not return from open")),
    ("open", "block", Failed("did not return from open")),
    ("open", "panic", Failed("panicked in open")),
    ("put", "error", Failed("error in put")),
    (
        "put",
        "retriable",
        Told("could not write a batch and will try again"),
    ),
    ("put", "delay", Goes),
    ("put", "hang", Failed("did not return from put")),
    ("put", "block", Failed("did not return from put")),
    ("put", "panic", Failed("panicked in put")),
    ("put", "flood", Goes),
    ("put", "duplicate", Goes),
    ("put", "backward", Goes),
    ("put", "foreign", Told("nobody-s-7, which it does not have")),
    (
        "pre_commit",
        "error",
        Told("could not make its records safe"),
    ),
    (
        "pre_commit",
        "retriable",
        Told("could not make its records safe"),
    ),
    ("pre_commit", "delay", Goes),
    (
        "pre_commit",
        "hang",
        Failed("did not return from pre_commit"),
    ),
    (
        "pre_commit",
        "block",
        Failed("did not return from pre_commit"),
    ),
    ("pre_commit", "panic", Failed("panicked in pre_commit")),
    ("pre_commit", "duplicate", Goes),
    ("pre_commit", "backward", Goes),
    ("pre_commit", "ahead", Told("which it was not given")),
    (
        "pre_commit",
        "foreign",
        Told("of nobody-s-7, which it was not given"),
    ),
];

/// The calls of a connector, which both kinds have.
const CONNECTOR: [&str; 4] = [
    "connector.validate",
    "connector.start",
    "connector.task_configs",
    "connector.task",
];

struct Bench {
    sandbox: Sandbox,
    pipeline: Pipeline,
}

impl Bench {
    /// A worker with connectors that fail on command, and a healthy pipeline.
    fn start() -> Self {
        let sandbox = Sandbox::new();
        let keys = [
            ("unsafe.connectors", "faults"),
            ("connector.call.timeout.ms", &*CALL_MS.to_string()),
        ];
        let pipeline = Pipeline::start_with(&sandbox, &keys, &[]);
        let bench = Self { sandbox, pipeline };
        bench.create(
            "neighbour-source",
            &json!({"connector.class": "DataGenerator", "topic": TOPIC, "rate": "200"}),
        );
        bench.create(
            "neighbour-sink",
            &json!({
                "connector.class": "FileStreamSink", "topics": TOPIC,
                "file": bench.sandbox.join("neighbour.out"),
            }),
        );
        bench
    }

    /// Creates a connector; REST answers soon, whatever the connector does.
    fn create(&self, name: &str, config: &Value) {
        let path = "/connectors";
        let answer = self
            .pipeline
            .rest
            .post(path, &json!({"name": name, "config": config}));
        assert_eq!(answer.status, 201, "{name}: {answer:?}");
    }

    fn status(&self, name: &str) -> Value {
        let path = format!("/connectors/{name}/status");
        let asked = Instant::now();
        let answer = self.pipeline.rest.get(&path);
        assert!(
            asked.elapsed() < REST_WITHIN,
            "{path}: {:?}",
            asked.elapsed()
        );
        answer.body
    }

    /// Waits until the task is in a state, and returns its part of the status.
    fn await_task(&self, name: &str, state: &str) -> Value {
        wait::until_some(
            &format!("the task of {name} to be {state}"),
            PATIENCE,
            || {
                let task = self.status(name)["tasks"][0].clone();
                (task["state"] == state).then_some(task)
            },
        )
    }

    fn happened(&self, name: &str) -> u64 {
        let faults = self
            .pipeline
            .rest
            .get(&format!("/connectors/{name}/faults"));
        let all = faults.body["faults"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        all.iter()
            .map(|fault| fault["happened"].as_u64().unwrap())
            .sum()
    }

    /// How many lines the healthy pipeline has carried.
    fn carried(&self) -> usize {
        lines(&self.sandbox, "neighbour.out").len()
    }

    /// Waits until the healthy pipeline has carried something that it gets from now on.
    fn neighbours_flow(&self) {
        let before = self.carried();
        wait::until("the neighbours to go on", PATIENCE, || {
            self.carried() > before + 50
        });
        for name in ["neighbour-source", "neighbour-sink"] {
            assert_eq!(self.status(name)["tasks"][0]["state"], "RUNNING", "{name}");
        }
    }

    /// Sees that the fault happened and was shown as it should be, then has the task recover.
    fn judge(&self, name: &str, becomes: Becomes) {
        wait::until(&format!("{name} to happen"), PATIENCE, || {
            self.happened(name) > 0
        });
        match becomes {
            Goes => {}
            Told(mention) => {
                wait::until(&format!("{name} to be told"), PATIENCE, || {
                    let said = self.pipeline.millrace.stderr();
                    said.lines()
                        .any(|line| line.contains(name) && line.contains(mention))
                });
            }
            Failed(mention) => {
                let task = self.await_task(name, "FAILED");
                let trace = task["trace"].as_str().unwrap();
                let first = trace.lines().next().unwrap();
                assert!(first.contains(mention), "{name}: {trace}");
                assert_eq!(task["worker_id"], self.worker_id(), "{name}");
                assert_eq!(self.status(name)["connector"]["state"], "RUNNING", "{name}");
                self.restart(name);
            }
        }
        self.await_task(name, "RUNNING");
    }

    fn restart(&self, name: &str) {
        let path = format!("/connectors/{name}/restart?includeTasks=true&onlyFailed=true");
        let answer = self.pipeline.rest.post(&path, &Value::Null);
        assert_eq!(answer.status, 202, "{name}: {answer:?}");
    }

    fn worker_id(&self) -> String {
        self.pipeline.rest.address().to_owned()
    }

    fn stop(mut self) {
        assert!(self.pipeline.millrace.stop().code().is_some());
    }
}

fn lines(sandbox: &Sandbox, file: &str) -> Vec<String> {
    let text = String::from_utf8(sandbox.read(file)).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn numbers(values: impl IntoIterator<Item = String>) -> BTreeSet<u64> {
    let values = values.into_iter();
    values.map(|value| value.trim().parse().unwrap()).collect()
}

/// A fault as the configuration has it: after some calls that go well, so that there is something to lose.
fn faults(call: &str, fault: &str) -> String {
    let after = if matches!(call, "poll" | "put" | "pre_commit") {
        2
    } else {
        0
    };
    let times = if fault == "flood" { 20 } else { 1 };
    json!([{"call": call, "fault": fault, "after": after, "times": times, "ms": 300}]).to_string()
}

fn name(kind: &str, call: &str, fault: &str) -> String {
    format!("{kind}-{call}-{fault}").replace('_', "-")
}

#[test]
fn each_fault_of_a_source_is_shown_and_costs_nobody_else_anything() {
    let bench = Bench::start();
    for (call, fault, _) in SOURCE {
        let name = name("source", call, fault);
        bench.create(
            &name,
            &json!({
                "connector.class": "FaultSource", "topic": name, "rate": "100",
                "faults": faults(call, fault),
            }),
        );
    }
    bench.neighbours_flow();
    for (call, fault, becomes) in SOURCE {
        bench.judge(&name("source", call, fault), *becomes);
    }
    bench.neighbours_flow();
    for (call, fault, _) in SOURCE {
        let name = name("source", call, fault);
        let path = bench.sandbox.join("data/broker");
        wait::until(&format!("records of {name}"), PATIENCE, || {
            topic::values(&path, &format!("{name}-0")).len() > 100
        });
        let values = topic::values(&path, &format!("{name}-0"));
        let numbers = numbers(values.into_iter().map(|v| String::from_utf8(v).unwrap()));
        let last = *numbers.last().unwrap();
        assert_eq!(numbers.len() as u64, last + 1, "{name} has lost records");
    }
    bench.stop();
}

#[test]
fn each_fault_of_a_sink_is_shown_and_costs_nobody_else_anything() {
    let bench = Bench::start();
    bench.create(
        "numbers",
        &json!({"connector.class": "FaultSource", "topic": "numbers", "rate": "200"}),
    );
    for (call, fault, _) in SINK {
        let name = name("sink", call, fault);
        bench.create(
            &name,
            &json!({
                "connector.class": "FaultSink", "topics": "numbers",
                "file": bench.sandbox.join(&name), "faults": faults(call, fault),
            }),
        );
    }
    bench.neighbours_flow();
    for (call, fault, becomes) in SINK {
        bench.judge(&name("sink", call, fault), *becomes);
    }
    bench.neighbours_flow();
    assert_eq!(
        bench
            .pipeline
            .rest
            .put("/connectors/numbers/pause", &Value::Null)
            .status,
        202
    );
    bench.await_task("numbers", "PAUSED");
    let path = bench.sandbox.join("data/broker");
    let sent = topic::values(&path, "numbers-0").len() as u64;
    for (call, fault, _) in SINK {
        let name = name("sink", call, fault);
        wait::until(
            &format!("all numbers in the file of {name}"),
            PATIENCE,
            || {
                let got = numbers(lines(&bench.sandbox, &name));
                got.len() as u64 >= sent
            },
        );
    }
    bench.stop();
}

/// The calls of a connector, what a fault in each of them makes of it, and how that is asked for.
#[test]
fn each_fault_of_a_connector_is_shown_and_costs_nobody_else_anything() {
    let bench = Bench::start();
    let mut all = Vec::new();
    for class in ["FaultSource", "FaultSink"] {
        for call in CONNECTOR {
            for fault in ["error", "hang", "block", "panic"] {
                // Making a task cannot give an error back.
                if (call, fault) != ("connector.task", "error") {
                    all.push((class, call, fault));
                }
            }
        }
    }
    let answers: Vec<(String, u16, String)> = thread::scope(|scope| {
        let creating: Vec<_> = all
            .iter()
            .map(|(class, call, fault)| {
                let rest = &bench.pipeline.rest;
                scope.spawn(move || {
                    let name = format!("{class}-{call}-{fault}");
                    let mut config = json!({
                        "connector.class": class, "rate": "100",
                        "faults": json!([{"call": call, "fault": fault}]).to_string(),
                    });
                    let key = if *class == "FaultSink" {
                        "topics"
                    } else {
                        "topic"
                    };
                    config[key] = "of-connectors".into();
                    let answer = rest.post("/connectors", &json!({"name": name, "config": config}));
                    (name, answer.status, answer.body["message"].to_string())
                })
            })
            .collect();
        bench.neighbours_flow();
        creating
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect()
    });
    for ((_, call, fault), (name, status, message)) in all.iter().zip(&answers) {
        let mention = match *fault {
            "error" => "that the faults of",
            "panic" => "panicked",
            _ => "did not",
        };
        // A validation that refuses or does not end leaves no connector.
        if *call == "connector.validate" {
            assert!(
                [400, 500].contains(status) && message.contains(mention),
                "{name}: {status} {message}"
            );
            assert_eq!(
                bench
                    .pipeline
                    .rest
                    .get(&format!("/connectors/{name}"))
                    .status,
                404
            );
            continue;
        }
        let part = |status: &Value| match *call {
            "connector.task" => status["tasks"][0].clone(),
            _ => status["connector"].clone(),
        };
        let failed = wait::until_some(&format!("{name} to fail"), PATIENCE, || {
            let part = part(&bench.status(name));
            (part["state"] == "FAILED").then_some(part)
        });
        let trace = failed["trace"].as_str().unwrap();
        assert!(
            trace.lines().next().unwrap().contains(mention),
            "{name}: {trace}"
        );
        assert_eq!(failed["worker_id"], bench.worker_id());
        bench.restart(name);
        bench.await_task(name, "RUNNING");
    }
    bench.neighbours_flow();
    bench.stop();
}

/// Faults of the calls that let go, which are made when a connector and its tasks are restarted, and what the log says.
const ENDING: &[(&str, &str, &str, Option<&str>)] = &[
    ("FaultSource", "stop", "delay", None),
    (
        "FaultSource",
        "stop",
        "hang",
        Some("did not return from stop"),
    ),
    (
        "FaultSource",
        "stop",
        "block",
        Some("did not return from stop"),
    ),
    ("FaultSource", "stop", "panic", Some("panicked in stop")),
    (
        "FaultSource",
        "connector.stop",
        "hang",
        Some("did not stop"),
    ),
    (
        "FaultSource",
        "connector.stop",
        "block",
        Some("did not stop"),
    ),
    ("FaultSource", "connector.stop", "panic", Some("panicked")),
    ("FaultSink", "close", "delay", None),
    ("FaultSink", "close", "error", Some("error in close")),
    (
        "FaultSink",
        "close",
        "hang",
        Some("did not return from close"),
    ),
    (
        "FaultSink",
        "close",
        "block",
        Some("did not return from close"),
    ),
    ("FaultSink", "close", "panic", Some("panicked in close")),
    (
        "FaultSink",
        "stop",
        "hang",
        Some("did not return from stop"),
    ),
    (
        "FaultSink",
        "stop",
        "block",
        Some("did not return from stop"),
    ),
    ("FaultSink", "stop", "panic", Some("panicked in stop")),
    ("FaultSink", "connector.stop", "hang", Some("did not stop")),
    ("FaultSink", "connector.stop", "block", Some("did not stop")),
    ("FaultSink", "connector.stop", "panic", Some("panicked")),
];

#[test]
fn what_does_not_let_go_is_left_behind_and_a_restart_goes_on() {
    let bench = Bench::start();
    let name = |class: &str, call: &str, fault: &str| format!("{class}-{call}-{fault}");
    for (class, call, fault, _) in ENDING {
        let name = name(class, call, fault);
        let key = if *class == "FaultSink" {
            "topics"
        } else {
            "topic"
        };
        let mut config = json!({
            "connector.class": class, "faults": json!([{"call": call, "fault": fault}]).to_string(),
        });
        config[key] = "of-endings".into();
        bench.create(&name, &config);
    }
    for (class, call, fault, _) in ENDING {
        bench.await_task(&name(class, call, fault), "RUNNING");
        let path = format!(
            "/connectors/{}/restart?includeTasks=true",
            name(class, call, fault)
        );
        assert_eq!(bench.pipeline.rest.post(&path, &Value::Null).status, 202);
    }
    bench.neighbours_flow();
    for (class, call, fault, told) in ENDING {
        let name = name(class, call, fault);
        wait::until(&format!("{name} to happen"), PATIENCE, || {
            bench.happened(&name) > 0
        });
        if let Some(mention) = told {
            wait::until(&format!("{name} to be told"), PATIENCE, || {
                let said = bench.pipeline.millrace.stderr();
                said.lines()
                    .any(|line| line.contains(&name) && line.contains(mention))
            });
        }
        bench.await_task(&name, "RUNNING");
        assert_eq!(bench.status(&name)["connector"]["state"], "RUNNING");
    }
    bench.neighbours_flow();
    bench.stop();
}

#[test]
fn offsets_that_a_connector_does_not_take_are_refused() {
    let bench = Bench::start();
    let rest = &bench.pipeline.rest;
    for fault in ["error", "hang", "block", "panic"] {
        let name = format!("source-{fault}");
        let call = "connector.alter_offsets";
        bench.create(
            &name,
            &json!({
                "connector.class": "FaultSource", "topic": "offsets",
                "faults": json!([{"call": call, "fault": fault}]).to_string(),
            }),
        );
        assert_eq!(
            rest.put(&format!("/connectors/{name}/stop"), &Value::Null)
                .status,
            204
        );
        wait::until("the connector to stop", PATIENCE, || {
            bench.status(&name)["connector"]["state"] == "STOPPED"
        });
        let path = format!("/connectors/{name}/offsets");
        let change = json!({"offsets": [{"partition": {"id": 0}, "offset": {"seqno": 5000}}]});
        let patch = || bench.pipeline.rest.patch(&path, &change);
        let refused = patch();
        let message = refused.body["message"].as_str().unwrap();
        let mention = match fault {
            "error" => "error in connector.alter_offsets",
            "panic" => "panicked",
            _ => "did not check the offsets within",
        };
        assert!(
            refused.status >= 400 && message.contains(mention),
            "{name}: {refused:?}"
        );
        // An instance that does not return is replaced by a restart.
        let restart = format!("/connectors/{name}/restart");
        assert_eq!(rest.post(&restart, &Value::Null).status, 204);
        assert_eq!(patch().status, 200, "{name}");
        let wrong = json!({"offsets": [{"partition": {"id": 0}, "offset": {"seqno": -1}}]});
        let refused = rest.patch(&path, &wrong);
        assert!(refused.status >= 400, "{refused:?}");
        assert_eq!(
            rest.put(&format!("/connectors/{name}/resume"), &Value::Null)
                .status,
            202
        );
        bench.await_task(&name, "RUNNING");
    }
    bench.neighbours_flow();
    bench.stop();
}

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
        let before = lines(&bench.sandbox, "sink").len();
        wait::until("records to flow", PATIENCE, || {
            lines(&bench.sandbox, "sink").len() > before + 20
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
        asked.elapsed() < Duration::from_secs(20),
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
