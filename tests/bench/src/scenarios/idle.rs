//! What tasks cost that have nothing to do: one process with the included broker, as one worker of a group is that is
//! a complete installation, without tasks, with a thousand of sources and with a thousand of sinks.
//!
//! Where the broker is a process of its own, `millrace-system soak group-idle` measures the same.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use millrace_system::process::Millrace;
use millrace_system::rest::Rest;
use millrace_system::sandbox::Sandbox;
use serde_json::{Value, json};

use super::wait_until;
use crate::report::Figure;
use crate::resources::{processor_seconds, resident_mb};

const CONNECTORS: usize = 200;
const TASKS: usize = 5;

/// Partitions of the topic that sinks wait for: as many as a connector's tasks, or some tasks would not even ask.
const PARTITIONS: usize = TASKS;

/// How long idleness lasts before it is measured, and how long it is measured.
const SETTLED: Duration = Duration::from_secs(10);
const WATCHED: Duration = Duration::from_secs(30);

/// Between two looks at the tasks, which are work for the worker, too.
const LOOK: Duration = Duration::from_millis(200);

/// Measures processor time and memory without tasks and with idle ones of each kind.
pub(crate) fn idle() -> anyhow::Result<Vec<Figure>> {
    let sandbox = Sandbox::new();
    let file = sandbox.write(
        "worker.properties",
        format!(
            "group.id=idle\n\
             config.storage.topic=configs\noffset.storage.topic=offsets\nstatus.storage.topic=statuses\n\
             key.converter=org.apache.kafka.connect.storage.StringConverter\n\
             value.converter=org.apache.kafka.connect.storage.StringConverter\n\
             broker.listeners=PLAINTEXT://127.0.0.1:0\nbroker.log.dirs=data\n\
             broker.num.partitions={PARTITIONS}\nlisteners=http://127.0.0.1:0\n"
        ),
    );
    let mut millrace = Millrace::start(&sandbox, ["distributed".into(), file]);
    let rest = Rest::new(&millrace.address("rest "));
    wait_until("the start", || Ok(rest.get("/connectors").status == 200))?;
    let mut figures = watch(millrace.id(), "no tasks")?;
    let source =
        json!({"connector.class": "DataGenerator", "topic": "made", "rate": "1", "records": "0"});
    let sink = json!({"connector.class": "FileStreamSink", "topics": "waited-for", "file": sandbox.join("out")});
    for (kind, config) in [("source", source), ("sink", sink)] {
        create(&rest, config)?;
        figures.extend(watch(
            millrace.id(),
            &format!("{} idle {kind} tasks", CONNECTORS * TASKS),
        )?);
        delete(&rest)?;
    }
    Ok(figures)
}

fn watch(process: u32, what: &str) -> anyhow::Result<Vec<Figure>> {
    thread::sleep(SETTLED);
    let (before, started) = (processor_seconds(process)?, Instant::now());
    thread::sleep(WATCHED);
    let busy = processor_seconds(process)? - before;
    let share = 100.0 * busy / started.elapsed().as_secs_f64();
    let memory = resident_mb(process, "VmRSS:")?;
    Ok(vec![
        Figure::of(format!("processor, {what}"), "%", &[share]),
        Figure::of(format!("resident memory, {what}"), "MB", &[memory]),
    ])
}

fn create(rest: &Rest, mut config: Value) -> anyhow::Result<()> {
    config["tasks.max"] = TASKS.to_string().into();
    for number in 0..CONNECTORS {
        let answer = rest.put(&format!("/connectors/idle-{number}/config"), &config);
        ensure!(answer.status == 201, "cannot create: {}", answer.body);
    }
    wait_until("the start of all tasks", || {
        thread::sleep(LOOK);
        Ok(running(rest) == CONNECTORS * TASKS)
    })
}

fn delete(rest: &Rest) -> anyhow::Result<()> {
    for number in 0..CONNECTORS {
        let answer = rest.delete(&format!("/connectors/idle-{number}"));
        ensure!(answer.status == 204, "cannot delete: {}", answer.body);
    }
    wait_until("the end of all tasks", || {
        thread::sleep(LOOK);
        Ok(running(rest) == 0)
    })
}

/// How many tasks run.
fn running(rest: &Rest) -> usize {
    let answer = rest.get("/connectors?expand=status").body;
    let shown = answer.as_object().into_iter().flatten();
    let tasks = shown.flat_map(|(_, shown)| shown["status"]["tasks"].as_array());
    tasks
        .flatten()
        .filter(|task| task["state"] == "RUNNING")
        .count()
}
