//! Three nodes of Apache Kafka with replication factor 3, and a group of Millrace workers that moves lines from files to
//! topics and on to other files. The nodes are killed and come back, one at a time, under load: the pipelines go on while
//! a node is away, the workers answer all the while, and in the end every line is in its topic and in its sink's file, in
//! order, and the group's own topics hold all that the workers have said.

mod cluster;
mod group;
mod watch;
mod writers;

use std::{
    collections::BTreeSet,
    fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{random::Random, soak::sequence, wait};
use serde_json::Value;

use self::{
    cluster::{Cluster, Data, NODES},
    group::{CONFIGS, GROUP, Group, PIPELINES, internal_partitions},
    watch::Watch,
    writers::{Writer, last_number},
};

/// How often nodes are killed at least: each of them once, among them the group's coordinator and the leader of its topic
/// of configurations.
const ROUNDS_MIN: usize = 3;

/// How long the lines may take to come through, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(50);

/// How long a node is away at most that comes back before the others have noticed.
const MOMENT_MS_MAX: u64 = 3000;

/// Runs all of it: as many rounds as fit into a time, from a seed or from another one each time.
pub(crate) fn run(seed: Option<u64>, duration: Option<Duration>) -> anyhow::Result<()> {
    let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("brokers --seed {seed}");
    let cluster = Cluster::start()?;
    let mut group = Group::start(&cluster.servers())?;
    let writers: anyhow::Result<Vec<Writer>> = (0..PIPELINES)
        .map(|pipeline| Writer::start(&group.input(pipeline)))
        .collect();
    group.make()?;
    let mut run = Run {
        cluster,
        writers: writers?,
        random: Random::new(seed),
        killed: BTreeSet::new(),
    };
    let watch = Watch::start(&group.addresses());
    let rounds = run.rounds(&group, duration.unwrap_or_default());
    let written = rounds.and_then(|()| run.finish(&mut group, watch));
    let written = written.with_context(|| format!("the workers said\n{}", group.said()))?;
    check(&group, &run.cluster.end()?, &written)
}

/// What goes on during a run.
struct Run {
    cluster: Cluster,
    writers: Vec<Writer>,
    random: Random,
    killed: BTreeSet<usize>,
}

/// How long a node is away.
#[derive(Debug, Clone, Copy)]
enum Away {
    /// Until what was written without it has come through.
    UntilOthersGoOn,
    /// So many milliseconds, in which the others may not even notice.
    Moment(u64),
}

impl Run {
    fn rounds(&mut self, group: &Group, limit: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut round = 0;
        while round < ROUNDS_MIN || started.elapsed() < limit {
            let (node, what) = self.victim(round)?;
            let away = match (round, self.random.below(3)) {
                (0 | 1, _) | (_, 0 | 1) => Away::UntilOthersGoOn,
                _ => Away::Moment(self.random.below(MOMENT_MS_MAX)),
            };
            self.round(node, away, group)
                .with_context(|| format!("node {node}, {what}, away: {away:?}"))
                .map(|told| println!("brokers: node {node}, {what}, is killed: {told}"))?;
            round += 1;
        }
        Ok(())
    }

    /// The node to kill, and what it is.
    fn victim(&mut self, round: usize) -> anyhow::Result<(usize, &'static str)> {
        let spared = (0..NODES).find(|node| !self.killed.contains(node));
        let chosen = match (round, spared) {
            (0, _) => (self.cluster.coordinator(GROUP)?, "the group's coordinator"),
            (1, _) => (
                self.cluster.leader(CONFIGS)?,
                "the leader of the configurations",
            ),
            (_, Some(node)) => (node, "spared till now"),
            _ => (self.random.below(NODES as u64) as usize, "any"),
        };
        self.killed.insert(chosen.0);
        Ok(chosen)
    }

    /// Kills a node, has it come back, and waits until every replica is whole again and lines come through.
    fn round(&mut self, node: usize, away: Away, group: &Group) -> anyhow::Result<String> {
        self.cluster.kill(node)?;
        let killed = Instant::now();
        let told = match away {
            Away::UntilOthersGoOn => {
                self.await_arrival(group)?;
                format!(
                    "the pipelines went on without it after {:.1?}",
                    killed.elapsed()
                )
            }
            Away::Moment(ms) => {
                thread::park_timeout(Duration::from_millis(ms));
                format!("away for {ms} ms")
            }
        };
        self.cluster.start_again(node)?;
        self.cluster.await_whole(node)?;
        let whole = killed.elapsed();
        self.await_arrival(group)?;
        Ok(format!("{told}; all replicas were whole after {whole:.1?}"))
    }

    /// Waits until each sink has written a line that is written from now on.
    fn await_arrival(&self, group: &Group) -> anyhow::Result<()> {
        for (pipeline, writer) in self.writers.iter().enumerate() {
            await_line(group, pipeline, writer.written())?;
        }
        Ok(())
    }

    /// Stops writing and waits until all has arrived; how many lines were written, by pipeline.
    fn finish(&mut self, group: &mut Group, watch: Watch) -> anyhow::Result<Vec<u64>> {
        let mut written = Vec::new();
        for (pipeline, writer) in self.writers.drain(..).enumerate() {
            let count = writer.stop()?;
            await_line(group, pipeline, count - 1)?;
            written.push(count);
        }
        println!("brokers: {}", watch.end()?);
        group.await_committed()?;
        group.await_running()?;
        let before = await_agreement(group)?;
        group.start_over()?;
        group.await_running()?;
        group.await_committed()?;
        let after = group.configs()?;
        ensure!(
            before == after,
            "the topics do not hold what the workers said: {before} {after}"
        );
        group.stop()?;
        Ok(written)
    }
}

/// Waits until a sink has written the line of a number.
fn await_line(group: &Group, pipeline: usize, number: u64) -> anyhow::Result<()> {
    let path = group.output(pipeline);
    let mut last = None;
    let came = wait::until_or(Instant::now() + PATIENCE, || {
        last = last_number(&path);
        let has_come = last >= Some(number);
        thread::park_timeout(if has_come { Duration::ZERO } else { PAUSE });
        has_come.then_some(())
    });
    came.with_context(|| {
        format!(
            "pipeline {pipeline} stands still: line {number} should have come, it is at {last:?}"
        )
    })
}

/// The configurations, once all workers have read the last change.
fn await_agreement(group: &Group) -> anyhow::Result<Value> {
    let mut last = None;
    let agreed = wait::until_or(Instant::now() + PATIENCE, || match group.configs() {
        Ok(configs) => Some(configs),
        Err(error) => {
            last = Some(error);
            thread::park_timeout(PAUSE);
            None
        }
    });
    agreed.with_context(|| format!("{last:?}"))
}

/// Looks for every line in the topics, whose replicas are the same, and in the files.
fn check(group: &Group, data: &Data, written: &[u64]) -> anyhow::Result<()> {
    for (pipeline, &written) in written.iter().enumerate() {
        let topic = format!("lines-{pipeline}-0");
        let values = data.values(&topic)?;
        let stored = sequence::check(&topic, values.iter().map(Vec::as_slice));
        let output = fs::read(group.output(pipeline))?;
        let name = format!("the file of pipeline {pipeline}");
        let lines = output.split_inclusive(|byte| *byte == b'\n');
        let arrived = sequence::check(&name, lines);
        ensure!(
            stored.distinct == written && arrived.distinct == written,
            "of {written} lines {} are stored and {} have arrived",
            stored.distinct,
            arrived.distinct
        );
        println!(
            "brokers: pipeline {pipeline}: all of {written} lines are in the topic and in the file, in order; {} and {} \
             came again",
            stored.repeated, arrived.repeated
        );
    }
    let mut records = 0;
    for partition in internal_partitions() {
        records += data.values(&partition)?.len();
    }
    println!("brokers: {records} records of the group are the same on all nodes");
    Ok(())
}
