//! The README of the Log sink runs as it is: records come out of a log4rs appender, at the level that a header says.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{fs, time::Duration};

use millrace_system::{
    binary::repository,
    pipeline::{properties_file, worker_file},
    process::Millrace,
    rest::Rest,
    sandbox::Sandbox,
    wait,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// The first block of a kind on the page.
fn block<'a>(page: &'a str, kind: &str) -> &'a str {
    let from = page.split(&format!("```{kind}\n")).nth(1).unwrap();
    from.split("```").next().unwrap()
}

#[test]
fn the_readme_runs_as_it_is() {
    let sandbox = Sandbox::new();
    let page = fs::read_to_string(repository().join("connectors/logsink/README.md")).unwrap();
    sandbox.write("in.log", "the door\tis open\n");
    let source = [
        ("name", "source"),
        ("connector.class", "FileStreamSource"),
        ("file", "in.log"),
        ("topic", "audit"),
        ("transforms", "level"),
        ("transforms.level.type", "InsertHeader"),
        ("transforms.level.header", "level"),
        ("transforms.level.value.literal", "error"),
    ];
    let arguments = [
        "standalone".into(),
        "--log-config".into(),
        sandbox.write("log4rs.yaml", block(&page, "yaml")),
        worker_file(&sandbox, &[]),
        properties_file(&sandbox, "source.properties", &source),
        sandbox.write("audit.properties", block(&page, "properties")),
    ];
    let mut millrace = Millrace::start(&sandbox, arguments);
    let rest = Rest::new(&millrace.address("rest "));
    rest.await_state("audit", "RUNNING");
    wait::until("the event", PATIENCE, || {
        let logged = fs::read_to_string(sandbox.join("audit.log")).unwrap_or_default();
        logged == "ERROR the door\tis open\n"
    });
    assert!(millrace.stop().success(), "{}", millrace.stderr());
    assert!(
        !millrace.stderr().contains("the door"),
        "only its own appender has it"
    );
}
