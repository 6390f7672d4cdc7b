//! A broker that leaves every kind of file behind, for Kafka's reader of log files.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::wait;

use super::{CONSUMER, PRODUCER, TOPICS, Tools, run, tool};
use crate::{broker::Broker, clients::Client as _, dump, kafka::java, output, standard::CODECS};

/// The smallest segments that there may be, and a cleaner that does not wait.
const SETTINGS: [&str; 4] = [
    "log.segment.bytes=1048576",
    "log.cleaner.backoff.ms=100",
    "log.cleaner.min.cleanable.ratio=0.01",
    "offsets.topic.num.partitions=4",
];

const COMPACTED: &str = "dump-compacted";

/// How long until the cleaner has been at work.
const PATIENCE: Duration = Duration::from_secs(60);

/// Full segments and last ones, every codec, idempotent producers, compaction, committed offsets: read after a crash,
/// and once more after what follows it and a clean stop.
pub(super) fn every_kind_of_file(broker: &Broker) -> anyhow::Result<()> {
    let mut other = Broker::start_with(broker.kind(), &SETTINGS)?;
    Tools.produce(other.address(), "dump", &CODECS)?;
    segments(other.address())?;
    compacted(&other)?;
    group(other.address(), "dump-first")?;
    other.crash()?;
    group(other.address(), "dump-second")?;
    other.stop()?;
    let kinds = dump::check(&other.logs(), &[COMPACTED, "__consumer_offsets"])?;
    for kind in [".log", ".index", ".timeindex", ".snapshot"] {
        ensure!(kinds.contains(kind), "there are only files of {kinds:?}");
    }
    Ok(())
}

/// Some segments of an idempotent producer.
fn segments(server: &str) -> anyhow::Result<()> {
    run(server, TOPICS, &["--create", "--topic", "dump-segments"])?;
    let mut producer = java()?;
    producer.args([
        "org.apache.kafka.tools.ProducerPerformance",
        "--topic",
        "dump-segments",
        "--num-records",
        "50000",
        "--record-size",
        "100",
        "--throughput",
        "-1",
        "--producer-props",
    ]);
    producer.args([&format!("bootstrap.servers={server}"), "acks=all"]);
    output::of(&mut producer).map(drop)
}

/// A topic whose first segments have been compacted.
fn compacted(broker: &Broker) -> anyhow::Result<()> {
    let server = broker.address();
    let create = [
        "--create",
        "--topic",
        COMPACTED,
        "--config",
        "cleanup.policy=compact",
    ];
    run(server, TOPICS, &create)?;
    let filler = "x".repeat(1000);
    let lines: String = (0..3000)
        .map(|number| format!("key-{}\t{number} {filler}\n", number % 100))
        .collect();
    let mut producer = tool(server, PRODUCER)?;
    producer.args(["--topic", COMPACTED, "--property", "parse.key=true"]);
    output::with_input(&mut producer, lines.as_bytes())?;
    let checkpoint = broker.logs().join("cleaner-offset-checkpoint");
    wait::until_or(Instant::now() + PATIENCE, || {
        let cleaned = fs::read_to_string(&checkpoint).unwrap_or_default();
        cleaned.contains(COMPACTED).then_some(())
    })
    .context("the cleaner did not come")
}

/// A group that reads and commits.
fn group(server: &str, group: &str) -> anyhow::Result<()> {
    let read = [
        "--topic",
        "dump-segments",
        "--group",
        group,
        "--from-beginning",
        "--max-messages",
        "100",
    ];
    run(server, CONSUMER, &read).map(drop)
}
