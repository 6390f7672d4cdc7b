//! The tables of the REST API, each against a worker of its own.

use millrace_system::{
    conformance::{self, Subject, Table},
    pipeline::Pipeline,
    sandbox::Sandbox,
};

fn check(name: &str) {
    let sandbox = Sandbox::new();
    sandbox.write("in.txt", conformance::LINES);
    let tables = conformance::tables(&sandbox.path().display().to_string());
    let table: &Table = tables
        .iter()
        .find(|table| table.name == name)
        .expect("the table is there");
    let keys: Vec<(&str, &str)> = table
        .worker
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let pipeline = Pipeline::start_with(&sandbox, &keys, &[]);
    let differences = conformance::run(table, Subject::Millrace, pipeline.rest.address());
    assert!(
        differences.is_empty(),
        "{} differences\n\n{}",
        differences.len(),
        differences.join("\n\n")
    );
}

#[test]
fn http() {
    check("http");
}

#[test]
fn connectors() {
    check("connectors");
}

#[test]
fn offsets() {
    check("offsets");
}

#[test]
fn plugins() {
    check("plugins");
}

#[test]
fn loggers() {
    check("loggers");
}

#[test]
fn slash() {
    check("slash");
}

#[test]
fn settings() {
    check("settings");
}
