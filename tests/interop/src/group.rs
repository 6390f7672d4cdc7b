//! Kafka Connect and Millrace as workers of one group, on Apache Kafka: each goes on where the other has stopped, with
//! the same properties, from the same connectors, target states and offsets; and both share the work when both are
//! there.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{group::placement, process::Millrace, rest::Rest, sandbox::Sandbox, wait};
use serde_json::{Value, json};

use crate::{
    connect::{Connect, Mode},
    kafka::Kafka,
};

const PATIENCE: Duration = Duration::from_secs(120);

/// Runs all of it.
pub(crate) fn run() -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let mut kafka = Kafka::start(&sandbox, &sandbox.join("log"), &[])?;
    let group = Group {
        sandbox: &sandbox,
        properties: properties(kafka.address()),
    };
    group.make()?;
    group.take_over()?;
    group.give_back()?;
    kafka.stop()
}

fn properties(kafka: &str) -> String {
    format!(
        "bootstrap.servers={kafka}
group.id=shared
config.storage.topic=shared-configs
config.storage.replication.factor=1
offset.storage.topic=shared-offsets
offset.storage.replication.factor=1
status.storage.topic=shared-statuses
status.storage.replication.factor=1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.flush.interval.ms=100
scheduled.rebalance.max.delay.ms=0
plugin.discovery=service_load
"
    )
}

struct Group<'a> {
    sandbox: &'a Sandbox,
    properties: String,
}

