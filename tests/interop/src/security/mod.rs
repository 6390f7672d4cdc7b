//! Millrace as a client of Apache Kafka's listeners with TLS, client certificates, SASL PLAIN and SCRAM: the worker's own
//! clients, those of connectors by all prefixes, dead letters, and the command-line tools; and everything that can be
//! wrong, of which each must be told once and clearly.

mod cluster;
mod refused;
mod tools;
mod way;
mod worker;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use millrace_system::{sandbox::Sandbox, wait};
use serde_json::json;

use self::{
    cluster::{Cluster, PASSWORDS},
    way::Way,
    worker::{Flow, Worker},
};

/// How long sessions may take to be renewed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often sessions are to be renewed while records flow.
const RENEWALS: usize = 4;

/// Runs all of it.
pub(crate) fn run() -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let mut cluster = Cluster::start(&sandbox, &sandbox.join("log"))?;
    refused::check(&cluster)?;
    let ways = cluster.ways();
    for (index, way) in ways.iter().enumerate() {
        let started = Instant::now();
        let other = |step: usize| &ways[(index + step) % ways.len()];
        one_way(way)
            .and_then(|()| three_ways(way, other(1), other(2)))
            .with_context(|| way.name.clone())?;
        println!(
            "security: {}: a worker, its connectors and the tools get in, {} ms",
            way.name,
            started.elapsed().as_millis()
        );
    }
    cluster.stop()
}

/// Everything goes the same way, by the worker's own keys alone.
fn one_way(way: &Way) -> anyhow::Result<()> {
    let worker = Worker::start(&way.name, way, None);
    let flow = Flow::named(&way.name);
    worker.run(&flow, None)?;
    tools::queue_by_rest(&worker, &flow)?;
    tools::check(&worker, &flow, way)?;
    if way.name == "scram-512" {
        renewed(&worker, &flow)?;
    }
    worker.stop(&PASSWORDS)
}

/// The worker goes one way, the clients of its connectors another, those of some connectors a third.
fn three_ways(own: &Way, clients: &Way, overrides: &Way) -> anyhow::Result<()> {
    let name = format!("{}-three", own.name);
    let worker = Worker::start(&name, own, Some(clients));
    let flow = Flow::named(&format!("{name}-prefixes"));
    worker.run(&flow, None)?;
    tools::queue_by_rest(&worker, &flow)?;
    worker.run(&Flow::named(&format!("{name}-overrides")), Some(overrides))?;
    worker.stop(&PASSWORDS)
}

/// Sessions end after some seconds and are renewed on their connections, which nobody notices.
fn renewed(worker: &Worker, flow: &Flow) -> anyhow::Result<()> {
    let level = json!({"level": "DEBUG"});
    let answer = worker
        .rest
        .put("/admin/loggers/millrace_client::connection", &level);
    ensure!(answer.status == 200, "{}", answer.body);
    let renewals = || {
        worker
            .millrace
            .stderr()
            .matches("authenticating again")
            .count()
    };
    let came = wait::until_or(Instant::now() + PATIENCE, || {
        (renewals() >= RENEWALS).then_some(())
    });
    ensure!(came.is_some(), "{} renewals", renewals());
    worker.append(flow, 5)?;
    let said = worker.millrace.stderr();
    let amiss = said
        .lines()
        .find(|line| line.contains(" WARN ") || line.contains(" ERROR "));
    ensure!(amiss.is_none(), "{amiss:?}");
    Ok(())
}
