//! The workers of a group, and the pipelines that they run: a file to a topic, and the topic to another file.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{group::placement, process::Millrace, rest::Rest, sandbox::Sandbox, wait};
use serde_json::{Value, json};

/// The group's id, and its topic of configurations.
pub(super) const GROUP: &str = "brokers";
pub(super) const CONFIGS: &str = "brokers-configs";

/// The other topics of the group, with their partitions.
const OFFSETS: (&str, usize) = ("brokers-offsets", 5);
const STATUSES: (&str, usize) = ("brokers-statuses", 3);

/// How many workers there are, and how many pipelines.
pub(super) const WORKERS: usize = 3;
pub(super) const PIPELINES: usize = 3;

/// The connector that is changed all the while.
pub(super) const CHANGED: &str = "changed";

/// How many connectors and tasks there are: two of each for a pipeline, and those of the one that is changed.
const ITEMS: usize = PIPELINES * 4 + 2;

/// How long something may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(100);

/// The workers.
pub(super) struct Group {
    sandbox: Sandbox,
    servers: String,
    workers: Vec<(Millrace, Rest)>,
}

impl Group {
    /// Starts the workers, each of which knows all brokers.
    pub(super) fn start(servers: &str) -> anyhow::Result<Self> {
        let mut group = Self {
            sandbox: Sandbox::new(),
            servers: servers.to_owned(),
            workers: Vec::new(),
        };
        for _ in 0..WORKERS {
            group.add()?;
        }
        Ok(group)
    }

    /// Adds a worker and waits until it is a member.
    fn add(&mut self) -> anyhow::Result<()> {
        let file = self
            .sandbox
            .write("worker.properties", properties(&self.servers));
        let mut worker = Millrace::start(&self.sandbox, ["distributed".into(), file]);
        let rest = Rest::new(&worker.address("rest"));
        let healthy = wait::until_or(Instant::now() + PATIENCE, || {
            let is_healthy = rest.get("/health").status == 200;
            if !is_healthy {
                thread::park_timeout(PAUSE);
            }
            is_healthy.then_some(())
        });
        healthy.with_context(|| format!("a worker does not start\n{}", worker.stderr()))?;
        self.workers.push((worker, rest));
        Ok(())
    }

    /// Where the workers answer.
    pub(super) fn addresses(&self) -> Vec<String> {
        let all = self.workers.iter();
        all.map(|(_, rest)| rest.address().to_owned()).collect()
    }

    /// What the source of a pipeline reads.
    pub(super) fn input(&self, pipeline: usize) -> PathBuf {
        self.sandbox.join(&format!("in-{pipeline}.txt"))
    }

    /// What the sink of a pipeline writes.
    pub(super) fn output(&self, pipeline: usize) -> PathBuf {
        self.sandbox.join(&format!("out-{pipeline}.txt"))
    }

