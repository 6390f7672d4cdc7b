//! Source tasks whose records nobody takes: they are shown as FAILED at once, not after `offset.flush.timeout.ms`, for no
//! acknowledgement can come.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests end on a failed expectation"
)]

use std::time::Duration;

use millrace_system::{
    pipeline::{properties_file, worker_file},
    process::Millrace,
    rest::Rest,
    sandbox::Sandbox,
    wait,
};

/// Far more than a failure takes, and far less than [`FLUSH_TIMEOUT`].
const PATIENCE: Duration = Duration::from_secs(60);
const FLUSH_TIMEOUT: (&str, &str) = ("offset.flush.timeout.ms", "900000");

/// What keeps the records of a source from being stored.
struct Case {
    name: &'static str,
    keys: &'static [(&'static str, &'static str)],
    /// A part of what is said of it.
    said: &'static str,
}

const CASES: [Case; 3] = [
    Case {
        name: "without-a-topic",
        keys: &[("topic", "not a topic")],
        said: "cannot produce to topic not a topic",
    },
    Case {
        name: "too-large-for-the-producer",
        keys: &[("producer.override.max.request.size", "500")],
        said: "larger than max.request.size",
    },
    Case {
        name: "too-large-for-the-topic",
        keys: &[
            ("topic.creation.default.partitions", "1"),
            ("topic.creation.default.replication.factor", "1"),
            ("topic.creation.default.max.message.bytes", "500"),
        ],
        said: "max.message.bytes",
    },
];

#[test]
fn a_task_whose_records_nobody_takes_fails_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "x".repeat(1000) + "\n");
    let mut arguments = vec!["standalone".into(), worker_file(&sandbox, &[FLUSH_TIMEOUT])];
    for Case { name, keys, .. } in CASES {
        let source = [
            ("name", name),
            ("connector.class", "FileStreamSource"),
            ("file", "in.log"),
            ("topic", name),
        ];
        let all = source.iter().chain(keys);
        arguments.push(properties_file(
            &sandbox,
            &format!("{name}.properties"),
            all,
        ));
    }
    let mut millrace = Millrace::start(&sandbox, arguments);
    let rest = Rest::new(&millrace.address("rest "));
    for Case { name, said, .. } in CASES {
        let mut trace = String::new();
        wait::until(&format!("{name} to fail"), PATIENCE, || {
            let status = rest.get(&format!("/connectors/{name}/status")).body;
            let told = status["tasks"][0]["trace"].as_str();
            trace = told.unwrap_or_default().to_owned();
            status["tasks"][0]["state"] == "FAILED"
        });
        assert!(trace.contains(said), "{name}: {trace}");
    }
    assert!(millrace.stop().success(), "{}", millrace.stderr());
}
