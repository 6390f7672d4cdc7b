//! Kafka Connect's standalone worker against the tables of the REST API, which Millrace's own worker passes in
//! `tests/system`: what they expect is what Kafka Connect does.

use anyhow::{Context as _, ensure};
use millrace_system::{
    conformance::{self, Subject, Table},
    sandbox::Sandbox,
};

use crate::{connect::Connect, kafka::Kafka};

/// Runs every table against a worker of its own.
pub(crate) fn run() -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let mut kafka = Kafka::start(&sandbox, &sandbox.join("log"), &[])?;
    let mut failed = Vec::new();
    let names: Vec<String> = conformance::tables("")
        .into_iter()
        .map(|table| table.name)
        .collect();
    for name in names {
        let differences = check(&name, kafka.address())?;
        println!("{name}: {} differences", differences.len());
        for difference in &differences {
            println!("\n{difference}");
        }
        if !differences.is_empty() {
            failed.push(name);
        }
    }
    kafka.stop()?;
    ensure!(failed.is_empty(), "{}", failed.join(", "));
    Ok(())
}

/// What a table expects otherwise.
fn check(name: &str, kafka: &str) -> anyhow::Result<Vec<String>> {
    let sandbox = Sandbox::new();
    sandbox.write("in.txt", conformance::LINES);
    let tables = conformance::tables(&sandbox.path().display().to_string());
    let table = tables
        .iter()
        .find(|table| table.name == name)
        .context("the table is there")?;
    let worker = Connect::start(&sandbox, &properties(table, kafka), &[])?;
    Ok(conformance::run(table, Subject::Java, worker.address()))
}

fn properties(table: &Table, kafka: &str) -> String {
    let own = table
        .worker
        .iter()
        .map(|(key, value)| format!("{key}={value}\n"));
    format!(
        "bootstrap.servers={kafka}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename=offsets
offset.flush.interval.ms=100
plugin.discovery=service_load
{}",
        own.collect::<String>()
    )
}
