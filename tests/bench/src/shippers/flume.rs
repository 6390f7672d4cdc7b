//! Flume: TAILDIR through a memory channel into the Kafka sink, from the jars of the registry.

use std::process::Command;

use millrace_interop::install;

use super::{Job, process::Shipper};

pub(super) fn start(job: &Job<'_>) -> anyhow::Result<Shipper> {
    let jars = install::jars("flume", "flume", None)?;
    let config = job.sandbox.write("flume.properties", config(job));
    let mut command = Command::new("java");
    command
        .arg("-cp")
        .arg(jars.join("*"))
        .arg("org.apache.flume.node.Application")
        .args(["--name", "agent", "--no-reload-conf", "--conf-file"])
        .arg(config);
    Shipper::start(job.sandbox, &mut command, "install Java")
}

/// Positions are written by its default, each three seconds.
fn config(job: &Job<'_>) -> String {
    let folder = job.files.folder.display();
    let positions = job.sandbox.join("positions.json");
    let keys = [
        ("sources", "files".to_owned()),
        ("channels", "memory".to_owned()),
        ("sinks", "topic".to_owned()),
        ("sources.files.type", "TAILDIR".to_owned()),
        ("sources.files.channels", "memory".to_owned()),
        (
            "sources.files.positionFile",
            positions.display().to_string(),
        ),
        ("sources.files.filegroups", "all".to_owned()),
        ("sources.files.filegroups.all", format!("{folder}/.*log")),
        ("sources.files.batchSize", "10000".to_owned()),
        ("channels.memory.type", "memory".to_owned()),
        ("channels.memory.capacity", "200000".to_owned()),
        ("channels.memory.transactionCapacity", "10000".to_owned()),
        (
            "sinks.topic.type",
            "org.apache.flume.sink.kafka.KafkaSink".to_owned(),
        ),
        ("sinks.topic.channel", "memory".to_owned()),
        ("sinks.topic.kafka.bootstrap.servers", job.broker.to_owned()),
        ("sinks.topic.kafka.topic", job.topic.to_owned()),
        ("sinks.topic.flumeBatchSize", "10000".to_owned()),
        ("sinks.topic.kafka.producer.acks", "all".to_owned()),
        ("sinks.topic.kafka.producer.linger.ms", "5".to_owned()),
        ("sinks.topic.kafka.producer.batch.size", "262144".to_owned()),
    ];
    keys.iter()
        .map(|(key, value)| format!("agent.{key}={value}\n"))
        .collect()
}
