//! Real logs, file to topic to file: what comes out is what went in, line by line.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{fs, io::Write as _, time::Duration};

use millrace_system::{
    input,
    pipeline::{self, Pipeline, TOPIC},
    sandbox::Sandbox,
    topic, wait,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Ships a log and compares. A last line without an end is not a line yet, and arrives once it has one.
fn ship(system: &str) {
    let sandbox = Sandbox::new();
    let log = input::log(system);
    sandbox.write("in.log", &log);
    let mut pipeline = Pipeline::file_to_file(&sandbox);
    let complete = input::lines(&log);
    wait::until("the lines of the file", PATIENCE, || {
        input::lines(&sandbox.read("out.log")).len() >= complete.len()
    });
    compare(&input::lines(&sandbox.read("out.log")), &complete);

    fs::OpenOptions::new()
        .append(true)
        .open(sandbox.join("in.log"))
        .unwrap()
        .write_all(b"\n")
        .unwrap();
    let mut whole = log.clone();
    whole.push(b'\n');
    let expected = input::lines(&whole);
    wait::until("the last line", PATIENCE, || {
        input::lines(&sandbox.read("out.log")).len() >= expected.len()
    });
    compare(&input::lines(&sandbox.read("out.log")), &expected);

    assert!(
        pipeline.millrace.stop().success(),
        "{}",
        pipeline.millrace.stderr()
    );
    let values = topic::values(&sandbox.join("data/broker"), &format!("{TOPIC}-0"));
    compare(
        &values.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        &expected,
    );
}

/// Names the first line that differs; a dump of both sides would help nobody.
fn compare(actual: &[&[u8]], expected: &[&[u8]]) {
    for (number, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        assert_eq!(
            String::from_utf8_lossy(actual),
            String::from_utf8_lossy(expected),
            "line {}",
            number + 1
        );
    }
    assert_eq!(actual.len(), expected.len());
}

macro_rules! ships {
    ($($test:ident: $system:literal,)*) => {
        $(#[test] fn $test() { ship($system); })*

        #[test]
        fn every_system_has_a_test() {
            assert_eq!([$($system),*], input::SYSTEMS);
        }
    };
}

ships! {
    android: "Android",
    apache: "Apache",
    hdfs: "HDFS",
    linux: "Linux",
    openssh: "OpenSSH",
    openstack: "OpenStack",
    spark: "Spark",
    zookeeper: "Zookeeper",
}

#[test]
fn a_file_that_is_not_there_yet_is_shipped_when_it_appears() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(
        &sandbox,
        &[
            pipeline::source_file(&sandbox),
            pipeline::sink_file(&sandbox),
        ],
    );
    pipeline.rest.await_state("source", "RUNNING");
    sandbox.write("in.log", "late\n");
    wait::until("the line", PATIENCE, || {
        sandbox.read("out.log") == b"late\n"
    });
    assert!(pipeline.millrace.stop().success());
}
