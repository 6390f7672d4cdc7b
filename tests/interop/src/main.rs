//! The included broker against clients by others, each through a small program in its own language:
//! `cargo run -p millrace-interop -- NAME...`, or `all`. `clients/README.md` says what each program does.
//!
//! Every client goes through the same [`suite`]: its own checks, the standard records with every codec, and a group
//! whose members come, leave and are killed. Several clients together read what each other wrote, and share groups.
//! With `--reference` the broker is Apache Kafka, so that a difference is found by looking at both.
//!
//! `cargo run -p millrace-interop -- rest` holds Kafka Connect's Java worker against the tables of the REST API;
//! `brokers` has a group of workers go on while nodes of Apache Kafka are killed, as long as `--duration` says;
//! `group` has Kafka Connect and Millrace take over a group's connectors from each other, and share them;
//! `log4j` has Kafka's log4j appender and Millrace's log4rs appender make lines of the same settings;
//! `takeover` has Apache Kafka write a log directory that Millrace opens; `http` has the HTTP sink write to real
//! servers, `http NAME...` only to those named so; `pipeline` runs the same connectors on Kafka
//! Connect and on Millrace and compares what becomes of the records, `pipeline NAME...` only those named so; `registry`
//! has the converters of Avro, Protobuf and JSON Schema work with a schema registry and a reader by others;
//! `connect-clients` has clients of Kafka Connect's REST API by others walk through it; `security` has Millrace get into
//! listeners of Apache Kafka with TLS, client certificates and SASL; `syslog` has `logger` and rsyslog send to the syslog
//! source.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool of the tests"
)]

mod broker;
mod brokers;
mod certificates;
mod clients;
mod connect_clients;
mod cross;
mod dump;
mod group;
mod http;
mod log4j;
mod member;
mod pipeline;
mod rebalance;
mod registry;
mod rest;
mod security;
mod standard;
mod suite;
mod syslog;
mod takeover;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Parser;
use millrace_interop::{connect, install, kafka, output};

use crate::{
    broker::{Broker, Kind},
    clients::Client,
};

/// Checks with clients by others.
#[derive(Debug, Parser)]
#[command(name = "millrace-interop")]
struct Arguments {
    /// Clients by name, or `all`; without any, their names are listed. Alone, `rest` is the REST API of Kafka Connect,
    /// `brokers` a group whose brokers are killed,
    /// `group` the topics of a group that it shares with Millrace,
    /// `log4j` an appender of Kafka's beside ours,
    /// `takeover` a log directory of Apache Kafka, `registry` a schema registry, `connect-clients` clients of the REST
    /// API, `security` protected listeners of Apache Kafka, `syslog` senders of syslog; `pipeline` and `http` come first, cases
    /// or servers of theirs may follow
    names: Vec<String>,
    /// Checks Apache Kafka instead, as a reference
    #[arg(long)]
    reference: bool,
    /// What the random choices of `brokers` follow from; without it another one each time
    #[arg(long)]
    seed: Option<u64>,
    /// Seconds for which `brokers` kills nodes; without it each node once
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let kind = if arguments.reference {
        Kind::Kafka
    } else {
        Kind::Millrace
    };
    if let Some(outcome) = alone(arguments) {
        return outcome;
    }
    let chosen = choose(&arguments.names)?;
    for client in &chosen {
        println!("{}: {}", client.name(), client.install()?);
    }
    let mut failed = Vec::new();
    for client in &chosen {
        let started = Instant::now();
        let check = |broker: &Broker| {
            ensure!(suite::run(client.as_ref(), broker), "see above");
            Ok(())
        };
        if let Err(error) = with_broker(kind, check) {
            println!("{}: FAILED: {error:#}", client.name());
            failed.push(client.name());
        }
        println!("{}: {} s", client.name(), started.elapsed().as_secs());
    }
    if chosen.len() > 1 {
        let started = Instant::now();
        if let Err(error) = with_broker(kind, |broker| cross::run(&chosen, broker)) {
            println!("together: FAILED: {error:#}");
            failed.push("together");
        }
        println!("together: {} s", started.elapsed().as_secs());
    }
    ensure!(failed.is_empty(), "{}", failed.join(", "));
    Ok(())
}

/// Runs what is no client of a broker, and is named alone.
fn alone(arguments: &Arguments) -> Option<anyhow::Result<()>> {
    let (first, rest) = arguments.names.split_first()?;
    match first.as_str() {
        "http" => return Some(http::run(rest)),
        "pipeline" => return Some(pipeline::run(rest)),
        _ => {}
    }
    if !rest.is_empty() {
        return None;
    }
    Some(match first.as_str() {
        "brokers" => brokers::run(arguments.seed, arguments.duration.map(Duration::from_secs)),
        "connect-clients" => connect_clients::run(arguments.reference),
        "group" => group::run(),
        "log4j" => log4j::run(),
        "registry" => registry::run(),
        "rest" => rest::run(),
        "security" => security::run(),
        "syslog" => syslog::run(),
        "takeover" => takeover::run(),
        _ => return None,
    })
}

/// The clients of these names, in the order of the table.
fn choose(names: &[String]) -> anyhow::Result<Vec<Box<dyn Client>>> {
    let all = clients::all();
    let known: Vec<_> = all.iter().map(|client| client.name()).collect();
    ensure!(!names.is_empty(), "which? all, or: {}", known.join(" "));
    for name in names {
        ensure!(
            name == "all" || known.contains(&name.as_str()),
            "no client is named {name}; there are {}",
            known.join(" ")
        );
    }
    let wanted = |name: &str| names.iter().any(|one| one == "all" || one == name);
    Ok(all
        .into_iter()
        .filter(|client| wanted(client.name()))
        .collect())
}

/// Starts a broker for `check`. It must stop cleanly afterwards, and Kafka's own tool reads what it leaves behind.
fn with_broker(
    kind: Kind,
    check: impl FnOnce(&Broker) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut broker = Broker::start(kind)?;
    let result = check(&broker).with_context(|| broker.said());
    broker.stop()?;
    result?;
    dump::check(&broker.logs(), &[]).context("kafka-dump-log")?;
    Ok(())
}
