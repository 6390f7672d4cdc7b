//! Clients of Kafka Connect's REST API by others, unchanged: each walks its own way through the API, on a worker that
//! stands alone and on one that passes requests on to the leader of its group. With `--reference` on Kafka Connect's.

mod client;
mod workers;

use std::{thread, time::Instant};

use anyhow::{Context as _, ensure};
use millrace_system::sandbox::Sandbox;

use self::{
    client::{CLIENTS, Client},
    workers::{Kind, Workers},
};
use crate::connect::Mode;

/// Runs all clients in both modes.
pub(crate) fn run(is_reference: bool) -> anyhow::Result<()> {
    for client in &CLIENTS {
        println!("connect-clients: {}: {}", client.name, client.install()?);
    }
    let kind = if is_reference {
        Kind::Java
    } else {
        Kind::Millrace
    };
    let mut failed = Vec::new();
    for (mode, name) in [
        (Mode::Standalone, "standalone"),
        (Mode::Distributed, "distributed"),
    ] {
        let sandbox = Sandbox::new();
        let mut workers = Workers::start(kind, mode, &sandbox).with_context(|| name)?;
        for (client, outcome) in walks(&sandbox, &workers, kind) {
            match outcome {
                Ok(said) => println!("connect-clients: {name}: {}: {said}", client.name),
                Err(error) => {
                    println!(
                        "connect-clients: {name}: {}: FAILED: {error:#}",
                        client.name
                    );
                    failed.push(format!("{name}: {}", client.name));
                }
            }
        }
        let said = workers.stop()?;
        if !failed.is_empty() {
            println!("{said}");
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join(", "));
    Ok(())
}

/// What becomes of each walk. Kafka Connect answers 409 while it deals with others, so there they come one by one.
fn walks(
    sandbox: &Sandbox,
    workers: &Workers,
    kind: Kind,
) -> Vec<(&'static Client, anyhow::Result<String>)> {
    let (url, folder) = (workers.url(), sandbox.path());
    let walk = |client: &'static Client| {
        let started = Instant::now();
        let file = folder.join(format!("{}.in", client.name));
        let walked = client.walk(url, &file);
        walked.map(|steps| format!("{steps} steps, {} s", started.elapsed().as_secs()))
    };
    match kind {
        Kind::Java => CLIENTS
            .iter()
            .map(|client| (client, walk(client)))
            .collect(),
        Kind::Millrace => thread::scope(|scope| {
            let running: Vec<_> = CLIENTS
                .iter()
                .map(|client| (client, scope.spawn(move || walk(client))))
                .collect();
            let ended = running.into_iter().map(|(client, walk)| {
                let outcome = walk.join();
                let outcome = outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked")));
                (client, outcome)
            });
            ended.collect()
        }),
    }
}
