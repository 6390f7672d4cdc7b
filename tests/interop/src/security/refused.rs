//! Ways that do not lead in: tools and workers end with one message that says what is wrong, and so do tasks where
//! nothing changes by itself.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use millrace_system::{process::Millrace, sandbox::Sandbox, tool, wait};
use serde_json::json;

use super::{
    cluster::{Cluster, PASSWORDS, Refusal},
    way::Way,
    worker::{Worker, properties},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// The exit code where brokers do not let the client in.
const UNREACHABLE: i32 = 3;

/// Tries each of them.
pub(super) fn check(cluster: &Cluster) -> anyhow::Result<()> {
    let worker = Worker::start("refused", &cluster.plaintext(), None);
    for (way, refusal) in cluster.dead_ends() {
        let started = Instant::now();
        of_tool(&way, refusal)
            .and_then(|()| of_start(&way, refusal))
            .and_then(|()| of_tasks(&worker, &way, refusal))
            .with_context(|| way.name.clone())?;
        println!(
            "security: {}: {:?}, {} ms",
            way.name,
            refusal.said(),
            started.elapsed().as_millis()
        );
    }
    worker.stop(&PASSWORDS)
}

/// A message says it once, and no secret.
fn is_clear(said: &str, refusal: Refusal) -> anyhow::Result<()> {
    let count = said.matches(refusal.said()).count();
    ensure!(
        count == 1,
        "{:?} is there {count} times: {said}",
        refusal.said()
    );
    for secret in PASSWORDS.into_iter().chain(["wrong"]) {
        ensure!(!said.contains(secret), "a password is shown: {said}");
    }
    Ok(())
}

fn of_tool(way: &Way, refusal: Refusal) -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    sandbox.write("client.properties", way.lines(""));
    let ended = tool::run(&sandbox, "topics --list --command-config client.properties");
    ensure!(ended.code() == Some(UNREACHABLE), "{ended:?}");
    is_clear(&ended.stderr, refusal)
}

fn of_start(way: &Way, refusal: Refusal) -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let file = sandbox.write("worker.properties", properties("refused", way, None));
    let mut millrace = Millrace::start(&sandbox, ["distributed".into(), file]);
    let status = millrace.wait();
    let said = millrace.stderr();
    ensure!(status.code() == Some(UNREACHABLE), "{status}: {said}");
    is_clear(&said, refusal)
}

/// Tasks whose clients cannot get in.
fn of_tasks(worker: &Worker, way: &Way, refusal: Refusal) -> anyhow::Result<()> {
    let input = worker.sandbox.write("refused.in", "a line\n");
    let source = json!({"connector.class": "FileStreamSource", "file": input, "topic": "refused"});
    let output = worker.sandbox.join("refused.out");
    let sink = json!({"connector.class": "FileStreamSink", "file": output, "topics": "refused"});
    for (kind, config) in [("source", source), ("sink", sink)] {
        let name = format!("{}-{kind}", way.name);
        worker.create(&name, config, Some(way))?;
        let told = match refusal {
            Refusal::ForGood(_) => failure(worker, &name)?,
            Refusal::MayPass(said) => warning(worker, &name, said)?,
        };
        is_clear(&told, refusal).with_context(|| name.clone())?;
        let deleted = worker.rest.delete(&format!("/connectors/{name}"));
        ensure!(deleted.status == 204, "{}", deleted.body);
    }
    Ok(())
}

/// The trace of a task that must fail.
fn failure(worker: &Worker, name: &str) -> anyhow::Result<String> {
    let path = format!("/connectors/{name}/status");
    let trace = wait::until_or(Instant::now() + PATIENCE, || {
        let status = worker.rest.get(&path).body;
        let task = &status["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap_or_default().to_owned())
    });
    trace.with_context(|| format!("does not fail: {}", worker.rest.get(&path).body))
}

/// What the worker's log says of a connector whose task must go on trying.
fn warning(worker: &Worker, name: &str, said: &str) -> anyhow::Result<String> {
    let line = wait::until_or(Instant::now() + PATIENCE, || {
        let log = worker.millrace.stderr();
        let found = log
            .lines()
            .find(|line| line.contains(name) && line.contains(said));
        found.map(str::to_owned)
    });
    let path = format!("/connectors/{name}/status");
    let status = worker.rest.get(&path).body;
    ensure!(status["tasks"][0]["state"] == "RUNNING", "{status}");
    line.with_context(|| format!("nothing is said: {status}\n{}", worker.millrace.stderr()))
}
