//! How far FileTail is behind its files, in a task's status and at `/metrics`, while its broker stands still and after.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::time::Duration;

use millrace_system::{apart, pipeline, rest::Rest, sandbox::Sandbox, wait};
use rustix::process::Signal;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(120);
const LINES: usize = 50_000;

#[test]
fn lag_is_told_by_file_while_a_broker_stands_still_and_is_gone_after() {
    let sandbox = Sandbox::new();
    let port = apart::free_port();
    let mut broker = apart::start_broker(&sandbox, port);
    broker.address("broker");
    let keys = [
        ("name", "tail"),
        ("connector.class", "FileTail"),
        ("include", "*.log"),
        ("topic", "lines"),
        ("producer.override.buffer.memory", "1048576"),
        ("max.line.bytes", "150"),
        ("line.too.long", "truncate"),
        ("scan.interval.ms", "100"),
    ];
    let source = pipeline::properties_file(&sandbox, "tail.properties", &keys);
    let mut worker = apart::start_worker(&sandbox, port, &[source]);
    let rest = Rest::new(&worker.address("rest "));
    sandbox.write("warm.log", format!("{}\n", "x".repeat(200)));
    rest.await_state("tail", "RUNNING");
    wait::until("the first line to be stored", PATIENCE, || {
        metric(&rest, "kafka_connect_source_task_source_record_write_total")
            .is_some_and(|count| count >= 1.0)
    });

    broker.signal(Signal::STOP);
    let text: String = (0..LINES)
        .map(|line| format!("line {line:095}\n"))
        .collect();
    // It is there whole, for a task that waits for its broker looks at its files no more.
    sandbox.replace("big.log", text);
    let mut unread = Value::Null;
    wait::until("the lag to show", PATIENCE, || {
        let status = rest.get("/connectors/tail/status").body;
        unread = status["tasks"][0]["flow"]["unread"].clone();
        unread["bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 1_000_000)
            && unread["seconds"]
                .as_f64()
                .is_some_and(|seconds| seconds > 0.5)
    });
    let part = &unread["parts"][0];
    assert!(
        part["name"].as_str().unwrap().ends_with("/big.log"),
        "{unread}"
    );
    assert_eq!(
        (&unread["count"], &part["bytes"]),
        (&Value::from(1), &unread["bytes"])
    );
    assert!(metric(&rest, "millrace_source_unread_bytes").unwrap() > 1e6);
    assert!(metric(&rest, "millrace_source_unread_seconds").unwrap() > 0.5);

    broker.signal(Signal::CONT);
    wait::until("all to be read", PATIENCE, || {
        metric(&rest, "millrace_source_unread_bytes") == Some(0.0)
    });
    wait::until("what was cut short to be counted", PATIENCE, || {
        let cut = "millrace_source_events_total{connector=\"tail\",task=\"0\",event=\"lines_truncated\"} 1";
        let text = rest.get("/metrics").body;
        text.as_str()
            .is_some_and(|text| text.lines().any(|line| line == cut))
    });
    wait::until("all to be stored", PATIENCE, || {
        metric(&rest, "kafka_connect_source_task_source_record_write_total")
            == Some(LINES as f64 + 1.0)
    });
    assert!(worker.stop().success());
    assert!(broker.stop().success());
}

/// A task's figure, of all its parts.
fn metric(rest: &Rest, name: &str) -> Option<f64> {
    let text = rest.get("/metrics").body;
    let text = text.as_str()?;
    let is_it = |line: &&str| {
        line.strip_prefix(name).is_some_and(|labels| {
            labels.starts_with('{') && (!labels.contains("part=") || labels.contains("part=\"\""))
        })
    };
    text.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
}
