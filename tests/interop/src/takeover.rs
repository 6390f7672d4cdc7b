//! A log directory that Apache Kafka has written, opened by Millrace: the same topics with their ids and settings, the
//! same records at the same offsets, the same commits; once after a clean stop and once after a kill.
//!
//! Both brokers are asked by the same program, which prints all that they hold for their clients.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use millrace_system::wait;

use crate::{
    broker::{Broker, Kind},
    clients::{self, Client, Program},
    dump,
    member::Member,
    standard::CODECS,
};

/// A cleaner that does not wait, and checkpoints that are written at once: a kill may come at any time.
const SETTINGS: [&str; 4] = [
    "log.cleaner.backoff.ms=100",
    "log.flush.start.offset.checkpoint.interval.ms=100",
    "offsets.topic.num.partitions=4",
    "transaction.state.log.num.partitions=4",
];

/// Topics in which offsets may be missing.
const COMPACTED: [&str; 3] = ["compacted", "__consumer_offsets", "__transaction_state"];

/// What the inventory of Apache Kafka says among all else: nothing is missing from both.
const HISTORY: [&str; 7] = [
    "\nread_uncommitted compacted-0 0 epoch 0 ",
    "\nread_uncommitted transactions-0 from 0 to 33\n",
    "\nread_uncommitted trimmed-0 from 6 to 10\n",
    "\nread_committed numbers-3 from 0 to 25\n",
    "\ngroup group-alone {numbers-2=OffsetAndMetadata{offset=7,",
    "\ngroup group-classic {numbers-0=OffsetAndMetadata{offset=25,",
    "\ngroup group-consumer {numbers-0=OffsetAndMetadata{offset=25,",
];

/// How long until the cleaner has been at work and checkpoints are written.
const PATIENCE: Duration = Duration::from_secs(60);

/// How Apache Kafka comes to its end.
#[derive(Clone, Copy, Debug)]
enum End {
    Stop,
    Kill,
}

/// Runs the check for each end of Apache Kafka, both at a time: starts of Java take most of it.
pub(crate) fn run() -> anyhow::Result<()> {
    let (java, go) = (clients::newest_java(), clients::franz_go());
    for client in [&java, &go] {
        println!("{}: {}", client.name(), client.install()?);
    }
    let check = |end: End| -> anyhow::Result<()> {
        let started = Instant::now();
        let mut broker = Broker::start_with(Kind::Kafka, &SETTINGS)?;
        let lines = take_over(&mut broker, end, &java, &go)
            .with_context(|| format!("after {end:?}; the broker said\n{}", broker.said()))?;
        println!(
            "takeover after {end:?}: {lines} lines are the same, {} s",
            started.elapsed().as_secs()
        );
        Ok(())
    };
    thread::scope(|scope| {
        let checks = [End::Stop, End::Kill].map(|end| scope.spawn(move || check(end)));
        for one in checks {
            one.join()
                .unwrap_or_else(|_| Err(anyhow!("a check panicked")))?;
        }
        Ok(())
    })
}

/// Fills Apache Kafka, ends it, and holds Millrace against what it had; how many lines are the same.
fn take_over(broker: &mut Broker, end: End, java: &Program, go: &Program) -> anyhow::Result<usize> {
    let written = fill(broker, java, go)?;
    let before = java.run(&["inventory", broker.address()])?;
    for line in HISTORY {
        ensure!(before.contains(line), "Apache Kafka has no line {line:?}");
    }
    match end {
        End::Stop => broker.stop()?,
        End::Kill => broker.kill()?,
    }
    broker.start_again_as(Kind::Millrace)?;
    let after = java.run(&["inventory", broker.address()])?;
    compare(&before, &after)?;
    let written: Vec<_> = written.iter().map(String::as_str).collect();
    go.consume(broker.address(), &written)?;
    go_on(broker.address(), java)?;
    broker.stop()?;
    dump::check(&broker.logs(), &COMPACTED).context("kafka-dump-log")?;
    Ok(before.lines().count())
}

/// Has all kinds of files written, and waits until what is written later is there; the topics of the standard records.
fn fill(broker: &Broker, java: &Program, go: &Program) -> anyhow::Result<Vec<String>> {
    let mut topics = Vec::new();
    for client in [java, go] {
        client.produce(broker.address(), client.name(), &CODECS)?;
        topics.extend(CODECS.map(|codec| format!("{}-{codec}", client.name())));
    }
    java.run(&["history", broker.address()])?;
    let logs = broker.logs();
    await_that("the cleaner has come", || {
        let active = last_segment(&logs.join("compacted-0"));
        active > 0 && checkpoint(&logs, "cleaner-offset-checkpoint", "compacted 0") == Some(active)
    })?;
    await_that("the start of a log is noted", || {
        checkpoint(&logs, "log-start-offset-checkpoint", "trimmed 0") == Some(6)
    })?;
    Ok(topics)
}

fn await_that(what: &str, holds: impl Fn() -> bool) -> anyhow::Result<()> {
    wait::until_or(Instant::now() + PATIENCE, || holds().then_some(()))
        .with_context(|| format!("waited in vain until {what}"))
}

/// The offset that a checkpoint has for a partition.
fn checkpoint(logs: &Path, name: &str, partition: &str) -> Option<u64> {
    let text = fs::read_to_string(logs.join(name)).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(partition))?;
    line.trim().parse().ok()
}

/// The first offset of the segment that is written to, which no cleaner touches; 0 if there is none.
fn last_segment(partition: &Path) -> u64 {
    let offset = |file: fs::DirEntry| {
        let name = file.file_name();
        name.to_str()?.strip_suffix(".log")?.parse().ok()
    };
    let files = fs::read_dir(partition).into_iter().flatten().flatten();
    files.filter_map(offset).max().unwrap_or_default()
}

/// Says where two inventories differ first.
fn compare(before: &str, after: &str) -> anyhow::Result<()> {
    let (mut old, mut new) = (before.lines(), after.lines());
    loop {
        let (old, new) = (old.next(), new.next());
        ensure!(
            old == new,
            "Apache Kafka had: {old:?}\nMillrace has: {new:?}"
        );
        if old.is_none() {
            return Ok(());
        }
    }
}

/// A group goes on where it was, with records behind those that were there.
fn go_on(server: &str, java: &Program) -> anyhow::Result<()> {
    java.fill(server, "numbers", 100..200)?;
    let mut member = Member::start(java, server, "group-classic", "numbers")?;
    Member::await_values(&[&member], 100..200)?;
    let values = member.values();
    ensure!(
        values.iter().all(|value| *value >= 100),
        "committed records were read again: {values:?}"
    );
    member.leave()
}
