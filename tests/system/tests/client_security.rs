//! Protection of a connector's clients that cannot be used: the task fails, and no secret is shown.
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

#[test]
fn a_login_that_cannot_be_used_fails_the_task_and_stays_secret() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "a line\n");
    let source = [
        ("name", "source"),
        ("connector.class", "FileStreamSource"),
        ("file", "in.log"),
        ("topic", "lines"),
        ("producer.override.security.protocol", "SASL_SSL"),
        ("producer.override.sasl.mechanism", "PLAIN"),
        (
            "producer.override.sasl.jaas.config",
            "a.B required password=hunter2;",
        ),
    ];
    let arguments = [
        "standalone".into(),
        worker_file(&sandbox, &[]),
        properties_file(&sandbox, "source.properties", &source),
    ];
    let mut millrace = Millrace::start(&sandbox, arguments);
    let rest = Rest::new(&millrace.address("rest "));
    let mut trace = String::new();
    wait::until("the task to fail", Duration::from_secs(60), || {
        let status = rest.get("/connectors/source/status").body;
        let told = status["tasks"][0]["trace"].as_str();
        trace = told.unwrap_or_default().to_owned();
        status["tasks"][0]["state"] == "FAILED"
    });
    assert!(trace.contains("PlainLoginModule, not a.B"), "{trace}");
    assert!(millrace.stop().success(), "{}", millrace.stderr());
    for shown in [trace, millrace.stderr()] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
