//! Kafka Connect's standalone worker against the tables of the REST API, which Millrace's own worker passes in
//! `tests/system`: what they expect is what Kafka Connect does.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{
    conformance::{self, Subject, Table},
    sandbox::Sandbox,
    wait,
};

use crate::{
    install,
    kafka::{Kafka, free_ports},
};

/// What its scripts give it, too.
const LOGGING: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/clients/connect/log4j2.properties"
);

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(120);

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
    let worker = Worker::start(&sandbox, table, kafka)?;
    Ok(conformance::run(table, Subject::Java, &worker.address))
}

/// A running worker of Kafka Connect. It is killed when dropped.
struct Worker {
    child: Child,
    address: String,
    log: PathBuf,
}

impl Worker {
    fn start(sandbox: &Sandbox, table: &Table, kafka: &str) -> anyhow::Result<Self> {
        let [port, _] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let file = sandbox.write("worker.properties", properties(table, kafka, &address));
        let log = sandbox.join("connect.out");
        let output = File::create(&log)?;
        let child = Command::new("java")
            .args(["-Xmx512m", "-XX:TieredStopAtLevel=1"])
            .arg(format!("-Dlog4j2.configurationFile={LOGGING}"))
            .arg("-cp")
            .arg(install::jars("connect", "connect", None)?.join("*"))
            .arg("org.apache.kafka.connect.cli.ConnectStandalone")
            .arg(file)
            .current_dir(sandbox.path())
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()
            .context("cannot run java")?;
        let mut worker = Self {
            child,
            address,
            log,
        };
        worker.await_start()?;
        Ok(worker)
    }

    fn await_start(&mut self) -> anyhow::Result<()> {
        let answers = wait::until_or(Instant::now() + PATIENCE, || {
            let ended = self.child.try_wait().ok().flatten().is_some();
            let answers = conformance::is_healthy(&self.address);
            (ended || answers).then_some(answers)
        });
        ensure!(
            answers == Some(true),
            "Kafka Connect did not start\n{}",
            fs::read_to_string(&self.log).unwrap_or_default()
        );
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Already ended is what is wanted; there is nothing to do about anything else.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn properties(table: &Table, kafka: &str, address: &str) -> String {
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
listeners=http://{address}
{}",
        own.collect::<String>()
    )
}
