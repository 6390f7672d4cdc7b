//! The HTTP sink's presets against real servers: Elasticsearch and OpenSearch from the registry of Java's libraries,
//! InfluxDB from the distribution, and nginx from there in place of those that no registry has. What is written must be found
//! there, once, and what the server refuses must be a dead letter with its reason.

mod elasticsearch;
mod influxdb;
mod loki;
mod nginx;
mod process;
mod splunk;
mod webhook;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{pipeline::Pipeline, sandbox::Sandbox, tool, topic, wait};
use serde_json::{Value, json};

/// How long something may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A check by the name of its server; it says what was seen.
type Check = (&'static str, fn() -> anyhow::Result<String>);

const CHECKS: [Check; 6] = [
    ("elasticsearch", elasticsearch::elasticsearch),
    ("opensearch", elasticsearch::opensearch),
    ("influxdb", influxdb::check),
    ("loki", loki::check),
    ("splunk", splunk::check),
    ("webhook", webhook::check),
];

/// Runs the checks of these names, or all.
pub(crate) fn run(names: &[String]) -> anyhow::Result<()> {
    let known: Vec<_> = CHECKS.iter().map(|(name, _)| *name).collect();
    for name in names {
        ensure!(
            known.contains(&name.as_str()),
            "no server is named {name}; there are {}",
            known.join(" ")
        );
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    for (name, check) in CHECKS.into_iter().filter(|(name, _)| wanted(name)) {
        let started = Instant::now();
        let seen = check().with_context(|| name)?;
        println!("http {name}: {seen}, {} s", started.elapsed().as_secs());
    }
    Ok(())
}

/// A worker with sinks.
struct Sink {
    sandbox: Sandbox,
    pipeline: Pipeline,
}

impl Sink {
    /// Starts a worker with a sink of the topic `topic` that has these keys beside its own.
    fn start(topic: &str, keys: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        let pipeline = Pipeline::start(&sandbox, &[]);
        let sink = Self { sandbox, pipeline };
        sink.add("sink", topic, keys);
        sink
    }

    /// Adds a sink to the worker.
    fn add(&self, name: &str, topic: &str, keys: &[(&str, &str)]) {
        let dead = dead_letters_topic(name);
        let own = [
            ("connector.class", "HttpSink"),
            ("topics", topic),
            ("errors.tolerance", "all"),
            ("errors.deadletterqueue.topic.name", dead.as_str()),
            ("errors.deadletterqueue.topic.replication.factor", "1"),
            ("errors.deadletterqueue.context.headers.enable", "true"),
        ];
        let config: BTreeMap<_, _> = own.iter().chain(keys).copied().collect();
        let path = format!("/connectors/{name}/config");
        let created = self.pipeline.rest.put(&path, &json!(config));
        assert_eq!(created.status, 201, "{name}: {}", created.body);
        self.pipeline.rest.await_state(name, "RUNNING");
    }

    /// Writes lines of key, tab and value.
    fn produce(&self, topic: &str, lines: &str) {
        let words = format!(
            "produce --topic {topic} --bootstrap-server {} --property parse.key=true --property null.marker=NULL",
            self.pipeline.broker
        );
        tool::run_with(&self.sandbox, &words, lines).ok();
    }

    /// The dead letters of the sink that the worker was started with.
    fn dead_letters(&self, count: usize) -> anyhow::Result<Vec<(String, String)>> {
        self.dead_letters_of("sink", count)
    }

    /// The values of all dead letters of a sink, of which there must be `count`, and what their reasons say.
    fn dead_letters_of(&self, name: &str, count: usize) -> anyhow::Result<Vec<(String, String)>> {
        let topic = dead_letters_topic(name);
        let words = format!(
            "consume --topic {topic} --from-beginning --max-messages {count} --timeout-ms 60000 --json \
             --bootstrap-server {}",
            self.pipeline.broker
        );
        let text = tool::run(&self.sandbox, &words).ok();
        let records: Vec<Value> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let all = topic::values(&self.sandbox.join("data/broker"), &format!("{topic}-0"));
        ensure!(
            records.len() == count && all.len() == count,
            "{} dead letters in place of {count}: {records:?}",
            all.len()
        );
        records.iter().map(dead_letter).collect()
    }

    fn stop(mut self) -> anyhow::Result<()> {
        let status = self.pipeline.millrace.stop();
        ensure!(status.success(), "the worker ended with {status}");
        Ok(())
    }
}

fn dead_letters_topic(name: &str) -> String {
    format!("dead-{name}")
}

/// The value of a dead letter, and what its reason says.
fn dead_letter(record: &Value) -> anyhow::Result<(String, String)> {
    let headers = record["headers"].as_array().context("headers")?;
    let message = headers
        .iter()
        .find(|header| header["key"] == "__connect.errors.exception.message")
        .context("no reason")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok((text(&record["value"]), text(&message["value"])))
}

/// Waits until `look` finds what it looks for.
fn await_some<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait::until_some(what, PATIENCE, look)
}
