//! The stdout sink of the real binary at the end of a pipe whose reader leaves: `millrace standalone … | head -n 1`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Write},
    time::Duration,
};

use millrace_system::{
    pipeline::{TOPIC, properties_file, source_file, worker_file},
    process::Millrace,
    rest::Rest,
    sandbox::Sandbox,
    wait,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a worker that prints the lines of `in.log`, reads the first, and leaves.
fn left_after_one_line(sandbox: &Sandbox) -> (Millrace, Rest) {
    sandbox.write("in.log", "first\n");
    let print = [
        ("name", "print"),
        ("connector.class", "Stdout"),
        ("topics", TOPIC),
    ];
    let arguments = [
        "standalone".into(),
        worker_file(sandbox, &[]),
        source_file(sandbox),
        properties_file(sandbox, "print.properties", &print),
    ];
    let (mut millrace, output) = Millrace::start_piped(sandbox, arguments);
    let rest = Rest::new(&millrace.address("rest "));
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    (millrace, rest)
}

/// The task has failed for this reason alone, and the rest of the worker goes on.
fn check_failed(rest: &Rest) {
    let status = wait::until_some("the task to fail", PATIENCE, || {
        let status = rest.get("/connectors/print/status").body;
        (status["tasks"][0]["state"] == "FAILED").then_some(status)
    });
    let trace = status["tasks"][0]["trace"].as_str().unwrap();
    assert!(
        trace.contains("the reader of standard output is gone"),
        "{trace}"
    );
    rest.await_state("source", "RUNNING");
}

#[test]
fn the_task_fails_when_a_record_finds_no_reader_and_commits_what_was_printed() {
    let sandbox = Sandbox::new();
    let (mut millrace, rest) = left_after_one_line(&sandbox);
    let input = OpenOptions::new().append(true).open(sandbox.join("in.log"));
    input.unwrap().write_all(b"second\n").unwrap();
    check_failed(&rest);
    wait::until("what was printed to be committed", PATIENCE, || {
        let offsets = rest.get("/connectors/print/offsets").body;
        offsets["offsets"][0]["offset"]["kafka_offset"] == 1
    });
    assert!(millrace.stop().success());
}

#[test]
fn the_task_fails_when_the_reader_has_gone_and_nothing_comes() {
    let sandbox = Sandbox::new();
    let (mut millrace, rest) = left_after_one_line(&sandbox);
    check_failed(&rest);
    assert!(millrace.stop().success());
}
