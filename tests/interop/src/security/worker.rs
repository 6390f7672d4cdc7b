//! A distributed worker that takes a way, and records that go through it.

use std::{
    fs::OpenOptions,
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{process::Millrace, rest::Rest, sandbox::Sandbox, wait};
use serde_json::{Map, Value, json};

use super::way::Way;

/// How long something may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the source reads: the sink's converter cannot read the second line.
const LINES: &str = "{\"n\":1}\nno JSON\n{\"n\":2}\n";

/// A worker, and a folder of its own.
pub(super) struct Worker {
    pub(super) sandbox: Sandbox,
    pub(super) millrace: Millrace,
    pub(super) rest: Rest,
}

/// The names of what records go through.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub(super) topic: String,
    pub(super) sink: String,
    pub(super) dead: String,
    source: String,
    input: String,
    output: String,
}

impl Flow {
    pub(super) fn named(name: &str) -> Self {
        Self {
            topic: format!("{name}-lines"),
            sink: format!("{name}-sink"),
            dead: format!("{name}-dead"),
            source: format!("{name}-source"),
            input: format!("{name}.in"),
            output: format!("{name}.out"),
        }
    }
}

/// The properties of a worker whose own clients go `own`, and those of its connectors `clients` where that is another.
pub(super) fn properties(name: &str, own: &Way, clients: Option<&Way>) -> String {
    let mut text = format!(
        "group.id={name}
config.storage.topic={name}-configs
offset.storage.topic={name}-offsets
status.storage.topic={name}-statuses
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.flush.interval.ms=100
offset.flush.timeout.ms=1000
listeners=http://127.0.0.1:0
"
    );
    text += &own.lines("");
    for prefix in ["producer.", "consumer.", "admin."] {
        text += &clients.map(|way| way.lines(prefix)).unwrap_or_default();
    }
    text
}

impl Worker {
    pub(super) fn start(name: &str, own: &Way, clients: Option<&Way>) -> Self {
        let sandbox = Sandbox::new();
        let file = sandbox.write("worker.properties", properties(name, own, clients));
        let mut millrace = Millrace::start(&sandbox, ["distributed".into(), file]);
        let rest = Rest::new(&millrace.address("rest"));
        wait::until("the worker to be healthy", PATIENCE, || {
            rest.get("/health").status == 200
        });
        Self {
            sandbox,
            millrace,
            rest,
        }
    }

    /// Makes connectors whose clients go `clients` where that is not the worker's, and waits for their records.
    pub(super) fn run(&self, flow: &Flow, clients: Option<&Way>) -> anyhow::Result<()> {
        let input = self.sandbox.write(&flow.input, LINES);
        let source = json!({
            "connector.class": "FileStreamSource",
            "file": input,
            "topic": flow.topic,
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
        });
        self.create(&flow.source, source, clients)?;
        self.await_offset(&flow.source, |offset| offset["position"] == LINES.len())?;
        let sink = json!({
            "connector.class": "FileStreamSink",
            "file": self.sandbox.join(&flow.output),
            "topics": flow.topic,
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": flow.dead,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true",
        });
        self.create(&flow.sink, sink, clients)?;
        self.await_offset(&flow.sink, |offset| offset["kafka_offset"] == 3)?;
        self.await_lines(flow, 2)
    }

    /// Appends a line, which must arrive as the one of this number.
    pub(super) fn append(&self, flow: &Flow, count: usize) -> anyhow::Result<()> {
        let path = self.sandbox.join(&flow.input);
        let mut file = OpenOptions::new().append(true).open(path)?;
        file.write_all(b"{\"n\":3}\n")?;
        self.await_lines(flow, count)
    }

    /// Waits until the sink has written as many lines.
    pub(super) fn await_lines(&self, flow: &Flow, count: usize) -> anyhow::Result<()> {
        let lines = || {
            self.sandbox
                .read(&flow.output)
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
        };
        let came = wait::until_or(Instant::now() + PATIENCE, || {
            (lines() >= count).then_some(())
        });
        ensure!(
            came.is_some() && lines() == count,
            "{} of {count} lines\n{}",
            lines(),
            self.millrace.stderr()
        );
        Ok(())
    }

    fn await_offset(&self, name: &str, is_it: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
        let path = format!("/connectors/{name}/offsets");
        let came = wait::until_or(Instant::now() + PATIENCE, || {
            let answer = self.rest.get(&path);
            is_it(&answer.body["offsets"][0]["offset"]).then_some(())
        });
        came.with_context(|| {
            let status = self.rest.get(&format!("/connectors/{name}/status"));
            let offsets = self.rest.get(&path);
            format!(
                "{name} does not get on: {} {}\n{}",
                status.body,
                offsets.body,
                self.millrace.stderr()
            )
        })
    }

    /// Makes a connector whose clients go their own way.
    pub(super) fn create(
        &self,
        name: &str,
        mut config: Value,
        clients: Option<&Way>,
    ) -> anyhow::Result<()> {
        let members = config.as_object_mut().context("an object")?;
        members.extend(overrides(clients));
        let body = json!({"name": name, "config": config});
        let answer = self.rest.post("/connectors", &body);
        ensure!(answer.status == 201, "{name}: {}", answer.body);
        Ok(())
    }

    /// It must end well, and have told no secret.
    pub(super) fn stop(mut self, secrets: &[&str]) -> anyhow::Result<()> {
        let status = self.millrace.stop();
        let said = self.millrace.stderr();
        ensure!(status.success(), "the worker ended with {status}\n{said}");
        for secret in secrets {
            ensure!(!said.contains(secret), "a password is in the log\n{said}");
        }
        Ok(())
    }
}

fn overrides(clients: Option<&Way>) -> Map<String, Value> {
    let prefixes = [
        "producer.override.",
        "consumer.override.",
        "admin.override.",
    ];
    let all = prefixes
        .iter()
        .filter_map(|prefix| Some(clients?.members(prefix)));
    all.flatten().collect()
}
