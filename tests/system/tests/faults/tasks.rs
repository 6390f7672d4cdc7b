//! Faults in the calls of tasks.

use millrace_system::{topic, wait};
use serde_json::{Value, json};

use crate::bench::{
    Becomes::{self, Failed, Goes, Told},
    Bench, PATIENCE, numbers,
};

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
                let got = numbers(bench.sandbox.lines(&name));
                got.len() as u64 >= sent
            },
        );
    }
    bench.stop();
}
