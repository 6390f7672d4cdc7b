//! A consumer that shows assignors, ways to commit, patterns, waking up, offsets kept outside Kafka, reading again by
//! time, and administrative calls.
//!
//! ```text
//! cargo run -p millrace-examples --example consumer -- read --topic orders
//! cargo run -p millrace-examples --example consumer -- read --pattern 'orders.*' --assignor sticky --commit async
//! cargo run -p millrace-examples --example consumer -- outside --topic orders --folder totals
//! cargo run -p millrace-examples --example consumer -- replay --topic orders --minutes 5
//! cargo run -p millrace-examples --example consumer -- --group example lag
//! ```
//!
//! Start it twice to see a rebalance. Ctrl-C wakes it up, so that it commits and leaves its group.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

mod assignor;
mod lag;
mod outside;
mod read;
mod replay;

use anyhow::Result;
use clap::{Parser, Subcommand};
use millrace_client::consumer::{Consumer, ConsumerConfig, WakeUp};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::{Config, Properties};

#[derive(Parser)]
struct Arguments {
    /// Some brokers of the cluster.
    #[arg(long, global = true, default_value = "127.0.0.1:9092")]
    bootstrap_server: String,
    /// The group to be a member of.
    #[arg(long, global = true, default_value = "example")]
    group: String,
    /// End after so many records.
    #[arg(long, global = true)]
    max_records: Option<u64>,
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Read topics and commit to the group.
    Read(read::Options),
    /// Keep offsets beside the results, in files, so that each record counts exactly once.
    Outside(outside::Options),
    /// Read again what came since a time, without a group.
    Replay(replay::Options),
    /// Tell how far the group is behind.
    Lag,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut settings = Properties::from([
        (
            "bootstrap.servers".to_owned(),
            arguments.bootstrap_server.clone(),
        ),
        ("group.id".to_owned(), arguments.group.clone()),
        ("auto.offset.reset".to_owned(), "earliest".to_owned()),
    ]);
    let max_records = arguments.max_records.unwrap_or(u64::MAX);
    match arguments.mode {
        Mode::Read(options) => {
            options.add_to(&mut settings);
            read::run(consumer(&settings)?, &options, max_records).await
        }
        Mode::Outside(options) => {
            settings.insert("enable.auto.commit".to_owned(), "false".to_owned());
            outside::run(consumer(&settings)?, &options, max_records).await
        }
        Mode::Replay(options) => {
            replay::add_to(&mut settings);
            replay::run(consumer(&settings)?, &cluster(&settings)?, &options).await
        }
        Mode::Lag => lag::run(&cluster(&settings)?, &arguments.group).await,
    }
}

fn cluster(settings: &Properties) -> Result<Cluster> {
    Ok(Cluster::tcp(ClusterConfig::parse(settings)?))
}

/// A consumer that Ctrl-C wakes up.
fn consumer(settings: &Properties) -> Result<Consumer> {
    let consumer = Consumer::new(ConsumerConfig::parse(settings)?, cluster(settings)?);
    tokio::spawn(wake_on_interrupt(consumer.waker()));
    Ok(consumer)
}

/// Any task may end a poll; here one that waits for Ctrl-C.
async fn wake_on_interrupt(waker: WakeUp) {
    while tokio::signal::ctrl_c().await.is_ok() {
        waker.wake_up();
    }
}
