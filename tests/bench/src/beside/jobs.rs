//! What each make of worker is given to do.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use millrace_system::rest::Rest;
use millrace_system::sandbox::Sandbox;
use serde_json::{Value, json};

use super::worker::{Make, Worker};
use crate::input::Input;
use crate::resources::{processor_seconds, resident_mb};

/// Connectors that are made one after the other, a task each.
const CONNECTORS: usize = 200;

/// After this a process that does nothing has settled.
const SETTLED: Duration = Duration::from_secs(5);

/// So long the processor's time is watched.
const WATCHED: Duration = Duration::from_secs(20);

/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(20);

/// What was found of one make.
pub(crate) struct Found {
    pub(crate) start_ms: f64,
    pub(crate) idle_mb: f64,
    pub(crate) mb_per_s: f64,
    pub(crate) peak_mb: f64,
    pub(crate) create_s: f64,
    /// Percent of one processor.
    pub(crate) idle_cpu: f64,
    pub(crate) moved_s: f64,
}

/// Does all jobs with workers of one make.
pub(crate) fn run(make: Make, kafka: &str, input: &Input) -> anyhow::Result<Found> {
    let files = Sandbox::new();
    let worker = Worker::first(make, kafka)?;
    thread::sleep(SETTLED);
    let idle_mb = resident_mb(worker.id(), "VmRSS:")?;
    let took = ship(&worker.rest, &files, input)?;
    let peak_mb = resident_mb(worker.id(), "VmHWM:")?;
    let created = create_all(&worker.rest, &files)?;
    thread::sleep(SETTLED);
    let before = processor_seconds(worker.id())?;
    thread::sleep(WATCHED);
    let busy = processor_seconds(worker.id())? - before;
    let moved = kill_another(make, &worker)?;
    Ok(Found {
        start_ms: worker.took.as_secs_f64() * 1e3,
        idle_mb,
        mb_per_s: input.bytes() as f64 / 1e6 / took.as_secs_f64(),
        peak_mb,
        create_s: created.as_secs_f64(),
        idle_cpu: 100.0 * busy / WATCHED.as_secs_f64(),
        moved_s: moved.as_secs_f64(),
    })
}

/// Ships `input` through a topic into a file: from the connectors' creation until the last byte is in the file.
fn ship(rest: &Rest, files: &Sandbox, input: &Input) -> anyhow::Result<Duration> {
    let output = files.join("shipped");
    let path = fs::canonicalize(&input.path)?;
    let started = Instant::now();
    create(
        rest,
        "ship-in",
        &json!({"connector.class": "FileStreamSource", "file": path, "topic": "shipped"}),
    )?;
    create(
        rest,
        "ship-out",
        &json!({"connector.class": "FileStreamSink", "file": output, "topics": "shipped"}),
    )?;
    let arrived = || fs::metadata(&output).map_or(0, |output| output.len());
    await_that("shipping the file", || arrived() >= input.bytes())?;
    let took = started.elapsed();
    for name in ["ship-in", "ship-out"] {
        let answer = rest.delete(&format!("/connectors/{name}"));
        ensure!(
            answer.status == 204,
            "cannot delete {name}: {}",
            answer.body
        );
    }
    fs::remove_file(&output).context("cannot remove what was shipped")?;
    Ok(took)
}

/// Creates the connectors, and waits until all of them and their tasks run.
fn create_all(rest: &Rest, files: &Sandbox) -> anyhow::Result<Duration> {
    let file = files.write("nothing", "");
    let started = Instant::now();
    for number in 0..CONNECTORS {
        let config = json!({
            "connector.class": "FileStreamSource",
            "file": file,
            "topic": format!("topic-{}", number % 10),
        });
        create(rest, &format!("connector-{number}"), &config)?;
    }
    await_that("all connectors to run", || all_run(rest, None))?;
    Ok(started.elapsed())
}

/// Has another worker take its part, and kills it: the time until everything runs on the one that is left.
fn kill_another(make: Make, worker: &Worker) -> anyhow::Result<Duration> {
    let another = Worker::further(make, worker)?;
    let theirs = another.rest.address().to_owned();
    await_that("another worker to take its part", || {
        let (here, there) = (
            count_at(&worker.rest, worker.rest.address()),
            count_at(&worker.rest, &theirs),
        );
        here > 0 && there > 0 && here + there == 2 * CONNECTORS
    })?;
    drop(another);
    let killed = Instant::now();
    let here = worker.rest.address();
    await_that("the work to move", || all_run(&worker.rest, Some(here)))?;
    Ok(killed.elapsed())
}

/// Whether all connectors and their tasks run, at that worker where one is named.
fn all_run(rest: &Rest, at: Option<&str>) -> bool {
    let running = running(rest);
    let counted = running
        .iter()
        .filter(|worker| at.is_none_or(|at| *worker == at));
    counted.count() == 2 * CONNECTORS
}

fn count_at(rest: &Rest, at: &str) -> usize {
    running(rest).iter().filter(|worker| *worker == at).count()
}

/// The worker of each connector and each task that runs.
fn running(rest: &Rest) -> Vec<String> {
    let answer = rest.get("/connectors?expand=status").body;
    let statuses = answer.as_object().into_iter().flatten();
    let parts = statuses.flat_map(|(_, shown)| {
        let status = &shown["status"];
        let tasks = status["tasks"].as_array().into_iter().flatten();
        tasks.chain([&status["connector"]])
    });
    let running = parts.filter(|part| part["state"] == "RUNNING");
    running
        .filter_map(|part| part["worker_id"].as_str().map(str::to_owned))
        .collect()
}

fn create(rest: &Rest, name: &str, config: &Value) -> anyhow::Result<()> {
    let body = json!({"name": name, "config": config});
    let started = Instant::now();
    loop {
        let answer = rest.post("/connectors", &body);
        // While a group rebalances it asks to be asked again.
        match answer.status {
            201 => return Ok(()),
            409 if started.elapsed() < PATIENCE => thread::sleep(LOOK),
            status => anyhow::bail!("cannot create {name}: {status} {}", answer.body),
        }
    }
}

fn await_that(what: &str, mut holds: impl FnMut() -> bool) -> anyhow::Result<()> {
    let started = Instant::now();
    while !holds() {
        ensure!(
            started.elapsed() < PATIENCE,
            "{what} takes more than {PATIENCE:?}"
        );
        thread::sleep(LOOK);
    }
    Ok(())
}
