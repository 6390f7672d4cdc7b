//! A producer that shows three ways to send, five ways to choose a partition, two interceptors, and how a topic is
//! made first.
//!
//! ```text
//! millrace broker                       # or any Kafka cluster
//! cargo run -p millrace-examples --example producer -- wait
//! cargo run -p millrace-examples --example producer -- --topic orders --partitions 3 --count 20 round-robin
//! ```
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

mod interceptors;
mod partitioners;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use millrace_client::Cluster;
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::producer::partitioner::Partitioning;
use millrace_client::producer::{Interceptor, Producer, ProducerConfig};
use millrace_config::Properties;
use millrace_wire::error_code::ErrorCode;

#[derive(Parser)]
struct Arguments {
    /// Some brokers of the cluster.
    #[arg(long, default_value = "127.0.0.1:9092")]
    bootstrap_server: String,
    /// Where records go.
    #[arg(long, default_value = "orders")]
    topic: String,
    /// How many records.
    #[arg(long, default_value_t = 10)]
    count: u32,
    /// Make the topic first, with so many partitions, if it is not there.
    #[arg(long)]
    partitions: Option<i32>,
    /// Who has to have a record before it counts: all, 1 or 0.
    #[arg(long, default_value = "all")]
    acks: String,
    /// How batches are compressed: none, gzip, snappy, lz4 or zstd.
    #[arg(long, default_value = "lz4")]
    compression: String,
    /// What to show.
    mode: Mode,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Send one record, wait for its acknowledgement, send the next.
    Wait,
    /// Send on, and be called back with each acknowledgement.
    CallBack,
    /// Send on, and never hear of it.
    Forget,
    /// Records of a key go to one partition: the same one that Java clients choose.
    ByKey,
    /// Records without a key fill one partition's batch, then another's.
    Sticky,
    /// The caller names the partition.
    Explicit,
    /// Each record goes to the next partition.
    RoundRobin,
    /// A partitioner of this program's own chooses.
    Own,
    /// Two interceptors stamp and count the records.
    Intercept,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let topic: Arc<str> = arguments.topic.as_str().into();
    let counters = Arc::new(interceptors::Counters::default());
    let producer = producer(&arguments, &counters)?;
    if let Some(partitions) = arguments.partitions {
        make_topic(producer.config(), &topic, partitions).await?;
    }

    match arguments.mode {
        Mode::Wait | Mode::Intercept => sending::wait(&producer, &topic, arguments.count).await?,
        Mode::CallBack => sending::call_back(&producer, &topic, arguments.count).await?,
        Mode::Forget => sending::forget(&producer, &topic, arguments.count).await?,
        Mode::Sticky => partitioners::sticky(&producer, &topic, arguments.count).await?,
        Mode::Explicit => partitioners::explicit(&producer, &topic, arguments.count).await?,
        Mode::ByKey | Mode::RoundRobin | Mode::Own => {
            partitioners::chosen(&producer, &topic, arguments.count).await?;
        }
    }

    // Whatever is still on its way gets ten seconds.
    producer.close(Duration::from_secs(10)).await;
    if arguments.mode == Mode::Intercept {
        println!("{counters}");
    }
    Ok(())
}

/// All settings are Kafka's; what is code, partitioner and interceptors, is set beside them.
fn producer(arguments: &Arguments, counters: &Arc<interceptors::Counters>) -> Result<Producer> {
    let settings = Properties::from([
        (
            "bootstrap.servers".to_owned(),
            arguments.bootstrap_server.clone(),
        ),
        ("client.id".to_owned(), "example-producer".to_owned()),
        ("acks".to_owned(), arguments.acks.clone()),
        ("compression.type".to_owned(), arguments.compression.clone()),
    ]);
    let mut config = ProducerConfig::parse(&settings)?;
    config.partitioning = match arguments.mode {
        Mode::RoundRobin => Partitioning::RoundRobin,
        Mode::Own => Partitioning::Own(Arc::new(partitioners::LargeOrdersFirst)),
        _ => Partitioning::ByKey,
    };
    let chain: Vec<Arc<dyn Interceptor>> = if arguments.mode == Mode::Intercept {
        vec![
            Arc::new(interceptors::Timestamp),
            Arc::clone(counters) as Arc<dyn Interceptor>,
        ]
    } else {
        Vec::new()
    };
    let cluster = Cluster::tcp(config.cluster.clone());
    Ok(Producer::with_interceptors(config, cluster, chain))
}

/// An administrative call says by Kafka's code what went wrong.
async fn make_topic(config: &ProducerConfig, name: &str, partitions: i32) -> Result<()> {
    let admin = Admin::new(&Cluster::tcp(config.cluster.clone()));
    let topic = NewTopic {
        partitions: Some(partitions),
        ..NewTopic::new(name)
    };
    match admin.create_topic(&topic).await {
        Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
            println!("{name} is there already");
            Ok(())
        }
        created => Ok(created?),
    }
}