    /// Makes the connectors and waits until they run.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        for pipeline in 0..PIPELINES {
            let topic = format!("lines-{pipeline}");
            let source = json!({
                "connector.class": "FileStreamSource",
                "file": self.input(pipeline),
                "topic": topic,
                "topic.creation.default.partitions": "1",
                "topic.creation.default.replication.factor": "3",
                "topic.creation.default.min.insync.replicas": "2",
            });
            let sink = json!({
                "connector.class": "FileStreamSink",
                "file": self.output(pipeline),
                "topics": topic,
            });
            self.create(&format!("read-{pipeline}"), &source)?;
            self.create(&format!("write-{pipeline}"), &sink)?;
        }
        self.create(CHANGED, &changed(0))?;
        self.await_running()
    }

    fn create(&self, name: &str, config: &Value) -> anyhow::Result<()> {
        let body = json!({"name": name, "config": config});
        let mut last = None;
        let made = wait::until_or(Instant::now() + PATIENCE, || {
            let answer = self.first().post("/connectors", &body);
            let is_made = answer.status == 201;
            // The group may be dividing its work anew.
            let may_pass = answer.status == 409 && !is_there(&answer.body);
            last = Some(answer);
            thread::park_timeout(if is_made { Duration::ZERO } else { PAUSE });
            (is_made || !may_pass).then_some(is_made)
        });
        ensure!(made == Some(true), "{name} is not made: {last:?}");
        Ok(())
    }

    /// Waits until every worker says that everything runs.
    pub(super) fn await_running(&self) -> anyhow::Result<()> {
        let mut last = None;
        let running = wait::until_or(Instant::now() + PATIENCE, || {
            let amiss = self.workers.iter().find_map(|(_, rest)| {
                let shown = placement(rest);
                let run = shown.values().all(|(_, state)| state == "RUNNING");
                (shown.len() != ITEMS || !run).then_some(shown)
            });
            let run = amiss.is_none();
            last = amiss;
            thread::park_timeout(if run { Duration::ZERO } else { PAUSE });
            run.then_some(())
        });
        running.with_context(|| format!("not everything runs: {last:?}"))
    }

    /// Waits until the sources have committed their files to these ends.
    pub(super) fn await_committed(&self) -> anyhow::Result<()> {
        for pipeline in 0..PIPELINES {
            let end = self.input(pipeline).metadata()?.len();
            let path = format!("/connectors/read-{pipeline}/offsets");
            let mut last = Value::Null;
            let committed = wait::until_or(Instant::now() + PATIENCE, || {
                last = self.first().get(&path).body;
                let there = last["offsets"][0]["offset"]["position"] == end;
                thread::park_timeout(if there { Duration::ZERO } else { PAUSE });
                there.then_some(())
            });
            committed.with_context(|| format!("{path} should be at {end}: {last}"))?;
        }
        Ok(())
    }

    /// The configurations of all connectors, on which the workers must agree.
    pub(super) fn configs(&self) -> anyhow::Result<Value> {
        let mut all = self.workers.iter().map(|(_, rest)| {
            let shown = rest.get("/connectors?expand=info").body;
            let each = shown.as_object().into_iter().flatten();
            each.map(|(name, shown)| (name.clone(), shown["info"]["config"].clone()))
                .collect::<Value>()
        });
        let first = all.next().context("there are workers")?;
        for other in all {
            ensure!(first == other, "the workers do not agree: {first} {other}");
        }
        Ok(first)
    }

    /// Stops all workers, which must end well, and starts one that knows nothing but what the topics hold.
    pub(super) fn start_over(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.add()
    }

    /// Stops all workers, which must end well.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        for (mut worker, _) in self.workers.drain(..) {
            let ended = worker.stop();
            ensure!(ended.success(), "{ended}: {}", worker.stderr());
        }
        Ok(())
    }

    /// What a worker says of all its items.
    fn first(&self) -> &Rest {
        &self.workers[0].1
    }

    /// The end of what each worker logged.
    pub(super) fn said(&self) -> String {
        let each = self.workers.iter().map(|(worker, rest)| {
            let log = worker.stderr();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(60)..];
            format!("--- {} ---\n{}\n", rest.address(), tail.join("\n"))
        });
        each.collect()
    }
}

/// The partitions whose replicas are to be the same in the end.
pub(super) fn internal_partitions() -> Vec<String> {
    let all = [(CONFIGS, 1), OFFSETS, STATUSES];
    let each = all
        .into_iter()
        .flat_map(|(topic, count)| (0..count).map(move |index| format!("{topic}-{index}")));
    each.collect()
}

/// A sink of nothing, whose configuration differs from revision to revision.
pub(super) fn changed(revision: u64) -> Value {
    json!({
        "connector.class": "FileStreamSink",
        "file": "/dev/null",
        "topics": "lines-0",
        "revision": revision.to_string(),
    })
}

/// Whether a connector was not made because it is there.
fn is_there(body: &Value) -> bool {
    let message = body["message"].as_str().unwrap_or_default();
    message.contains("already exists")
}

fn properties(servers: &str) -> String {
    let ((offsets, of_offsets), (statuses, of_statuses)) = (OFFSETS, STATUSES);
    format!(
        "bootstrap.servers={servers}
group.id={GROUP}
config.storage.topic={CONFIGS}
config.storage.replication.factor=3
offset.storage.topic={offsets}
offset.storage.replication.factor=3
offset.storage.partitions={of_offsets}
status.storage.topic={statuses}
status.storage.replication.factor=3
status.storage.partitions={of_statuses}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.flush.interval.ms=1000
scheduled.rebalance.max.delay.ms=3000
listeners=http://127.0.0.1:0
"
    )
}
