//! The tables of the REST API, each against workers of its own: one that stands alone, and one of a group that is all
//! the installation there is.

use std::time::Duration;

use millrace_system::{
    conformance::{self, Subject, Table},
    pipeline::Pipeline,
    process::Millrace,
    sandbox::Sandbox,
    wait,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a worker of a group needs beside the keys of a table.
const GROUP: &str = "group.id=alone\nconfig.storage.topic=configs\noffset.storage.topic=offsets\n\
    status.storage.topic=statuses\nkey.converter=org.apache.kafka.connect.storage.StringConverter\n\
    value.converter=org.apache.kafka.connect.storage.StringConverter\nlisteners=http://127.0.0.1:0\n\
    broker.listeners=PLAINTEXT://127.0.0.1:0\nbroker.log.dirs=data\noffset.flush.interval.ms=100\n";

/// A folder with the tables' input, and a table for workers that read it.
fn prepare(name: &str) -> (Sandbox, Table) {
    let sandbox = Sandbox::new();
    sandbox.write("in.txt", conformance::LINES);
    let tables = conformance::tables(&sandbox.path().display().to_string());
    let table = tables
        .into_iter()
        .find(|table| table.name == name)
        .expect("the table is there");
    (sandbox, table)
}

fn hold(table: &Table, subject: Subject, address: &str) {
    let differences = conformance::run(table, subject, address);
    assert!(
        differences.is_empty(),
        "{} differences\n\n{}",
        differences.len(),
        differences.join("\n\n")
    );
}

fn alone(name: &str) {
    let (sandbox, table) = prepare(name);
    let keys: Vec<(&str, &str)> = table
        .worker
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let pipeline = Pipeline::start_with(&sandbox, &keys, &[]);
    hold(&table, Subject::Millrace, pipeline.rest.address());
}

fn in_group(name: &str) {
    let (sandbox, table) = prepare(name);
    let keys = table.worker.iter();
    let keys: String = keys
        .map(|(key, value)| format!("{key}={value}\n"))
        .collect();
    let file = sandbox.write("worker.properties", format!("{GROUP}{keys}"));
    let file = file.display().to_string();
    let mut millrace = Millrace::start(&sandbox, ["distributed", file.as_str()]);
    let address = millrace.address("rest");
    wait::until("the worker to be healthy", PATIENCE, || {
        conformance::is_healthy(&address)
    });
    hold(&table, Subject::Group, &address);
}

/// Each table, for both kinds of worker.
macro_rules! tables {
    ($($name:ident)*) => {
        mod alone {
            $(#[test] fn $name() { super::alone(stringify!($name)); })*
        }
        mod in_group {
            $(#[test] fn $name() { super::in_group(stringify!($name)); })*
        }
    };
}

tables! { http connectors offsets plugins loggers slash settings }