impl Group<'_> {
    fn java(&self) -> anyhow::Result<(Connect, Rest)> {
        let worker = Connect::start_in(Mode::Distributed, self.sandbox, &self.properties, &[])?;
        let rest = Rest::new(worker.address());
        Ok((worker, rest))
    }

    fn millrace(&self) -> (Millrace, Rest) {
        let text = format!("{}listeners=http://127.0.0.1:0\n", self.properties);
        let file = self.sandbox.write("millrace.properties", text);
        let file = file.display().to_string();
        let mut worker = Millrace::start(self.sandbox, ["distributed", file.as_str()]);
        let rest = Rest::new(&worker.address("rest"));
        (worker, rest)
    }

    /// Kafka Connect makes connectors, moves records and stops.
    fn make(&self) -> anyhow::Result<()> {
        let (mut java, rest) = self.java()?;
        self.append("1\n2\n")?;
        let file = self.sandbox.join("in.txt");
        let out = self.sandbox.join("out.txt");
        let source = json!({"connector.class": "FileStreamSource", "file": file, "topic": "lines"});
        let sink = json!({"connector.class": "FileStreamSink", "file": out, "topics": "lines"});
        let idle =
            json!({"connector.class": "FileStreamSink", "file": "/dev/null", "topics": "lines"});
        for (name, config) in [("from", source), ("to", sink), ("paused", idle)] {
            // One that is answered by an error may be made all the same, and is made again by this.
            let path = format!("/connectors/{name}/config");
            let made = wait::until_or(Instant::now() + PATIENCE, || {
                let answer = rest.put(&path, &config);
                matches!(answer.status, 200 | 201).then_some(())
            });
            ensure!(made.is_some(), "Kafka Connect does not make {name}");
        }
        await_state(&rest, "paused", "RUNNING")?;
        rest.put("/connectors/paused/pause", &Value::Null);
        await_state(&rest, "paused", "PAUSED")?;
        self.await_output("1\n2\n")?;
        java.stop()?;
        println!("group: Kafka Connect has made connectors, moved records and stopped");
        Ok(())
    }

    /// Millrace goes on from there, changes some things and stops.
    fn take_over(&self) -> anyhow::Result<()> {
        self.append("3\n")?;
        let (mut millrace, rest) = self.millrace();
        self.await_output("1\n2\n3\n")?;
        await_state(&rest, "paused", "PAUSED")?;
        await_state(&rest, "from", "RUNNING")?;
        let offset = rest.get("/connectors/from/offsets").body;
        ensure!(
            offset["offsets"][0]["partition"]["filename"].is_string(),
            "{offset}"
        );
        let config = rest.get("/connectors/to/config").body;
        let body = json!({"name": "new", "config": {
            "connector.class": config["connector.class"],
            "file": self.sandbox.join("new.txt"),
            "topics": "lines",
            "tasks.max": "2",
        }});
        let answer = rest.post("/connectors", &body);
        ensure!(answer.status == 201, "{}", answer.body);
        await_state(&rest, "new", "RUNNING")?;
        ensure!(rest.put("/connectors/paused/stop", &Value::Null).status == 204);
        let stopped = wait::until_or(Instant::now() + PATIENCE, || {
            let status = rest.get("/connectors/paused/status").body;
            (status["connector"]["state"] == "STOPPED").then_some(())
        });
        ensure!(stopped.is_some(), "the connector does not stop");
        let ended = millrace.stop();
        ensure!(ended.success(), "{ended}: {}", millrace.stderr());
        println!("group: Millrace has gone on, made and stopped connectors, and stopped");
        Ok(())
    }

    /// Kafka Connect goes on from there; then both are there, then Millrace alone.
    fn give_back(&self) -> anyhow::Result<()> {
        self.append("4\n")?;
        let (mut java, of_java) = self.java()?;
        self.await_output("1\n2\n3\n4\n")?;
        await_state(&of_java, "new", "RUNNING")?;
        let status = of_java.get("/connectors/paused/status").body;
        ensure!(status["connector"]["state"] == "STOPPED", "{status}");
        println!("group: Kafka Connect has gone on from there");

        let (mut millrace, of_millrace) = self.millrace();
        let shared = wait::until_or(Instant::now() + PATIENCE, || {
            let mine = placement(&of_millrace);
            let workers = |id: &str| mine.values().filter(|(worker, _)| worker == id).count();
            let both_work = workers(of_java.address()) > 0 && workers(of_millrace.address()) > 0;
            let settled = mine
                .values()
                .all(|(_, state)| state == "RUNNING" || state == "STOPPED");
            (both_work && settled && mine == placement(&of_java)).then_some(mine)
        });
        let shared = shared.with_context(|| {
            format!(
                "the workers do not share: {:?} {:?}\n{}",
                placement(&of_millrace),
                placement(&of_java),
                millrace.stderr()
            )
        })?;
        // Whoever of them leads, each passes on what the other has to answer.
        for (item, _) in shared
            .iter()
            .filter(|(item, _)| !item.contains('-') && *item != "paused")
        {
            for rest in [&of_java, &of_millrace] {
                let restarted = wait::until_or(Instant::now() + PATIENCE, || {
                    let answer = rest.post(&format!("/connectors/{item}/restart"), &Value::Null);
                    (answer.status == 204).then_some(())
                });
                ensure!(
                    restarted.is_some(),
                    "{item} cannot be restarted by {}",
                    rest.address()
                );
            }
        }
        println!("group: both share the work: {shared:?}");
        java.stop()?;
        self.append("5\n")?;
        self.await_output("1\n2\n3\n4\n5\n")?;
        await_state(&of_millrace, "new", "RUNNING")?;
        let ended = millrace.stop();
        ensure!(ended.success(), "{ended}: {}", millrace.stderr());
        println!("group: Millrace alone has gone on after that");
        Ok(())
    }

    fn append(&self, lines: &str) -> anyhow::Result<()> {
        append(&self.sandbox.join("in.txt"), lines)
    }

    /// Waits until the sink's file holds just this.
    fn await_output(&self, expected: &str) -> anyhow::Result<()> {
        let arrived = wait::until_or(Instant::now() + PATIENCE, || {
            (self.sandbox.read("out.txt").len() >= expected.len()).then_some(())
        });
        let found = String::from_utf8_lossy(&self.sandbox.read("out.txt")).into_owned();
        ensure!(
            arrived.is_some() && found == expected,
            "{expected:?} should have arrived, not {found:?}"
        );
        Ok(())
    }
}

fn append(path: &Path, lines: &str) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    Ok(file.write_all(lines.as_bytes())?)
}

fn await_state(rest: &Rest, name: &str, state: &str) -> anyhow::Result<()> {
    let mut last = Value::Null;
    let came = wait::until_or(Instant::now() + PATIENCE, || {
        last = rest.get(&format!("/connectors/{name}/status")).body;
        let is = |part: &Value| part["state"] == state;
        let tasks = last["tasks"]
            .as_array()
            .is_some_and(|tasks| !tasks.is_empty() && tasks.iter().all(is));
        (tasks && is(&last["connector"])).then_some(())
    });
    came.with_context(|| format!("{name} and its tasks are not {state}: {last}"))
}
