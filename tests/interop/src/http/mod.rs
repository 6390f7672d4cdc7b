//! The HTTP sink's presets against real servers: Elasticsearch from the registry of Java's libraries, InfluxDB from the
//! distribution. What is written must be found there, and what the server refuses must be a dead letter with its reason.

mod elasticsearch;
mod influxdb;
mod process;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use millrace_system::{
    pipeline::{Pipeline, properties_file},
    sandbox::Sandbox,
    tool, wait,
};
use serde_json::Value;

/// How long something may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs both checks.
pub(crate) fn run() -> anyhow::Result<()> {
    for (name, check) in [
        (
            "elasticsearch",
            elasticsearch::check as fn() -> anyhow::Result<String>,
        ),
        ("influxdb", influxdb::check),
    ] {
        let started = Instant::now();
        let seen = check().with_context(|| name)?;
        println!("http {name}: {seen}, {} s", started.elapsed().as_secs());
    }
    Ok(())
}

/// A worker with the sink.
struct Sink {
    sandbox: Sandbox,
    pipeline: Pipeline,
}

impl Sink {
    /// Starts a worker with a sink of the topic `topic` that has these keys beside its own.
    fn start(topic: &str, keys: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        let own = [
            ("name", "sink"),
            ("connector.class", "HttpSink"),
            ("topics", topic),
            ("errors.tolerance", "all"),
            ("errors.deadletterqueue.topic.name", "dead"),
            ("errors.deadletterqueue.topic.replication.factor", "1"),
            ("errors.deadletterqueue.context.headers.enable", "true"),
        ];
        let file = properties_file(&sandbox, "sink.properties", own.iter().chain(keys));
        let pipeline = Pipeline::start(&sandbox, &[file]);
        pipeline.rest.await_state("sink", "RUNNING");
        Self { sandbox, pipeline }
    }

    /// Writes lines of key, tab and value.
    fn produce(&self, topic: &str, lines: &str) {
        let words = format!(
            "produce --topic {topic} --bootstrap-server {} --property parse.key=true --property null.marker=NULL",
            self.pipeline.broker
        );
        tool::run_with(&self.sandbox, &words, lines).ok();
    }

    /// The value of the only dead letter, and what its reason says.
    fn dead_letter(&self) -> anyhow::Result<(String, String)> {
        let words = format!(
            "consume --topic dead --from-beginning --max-messages 1 --timeout-ms 30000 --json --bootstrap-server {}",
            self.pipeline.broker
        );
        let text = tool::run(&self.sandbox, &words).ok();
        let record: Value = serde_json::from_str(&text).context("a dead letter")?;
        let headers = record["headers"].as_array().context("headers")?;
        let message = headers
            .iter()
            .find(|header| header["key"] == "__connect.errors.exception.message")
            .context("no reason")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok((text(&record["value"]), text(&message["value"])))
    }

    fn stop(mut self) -> anyhow::Result<()> {
        let status = self.pipeline.millrace.stop();
        ensure!(status.success(), "the worker ended with {status}");
        Ok(())
    }
}

/// Waits until `look` finds what it looks for.
fn await_some<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait::until_some(what, PATIENCE, look)
}
