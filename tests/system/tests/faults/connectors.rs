//! Faults in the calls of connectors, and in those that let go.

use std::thread;

use millrace_system::wait;
use serde_json::{Value, json};

use crate::bench::{Bench, PATIENCE};

/// The calls of a connector, which both kinds have.
const CONNECTOR: [&str; 4] = [
    "connector.validate",
    "connector.start",
    "connector.task_configs",
    "connector.task",
];

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
